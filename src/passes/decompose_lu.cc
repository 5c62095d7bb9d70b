// SPDX-License-Identifier: Apache-2.0
// L U = P A by panels of columns: a panel in one workgroup's kernel, the rows beside its diagonal by a small triangular
// system, the rest by a product (right-looking; Golub and Van Loan, Matrix Computations, section 3.4).
#include <algorithm>

#include "passes/panels.h"

namespace dragoman::passes {
namespace {

// Rows of each matrix [count, rows, ...] in the order [count, rows].
Value* GatherRows(Value* operand, Value* order, Builder& b) {
  const Dims& dims = operand->type.dims;
  const bool has_columns = dims.size() == 3;
  Attributes attributes;
  attributes.Set(AttrKey::kOffsetDims, has_columns ? std::vector<int64_t>{2} : std::vector<int64_t>{});
  attributes.Set(AttrKey::kCollapsedSliceDims, std::vector<int64_t>{1});
  attributes.Set(AttrKey::kOperandBatchingDims, std::vector<int64_t>{0});
  attributes.Set(AttrKey::kStartIndicesBatchingDims, std::vector<int64_t>{0});
  attributes.Set(AttrKey::kStartIndexMap, std::vector<int64_t>{1});
  attributes.Set(AttrKey::kIndexVectorDim, int64_t{2});
  attributes.Set(AttrKey::kSliceSizes, has_columns ? std::vector<int64_t>{1, 1, dims[2]} : std::vector<int64_t>{1, 1});
  attributes.Set(AttrKey::kIndicesAreSorted, int64_t{0});
  Value* indices = b.Reshape(order, {dims[0], dims[1], 1});
  return b.Make(OpCode::kGather, {operand, indices}, std::move(attributes))->result();
}

// The rows of U right of the panel, where L is its unit triangle; columns before keep what they are.
Value* RowsOfU(Value* rows, Value* panel, Value* first, const Panels& panels, Builder& b) {
  Value* zero = b.Scalar(DType::kS32, 0);
  const int64_t w = panels.width;
  Value* triangle = b.DynamicSlice(panel, {zero, zero, first}, {panel->type.dims[0], w, w});
  return SmallTriangularSolve(b.Transpose(triangle, {0, 2, 1}), rows, true, true, b)->result();
}

const Op* FactorPanel(Builder& b, Value* first, Value* matrix, const Panels& panels) {
  Value* before = PanelColumns(matrix, first, panels, b);
  const int64_t count = before->type.dims[0];
  return b.MakeTyped(OpCode::kLuPanel, {before, first},
                     {before->type, {DType::kS32, {count, panels.width}}, {DType::kS32, {count, panels.rows}}});
}

// Carried: the matrix, the pivots [count, steps], the rows' order.
std::vector<Value*> PanelStep(Builder& b, Value* first, const std::vector<Value*>& carried, const Panels& panels) {
  const Op* factored = FactorPanel(b, first, carried[0], panels);
  Value* panel = factored->result(0);
  Value* order = factored->result(2);
  Value* matrix = GatherRows(carried[0], order, b);
  if (panels.columns > panels.width) {
    Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(panels.width)));
    Value* rows = PanelRows(matrix, first, panels, b);
    Value* solved = RowsOfU(rows, panel, first, panels, b);
    Value* upper = From(2, end, solved, b.SplatLike(solved, 0), b);
    Value* lower = From(2, end, panel, b.SplatLike(panel, 0), b);
    Value* rest = b.Subtract(matrix, SumOfOuterProducts(lower, upper, b));
    matrix = From(1, end, rest, matrix, b);
    matrix = WithPanelRows(matrix, From(2, end, solved, rows, b), first, b);
  }
  matrix = WithPanelColumns(matrix, panel, first, b);
  Value* pivots = b.DynamicUpdateSlice(carried[1], factored->result(1), {b.Scalar(DType::kS32, 0), first});
  return {matrix, pivots, GatherRows(carried[2], order, b)};
}

