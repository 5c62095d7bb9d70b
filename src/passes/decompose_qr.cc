// SPDX-License-Identifier: Apache-2.0
// Householder QR by panels of columns: a panel in one workgroup's kernel, its reflectors applied to the columns after
// it together, as I - V T V^H (Schreiber and Van Loan, A storage-efficient WY representation for products of
// Householder transformations, 1989; conventions of LAPACK's geqrf and orgqr: H = I - tau v v^H with v[j] = 1, R's
// diagonal real).
#include <algorithm>

#include "passes/panels.h"

namespace dragoman::passes {
namespace {

// Reflectors as rows [count, width, rows], their factors [count, width].
struct Reflectors {
  Value* v;
  Value* taus;
};

// The packed panel without R; reflector j begins with a one in row first + j.
Value* UnpackReflectors(Value* panel, Value* first, Builder& b) {
  const Dims& dims = panel->type.dims;
  Value* heads = b.Add(b.Iota({DType::kS32, dims}, 1), b.Fill(first, dims));
  Value* rows = b.Iota({DType::kS32, dims}, 2);
  Value* is_below = b.Compare(ComparisonDirection::kGt, rows, heads);
  Value* is_head = b.Compare(ComparisonDirection::kEq, rows, heads);
  return b.Select(is_below, panel, b.Select(is_head, b.SplatLike(panel, 1), b.SplatLike(panel, 0)));
}

// Row i of [count, width, n] times factor i of [count, width].
Value* ScaleRows(Value* matrix, Value* factors, Builder& b) {
  return b.Multiply(b.Broadcast(factors, matrix->type.dims, {0, 1}), matrix);
}

// matrix - V T V^H matrix, the product of the reflections; with `by_adjoint` T^H. T = (I + D S)^-1 D where D has the
// factors and S is V^H V above its diagonal, so that factors of zero need no care.
Value* ChangeByReflectors(Value* matrix, const Reflectors& reflectors, bool by_adjoint, Builder& b) {
  Value* conjugates = Conjugate(reflectors.v, b);
  Value* products = b.Dot(conjugates, matrix,
                          {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {2}, .rhs_contracting = {1}});
  Value* inner = b.Dot(conjugates, reflectors.v,
                       {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {2}, .rhs_contracting = {2}});
  Value* triangle = ScaleRows(inner, reflectors.taus, b);
  Value* solved = nullptr;
  if (by_adjoint) {
    solved = SmallTriangularSolve(Adjoint(triangle, b), products, true, true, b)->result();
    solved = ScaleRows(solved, Conjugate(reflectors.taus, b), b);
  } else {
    products = ScaleRows(products, reflectors.taus, b);
    solved = SmallTriangularSolve(triangle, products, false, true, b)->result();
  }
  return SumOfOuterProducts(reflectors.v, solved, b);
}

// Carried: the matrix, the factors [count, steps].
std::vector<Value*> QrStep(Builder& b, Value* first, const std::vector<Value*>& carried, const Panels& panels) {
  Value* matrix = carried[0];
  Value* before = PanelColumns(matrix, first, panels, b);
  const TensorType taus_type = {before->type.dtype, {before->type.dims[0], panels.width}};
  const Op* factored = b.MakeTyped(OpCode::kQrPanel, {before, first}, {before->type, taus_type});
  Value* panel = factored->result(0);
  Value* taus = factored->result(1);
  if (panels.columns > panels.width) {
    Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(panels.width)));
    Value* change = ChangeByReflectors(matrix, {UnpackReflectors(panel, first, b), taus}, true, b);
    matrix = From(2, end, b.Subtract(matrix, change), matrix, b);
  }
  matrix = WithPanelColumns(matrix, panel, first, b);
  return {matrix, b.DynamicUpdateSlice(carried[1], taus, {b.Scalar(DType::kS32, 0), first})};
}

Dims WithLast(Dims dims, int64_t last) {
  dims.push_back(last);
  return dims;
}

}  // namespace

