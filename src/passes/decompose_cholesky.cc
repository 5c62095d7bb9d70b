// SPDX-License-Identifier: Apache-2.0
// A = L L^H by blocks of rows of U = L^H: the diagonal block by the kernel for small matrices, the rows beside it by
// solving with that block, the rest by a product (right-looking; Golub and Van Loan, Matrix Computations, section 4.2).
// Complex matrices by elimination, which leaves the rows of L^H times the roots of the pivots.
#include <limits>

#include "base/arithmetic.h"
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// Above this the loop over blocks is split in two, so that the second half works on a quarter of the matrix.
constexpr int64_t kMaxLoopRows = 512;

Value* CompareRowsToColumns(ComparisonDirection direction, const Dims& dims, Builder& b) {
  return b.Compare(direction, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
}

Value* Adjoint(Value* matrix, Builder& b) { return Conjugate(b.Transpose(matrix, {0, 2, 1}), b); }

Value* LowerTriangle(Value* matrix, Builder& b) {
  Value* is_kept = CompareRowsToColumns(ComparisonDirection::kGe, matrix->type.dims, b);
  return b.Select(is_kept, matrix, b.SplatLike(matrix, 0));
}

// --- by blocks

Value* SmallCholesky(Value* matrix, Builder& b) {
  Attributes attributes;
  attributes.Set(AttrKey::kLower, int64_t{1});
  return b.Make(OpCode::kCholesky, {matrix}, std::move(attributes))->result();
}

// Rows [first, first + block) of U, in place of A's; then their products leave the rows below.
Value* FactorBlock(Value* matrix, Value* first, int64_t block, Builder& b) {
  const Dims dims = matrix->type.dims;
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* diagonal = b.DynamicSlice(matrix, {zero, first, first}, {dims[0], block, block});
  Value* rows = b.DynamicSlice(matrix, {zero, first, zero}, {dims[0], block, dims[2]});
  rows = SmallTriangularSolve(SmallCholesky(diagonal, b), rows, true, false, b)->result();
  Value* is_later_column = CompareIndex(2, ComparisonDirection::kGe, first, rows->type.dims, b);
  rows = b.Select(is_later_column, rows, b.SplatLike(rows, 0));
  Value* products =
      b.Dot(rows, rows, {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {1}, .rhs_contracting = {1}});
  Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(block)));
  Value* is_later_row = CompareIndex(1, ComparisonDirection::kGe, end, dims, b);
  Value* rest = b.Select(is_later_row, b.Subtract(matrix, products), matrix);
  return b.DynamicUpdateSlice(rest, rows, {zero, first, zero});
}

// U in the upper triangle; of a symmetric matrix of whole blocks.
Value* FactorBlocks(Value* matrix, int64_t block, Builder& b) {
  const Dims dims = matrix->type.dims;
  const int64_t num_blocks = dims[1] / block;
  const bool splits = dims[1] > kMaxLoopRows;
  const int64_t num_looped = splits ? num_blocks / 2 : num_blocks;
  const auto step = [block](Builder& body, Value* i, const std::vector<Value*>& carried) -> std::vector<Value*> {
    Value* first = body.Multiply(i, body.Scalar(DType::kS32, static_cast<double>(block)));
    return {FactorBlock(carried[0], first, block, body)};
  };
  matrix = b.ForLoop(num_looped, {matrix}, step)[0];
  if (!splits) return matrix;
  const int64_t done = num_looped * block;
  Value* rest = b.Slice(matrix, {0, done, done}, dims);
  Value* place = b.Scalar(DType::kS32, static_cast<double>(done));
  return b.DynamicUpdateSlice(matrix, FactorBlocks(rest, block, b), {b.Scalar(DType::kS32, 0), place, place});
}

// To whole blocks, with ones on the added diagonal.
Value* PadToBlocks(Value* matrix, int64_t block, Builder& b) {
  const int64_t n = matrix->type.dims[1];
  const int64_t added = CeilDiv(n, block) * block - n;
  if (added == 0) return matrix;
  matrix = b.Pad(matrix, b.Scalar(matrix->type.dtype, 0), {0, 0, 0}, {0, added, added});
  const Dims dims = matrix->type.dims;
  Value* rows = b.Iota({DType::kS32, dims}, 1);
  Value* is_added = b.Compare(ComparisonDirection::kGe, rows, b.SplatLike(rows, static_cast<double>(n)));
  Value* is_diagonal = CompareRowsToColumns(ComparisonDirection::kEq, dims, b);
  return b.Select(b.And(is_added, is_diagonal), b.SplatLike(matrix, 1), matrix);
}

Value* FactorByBlocks(Value* matrix, int64_t block, Builder& b) {
  const int64_t count = matrix->type.dims[0];
  const int64_t n = matrix->type.dims[1];
  Value* upper = FactorBlocks(PadToBlocks(matrix, block, b), block, b);
  if (upper->type.dims[1] != n) upper = b.Slice(upper, {0, 0, 0}, {count, n, n});
  return LowerTriangle(Adjoint(upper, b), b);
}

// --- by elimination

// Pivot j is eliminated from the rows below: one pointwise step on [count, n, n].
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

Value* FactorByElimination(Value* matrix, Builder& b) {
  const Dims dims = matrix->type.dims;
  Value* eliminated = b.ForLoop(dims[1], {matrix}, EliminationStep)[0];
  Value* is_diagonal = CompareRowsToColumns(ComparisonDirection::kEq, dims, b);
  Value* pivots = b.Sum(b.Select(is_diagonal, eliminated, b.SplatLike(eliminated, 0)), {2});
  Value* roots = FromReal(b.Unary(OpCode::kSqrt, RealOf(pivots, b)), matrix->type.dtype, b);
  return LowerTriangle(Adjoint(b.Divide(eliminated, b.Broadcast(roots, dims, {0, 1})), b), b);
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

}  // namespace

StatusOr<Replacement> DecomposeCholesky(Op& op, RewriteContext& context, int64_t block) {
  const Stack stack = op.type().num_elements() == 0 ? Stack{} : StackOf(op.type());
  if (stack.count == 0 || stack.rows <= block) return Replacement();
  Builder& b = context.builder;
  const bool is_lower = op.attributes.Int(AttrKey::kLower) != 0;
  Value* matrix = b.Reshape(op.operands[0], {stack.count, stack.rows, stack.rows});
  // U = L^H, of the matrix whose lower triangle is the conjugate of the upper one at hand.
  if (!is_lower) matrix = Adjoint(matrix, b);
  Value* counts = CompareRowsToColumns(ComparisonDirection::kGe, matrix->type.dims, b);
  matrix = b.Select(counts, matrix, Adjoint(matrix, b));
  Value* factor = block > 0 ? FactorByBlocks(matrix, block, b) : FactorByElimination(matrix, b);
  factor = MarkFailures(factor, b);
  if (!is_lower) factor = Adjoint(factor, b);
  return ReplaceWith(b.Reshape(factor, op.type().dims));
}

}  // namespace dragoman::passes
