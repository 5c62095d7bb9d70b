// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// Column j of L from A's column j and the columns before it: (A[:, j] - L L[j, :]^H) / L[j, j].
std::vector<Value*> CholeskyStep(Builder& b, Value* j, Value* matrix, Value* factor) {
  const Dims dims = factor->type.dims;
  const Dims vector = {dims[0], dims[1]};
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* column = b.Reshape(b.DynamicSlice(matrix, {zero, zero, j}, {dims[0], dims[1], 1}), vector);
  Value* row = Conjugate(b.Reshape(b.DynamicSlice(factor, {zero, j, zero}, {dims[0], 1, dims[2]}), vector), b);
  Value* rest = b.Subtract(column, b.Sum(b.Multiply(factor, b.Broadcast(row, dims, {0, 2})), {2}));
  Value* pivot = b.Reshape(b.DynamicSlice(rest, {zero, j}, {dims[0], 1}), {dims[0]});
  Value* root = FromReal(b.Unary(OpCode::kSqrt, RealOf(pivot, b)), factor->type.dtype, b);
  Value* diagonal = b.Broadcast(root, vector, {0});
  Value* is_below = CompareIndex(1, ComparisonDirection::kGt, j, vector, b);
  Value* is_at = CompareIndex(1, ComparisonDirection::kEq, j, vector, b);
  Value* below = b.Select(is_below, b.Divide(rest, diagonal), b.SplatLike(rest, 0));
  Value* next = b.Select(is_at, diagonal, below);
  return {b.DynamicUpdateSlice(factor, b.Reshape(next, {dims[0], dims[1], 1}), {zero, zero, j})};
}

// NaN in the whole triangle of a matrix one of whose pivots was not positive.
Value* MarkFailures(Value* factor, Builder& b) {
  const Dims dims = factor->type.dims;
  Value* rows = b.Iota({DType::kS32, dims}, 1);
  Value* columns = b.Iota({DType::kS32, dims}, 2);
  Value* real = RealOf(factor, b);
  Value* is_positive = b.Compare(ComparisonDirection::kGt, real, b.SplatLike(real, 0));
  Value* is_off_diagonal = b.Compare(ComparisonDirection::kNe, rows, columns);
  Value* is_good = b.Reduce(b.Binary(OpCode::kOr, is_off_diagonal, is_positive), 1, {1, 2}, OpCode::kAnd);
  Value* is_above = b.Compare(ComparisonDirection::kLt, rows, columns);
  Value* is_kept = b.Binary(OpCode::kOr, is_above, b.Broadcast(is_good, dims, {0}));
  return b.Select(is_kept, factor, b.SplatLike(factor, std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace

StatusOr<Replacement> DecomposeCholesky(Op& op, RewriteContext& context) {
  if (op.type().num_elements() == 0) return Replacement();
  Builder& b = context.builder;
  const Stack stack = StackOf(op.type());
  const bool is_lower = op.attributes.Int(AttrKey::kLower) != 0;
  const Dims dims = {stack.count, stack.rows, stack.rows};
  Value* matrix = b.Reshape(op.operands[0], dims);
  // U = L^H, of the matrix whose lower triangle is the conjugate of the upper one at hand.
  if (!is_lower) matrix = Conjugate(b.Transpose(matrix, {0, 2, 1}), b);
  const auto step = [&](Builder& body, Value* j, const std::vector<Value*>& carried) {
    return CholeskyStep(body, j, matrix, carried[0]);
  };
  Value* factor = b.ForLoop(stack.rows, {b.Splat(matrix->type, 0)}, step)[0];
  factor = MarkFailures(factor, b);
  if (!is_lower) factor = Conjugate(b.Transpose(factor, {0, 2, 1}), b);
  return ReplaceWith(b.Reshape(factor, op.type().dims));
}

}  // namespace dragoman::passes