StatusOr<Replacement> DecomposeQr(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  if (op.operands.size() != 1 || op.results.size() != 2 || op.operands[0]->type.rank() < 2) return Replacement();
  Builder& b = context.builder;
  const TensorType& type = op.operands[0]->type;
  const Stack stack = StackOf(type);
  const int64_t steps = std::min(stack.rows, stack.columns);
  if (op.type(1).dims != WithLast(stack.batch, steps) || !HasPanels(type.dtype)) return Replacement();
  if (stack.count == 0 || steps == 0) return Replacement({op.operands[0], b.Splat(op.type(1), 0)});
  const Panels panels = PanelsOf(steps, stack.rows, stack.columns, type.dtype, profile);
  Value* matrix = PadToPanels(b.Reshape(op.operands[0], {stack.count, stack.rows, stack.columns}), panels, b);
  Value* taus = b.Splat({op.type(1).dtype, {stack.count, panels.width * panels.count}}, 0);
  const auto step = [&](Builder& body, Value* index, const std::vector<Value*>& carried) {
    return QrStep(body, FirstOf(index, panels, body), carried, panels);
  };
  const std::vector<Value*> results = b.ForLoop(panels.count, {matrix, taus}, step);
  matrix = b.Slice(results[0], {0, 0, 0}, {stack.count, stack.rows, stack.columns});
  return Replacement(
      {b.Reshape(matrix, op.type(0).dims), b.Reshape(b.SliceDim(results[1], 1, 0, steps), op.type(1).dims)});
}

StatusOr<Replacement> DecomposeHouseholderProduct(Op& op, RewriteContext& context,
                                                  const target::DeviceProfile& profile) {
  if (op.operands.size() != 2 || op.results.size() != 1 || op.operands[0]->type.rank() < 2) return Replacement();
  Builder& b = context.builder;
  const TensorType& type = op.operands[0]->type;
  if (!HasPanels(type.dtype)) return Replacement();
  const Stack stack = StackOf(type);
  const int64_t steps = op.operands[1]->type.dims.back();
  const Dims dims = {stack.count, stack.rows, stack.columns};
  Value* is_diagonal =
      b.Compare(ComparisonDirection::kEq, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
  Value* identity = b.Select(is_diagonal, b.Splat({type.dtype, dims}, 1), b.Splat({type.dtype, dims}, 0));
  if (stack.count == 0 || steps == 0) return ReplaceWith(b.Reshape(identity, op.type().dims));
  // Of the reflectors; only the columns of the packed matrix are padded, whatever its rows.
  Panels panels = PanelsOf(steps, stack.rows, stack.columns, type.dtype, profile);
  panels.rows = stack.rows;
  Value* packed = PadToPanels(b.Reshape(op.operands[0], dims), panels, b);
  const int64_t padded_steps = panels.width * panels.count;
  Value* taus = b.Reshape(op.operands[1], {stack.count, steps});
  if (padded_steps != steps) taus = b.Pad(taus, b.Scalar(type.dtype, 0), {0, 0}, {0, padded_steps - steps});
  const auto step = [&](Builder& body, Value* i, const std::vector<Value*>& carried) -> std::vector<Value*> {
    Value* index = body.Subtract(body.Scalar(DType::kS32, static_cast<double>(panels.count - 1)), i);
    Value* first = FirstOf(index, panels, body);
    Value* zero = body.Scalar(DType::kS32, 0);
    Value* v = UnpackReflectors(PanelColumns(packed, first, panels, body), first, body);
    Value* factors = body.DynamicSlice(taus, {zero, first}, {dims[0], panels.width});
    return {body.Subtract(carried[0], ChangeByReflectors(carried[0], {v, factors}, false, body))};
  };
  return ReplaceWith(b.Reshape(b.ForLoop(panels.count, {identity}, step)[0], op.type().dims));
}

}  // namespace dragoman::passes
