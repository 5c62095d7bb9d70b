// SPDX-License-Identifier: Apache-2.0
// A = L L^H by blocks of columns: the diagonal block by elimination, the panel below by the block's inverse, the rest
// by a product (right-looking; Golub and Van Loan, Matrix Computations, section 4.2). Elimination leaves the rows of
// L^H times the roots of the pivots, and turns the identity beside it into the inverse: a step of its loop is
// pointwise, one kernel.
#include <limits>

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kBlock = 128;

// Pivot j is eliminated from the rows below: one pointwise step on [count, rows, width].
std::vector<Value*> EliminationStep(Builder& b, Value* j, const std::vector<Value*>& carried) {
  Value* matrix = carried[0];
  const Dims dims = matrix->type.dims;
  const Dims column_dims = {dims[0], dims[1]};
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* row = b.Reshape(b.DynamicSlice(matrix, {zero, j, zero}, {dims[0], 1, dims[2]}), {dims[0], dims[2]});
  Value* column = b.Reshape(b.DynamicSlice(matrix, {zero, zero, j}, {dims[0], dims[1], 1}), column_dims);
  Value* pivot = b.Reshape(b.DynamicSlice(matrix, {zero, j, j}, {dims[0], 1, 1}), {dims[0]});
  Value* multipliers = b.Divide(column, b.Broadcast(pivot, column_dims, {0}));
  Value* is_below = CompareIndex(1, ComparisonDirection::kGt, j, column_dims, b);
  multipliers = b.Select(is_below, multipliers, b.SplatLike(multipliers, 0));
  Value* change = b.Multiply(b.Broadcast(multipliers, dims, {0, 1}), b.Broadcast(row, dims, {0, 2}));
  return {b.Subtract(matrix, change)};
}

// All of the rows; columns beyond the square are carried along.
Value* Eliminate(Value* matrix, Builder& b) { return b.ForLoop(matrix->type.dims[1], {matrix}, EliminationStep)[0]; }

Value* CompareRowsToColumns(ComparisonDirection direction, const Dims& dims, Builder& b) {
  return b.Compare(direction, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
}

Value* Adjoint(Value* matrix, Builder& b) { return Conjugate(b.Transpose(matrix, {0, 2, 1}), b); }

// Rows of an eliminated matrix by the root of their pivots: [L^H | L^-1] where [A | 1] was.
Value* ScaleRows(Value* eliminated, Builder& b) {
  const Dims dims = eliminated->type.dims;
  const Dims square = {dims[0], dims[1], dims[1]};
  Value* left = dims[2] == dims[1] ? eliminated : b.SliceDim(eliminated, 2, 0, dims[1]);
  Value* is_diagonal = CompareRowsToColumns(ComparisonDirection::kEq, square, b);
  Value* pivots = b.Sum(b.Select(is_diagonal, left, b.SplatLike(left, 0)), {2});
  Value* roots = FromReal(b.Unary(OpCode::kSqrt, RealOf(pivots, b)), eliminated->type.dtype, b);
  return b.Divide(eliminated, b.Broadcast(roots, dims, {0, 1}));
}

Value* LowerTriangle(Value* matrix, Builder& b) {
  Value* is_kept = CompareRowsToColumns(ComparisonDirection::kGe, matrix->type.dims, b);
  return b.Select(is_kept, matrix, b.SplatLike(matrix, 0));
}

// Columns [first, first + kBlock): the block's factor on the diagonal, (A[below]) L^-H below, zeros above.
Value* Panel(Value* matrix, Value* first, Builder& b) {
  const Dims dims = matrix->type.dims;
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* diagonal = b.DynamicSlice(matrix, {zero, first, first}, {dims[0], kBlock, kBlock});
  Value* is_diagonal = CompareRowsToColumns(ComparisonDirection::kEq, diagonal->type.dims, b);
  Value* identity = b.Select(is_diagonal, b.SplatLike(diagonal, 1), b.SplatLike(diagonal, 0));
  Value* scaled = ScaleRows(Eliminate(b.Concatenate({diagonal, identity}, 2), b), b);
  Value* factor = LowerTriangle(Adjoint(b.SliceDim(scaled, 2, 0, kBlock), b), b);
  Value* inverse = b.SliceDim(scaled, 2, kBlock, 2 * kBlock);
  Value* panel = b.DynamicSlice(matrix, {zero, zero, first}, {dims[0], dims[1], kBlock});
  panel = b.Dot(panel, Conjugate(inverse, b),
                {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {2}, .rhs_contracting = {2}});
  Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(kBlock)));
  Value* is_below = CompareIndex(1, ComparisonDirection::kGe, end, panel->type.dims, b);
  panel = b.Select(is_below, panel, b.SplatLike(panel, 0));
  return b.DynamicUpdateSlice(panel, factor, {zero, first, zero});
}