// The same where panels are quick: they are narrow then, and one kernel does the rest of a step.
std::vector<Value*> HeldPanelStep(Builder& b, Value* first, const std::vector<Value*>& carried, const Panels& panels) {
  const Op* factored = FactorPanel(b, first, carried[0], panels);
  Value* order = factored->result(2);
  Value* matrix = b.Make(OpCode::kLuUpdate, {carried[0], factored->result(0), order, first})->result();
  Value* pivots = b.DynamicUpdateSlice(carried[1], factored->result(1), {b.Scalar(DType::kS32, 0), first});
  return {matrix, pivots, GatherRows(carried[2], order, b)};
}

// Two steps an iteration: the second writes where the first read.
std::vector<Value*> HeldPanelSteps(std::vector<Value*> carried, const Panels& panels, Builder& b) {
  const int64_t odd = panels.count % 2;
  if (odd != 0) carried = HeldPanelStep(b, b.Scalar(DType::kS32, 0), carried, panels);
  const auto two_steps = [&](Builder& body, Value* index, const std::vector<Value*>& now) {
    Value* twice = body.Multiply(index, body.Scalar(DType::kS32, 2));
    Value* first = FirstOf(body.Add(twice, body.Scalar(DType::kS32, static_cast<double>(odd))), panels, body);
    Value* second = body.Add(first, body.Scalar(DType::kS32, static_cast<double>(panels.width)));
    return HeldPanelStep(body, second, HeldPanelStep(body, first, now, panels), panels);
  };
  return panels.count == odd ? carried : b.ForLoop(panels.count / 2, carried, two_steps);
}

}  // namespace

StatusOr<Replacement> DecomposeLu(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  if (op.operands.size() != 1 || op.results.size() != 3) return Replacement();
  const TensorType& type = op.operands[0]->type;
  if (type.rank() < 2 || !(op.type(0) == type) || !HasPanels(type.dtype)) return Replacement();
  const Stack stack = StackOf(type);
  const int64_t steps = std::min(stack.rows, stack.columns);
  Dims pivots_dims = stack.batch, order_dims = stack.batch;
  pivots_dims.push_back(steps);
  order_dims.push_back(stack.rows);
  if (!(op.type(1) == TensorType{DType::kS32, pivots_dims})) return Replacement();
  if (!(op.type(2) == TensorType{DType::kS32, order_dims})) return Replacement();
  Builder& b = context.builder;
  if (stack.count == 0 || steps == 0) {
    return Replacement({op.operands[0], b.Splat(op.type(1), 0), b.Iota(op.type(2), op.type(2).rank() - 1)});
  }
  const Panels panels = PanelsOf(steps, stack.rows, stack.columns, type.dtype, profile);
  Value* matrix = PadToPanels(b.Reshape(op.operands[0], {stack.count, stack.rows, stack.columns}), panels, b);
  Value* pivots = b.Splat({DType::kS32, {stack.count, panels.width * panels.count}}, 0);
  Value* order = b.Iota({DType::kS32, {stack.count, panels.rows}}, 1);
  const auto step = [&](Builder& body, Value* index, const std::vector<Value*>& carried) {
    return PanelStep(body, FirstOf(index, panels, body), carried, panels);
  };
  const std::vector<Value*> results = panels.are_held ? HeldPanelSteps({matrix, pivots, order}, panels, b)
                                                      : b.ForLoop(panels.count, {matrix, pivots, order}, step);
  matrix = b.Slice(results[0], {0, 0, 0}, {stack.count, stack.rows, stack.columns});
  return Replacement({b.Reshape(matrix, type.dims), b.Reshape(b.SliceDim(results[1], 1, 0, steps), op.type(1).dims),
                      b.Reshape(b.SliceDim(results[2], 1, 0, stack.rows), op.type(2).dims)});
}

}  // namespace dragoman::passes