std::vector<Value*> BlockStep(Builder& b, Value* i, const std::vector<Value*>& carried) {
  Value* matrix = carried[0];
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* first = b.Multiply(i, b.Scalar(DType::kS32, static_cast<double>(kBlock)));
  Value* panel = Panel(matrix, first, b);
  Value* product = b.Dot(panel, Conjugate(panel, b),
                         {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {2}, .rhs_contracting = {2}});
  Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(kBlock)));
  Value* is_later = CompareIndex(2, ComparisonDirection::kGe, end, matrix->type.dims, b);
  Value* rest = b.Select(is_later, b.Subtract(matrix, product), matrix);
  return {b.DynamicUpdateSlice(rest, panel, {zero, zero, first})};
}

// NaN in the whole triangle of a matrix one of whose pivots was not positive.
Value* MarkFailures(Value* factor, Builder& b) {
  const Dims dims = factor->type.dims;
  Value* real = RealOf(factor, b);
  Value* is_positive = b.Compare(ComparisonDirection::kGt, real, b.SplatLike(real, 0));
  Value* is_off_diagonal = CompareRowsToColumns(ComparisonDirection::kNe, dims, b);
  Value* is_good = b.Reduce(b.Binary(OpCode::kOr, is_off_diagonal, is_positive), 1, {1, 2}, OpCode::kAnd);
  Value* is_above = CompareRowsToColumns(ComparisonDirection::kLt, dims, b);
  Value* is_kept = b.Binary(OpCode::kOr, is_above, b.Broadcast(is_good, dims, {0}));
  return b.Select(is_kept, factor, b.SplatLike(factor, std::numeric_limits<double>::quiet_NaN()));
}

// To whole blocks, with ones on the added diagonal.
Value* PadToBlocks(Value* matrix, Builder& b) {
  const int64_t n = matrix->type.dims[1];
  const int64_t added = (n + kBlock - 1) / kBlock * kBlock - n;
  if (added == 0) return matrix;
  matrix = b.Pad(matrix, b.Scalar(matrix->type.dtype, 0), {0, 0, 0}, {0, added, added});
  const Dims dims = matrix->type.dims;
  Value* is_added = b.Compare(ComparisonDirection::kGe, b.Iota({DType::kS32, dims}, 1),
                              b.Splat({DType::kS32, dims}, static_cast<double>(n)));
  Value* is_diagonal = CompareRowsToColumns(ComparisonDirection::kEq, dims, b);
  return b.Select(b.And(is_added, is_diagonal), b.SplatLike(matrix, 1), matrix);
}

// L of a stack of Hermitian matrices of which the lower triangle counts.
Value* LowerFactor(Value* matrix, Builder& b) {
  const int64_t count = matrix->type.dims[0];
  const int64_t n = matrix->type.dims[1];
  Value* is_lower = CompareRowsToColumns(ComparisonDirection::kGe, matrix->type.dims, b);
  matrix = b.Select(is_lower, matrix, Adjoint(matrix, b));
  if (n <= kBlock) return LowerTriangle(Adjoint(ScaleRows(Eliminate(matrix, b), b), b), b);
  matrix = PadToBlocks(matrix, b);
  matrix = b.ForLoop(matrix->type.dims[1] / kBlock, {matrix}, BlockStep)[0];
  matrix = LowerTriangle(matrix, b);
  return matrix->type.dims[1] == n ? matrix : b.Slice(matrix, {0, 0, 0}, {count, n, n});
}

}  // namespace

StatusOr<Replacement> DecomposeCholesky(Op& op, RewriteContext& context) {
  if (op.type().num_elements() == 0) return Replacement();
  Builder& b = context.builder;
  const Stack stack = StackOf(op.type());
  const bool is_lower = op.attributes.Int(AttrKey::kLower) != 0;
  Value* matrix = b.Reshape(op.operands[0], {stack.count, stack.rows, stack.rows});
  // U = L^H, of the matrix whose lower triangle is the conjugate of the upper one at hand.
  if (!is_lower) matrix = Adjoint(matrix, b);
  Value* factor = MarkFailures(LowerFactor(matrix, b), b);
  if (!is_lower) factor = Adjoint(factor, b);
  return ReplaceWith(b.Reshape(factor, op.type().dims));
}

}  // namespace dragoman::passes
