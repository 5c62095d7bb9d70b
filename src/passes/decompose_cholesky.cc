// SPDX-License-Identifier: Apache-2.0
// A = L L^H by blocks of columns: the diagonal block by elimination, the panel below by the block's inverse, the rest
// by a product (right-looking; Golub and Van Loan, Matrix Computations, section 4.2). Elimination leaves the rows of
// L^H times the roots of the pivots, and turns the identity beside it into the inverse: no roots are taken inside the
// loop. It takes a few pivots at a time, because on a device the number of steps is what costs.
#include <algorithm>
#include <array>
#include <limits>

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kMaxPivots = 4;

int64_t PivotsAtATime(int64_t rows) {
  int64_t count = kMaxPivots;
  while (rows % count != 0) count /= 2;
  return count;
}

// The pivots' own equations, eliminated: U and the multipliers m, each [count]; entries above and on, below the
// diagonal.
struct PivotBlock {
  std::array<std::array<Value*, kMaxPivots>, kMaxPivots> entries;
};

PivotBlock EliminatePivots(Value* pivots, int64_t size, Builder& b) {
  PivotBlock block;
  const int64_t count = pivots->type.dims[0];
  for (int64_t row = 0; row < size; ++row) {
    for (int64_t column = 0; column < size; ++column) {
      Value* entry = b.Reshape(b.Slice(pivots, {0, row, column}, {count, row + 1, column + 1}), {count});
      for (int64_t k = 0; k < std::min(row, column); ++k) {
        entry = b.Subtract(entry, b.Multiply(block.entries[row][k], block.entries[k][column]));
      }
      if (column < row) entry = b.Divide(entry, block.entries[column][column]);
      block.entries[row][column] = entry;
    }
  }
  return block;
}

// One step on [count, rows, width]: `size` pivots from place `first` on are eliminated from the rows below each.
Value* EliminationStep(Value* matrix, Value* first, int64_t size, Builder& b) {
  const Dims dims = matrix->type.dims;
  const int64_t count = dims[0];
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* rows = b.DynamicSlice(matrix, {zero, first, zero}, {count, size, dims[2]});
  Value* columns = b.DynamicSlice(matrix, {zero, zero, first}, {count, dims[1], size});
  const PivotBlock pivots = EliminatePivots(b.DynamicSlice(matrix, {zero, first, first}, {count, size, size}), size, b);
  std::vector<Value*> eliminated_rows, multipliers;
  Value* result = matrix;
  for (int64_t k = 0; k < size; ++k) {
    Value* row = b.Reshape(b.SliceDim(rows, 1, k, k + 1), {count, dims[2]});
    Value* multiplier = b.Reshape(b.SliceDim(columns, 2, k, k + 1), {count, dims[1]});
    for (int64_t i = 0; i < k; ++i) {
      const auto spread = [&](Value* value, const Value* like) { return b.Broadcast(value, like->type.dims, {0}); };
      row = b.Subtract(row, b.Multiply(spread(pivots.entries[k][i], row), eliminated_rows[i]));
      multiplier = b.Subtract(multiplier, b.Multiply(multipliers[i], spread(pivots.entries[i][k], multiplier)));
    }
    multiplier = b.Divide(multiplier, b.Broadcast(pivots.entries[k][k], multiplier->type.dims, {0}));
    eliminated_rows.push_back(row);
    multipliers.push_back(multiplier);
    Value* place = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(k)));
    Value* is_below = CompareIndex(1, ComparisonDirection::kGt, place, multiplier->type.dims, b);
    Value* active = b.Select(is_below, multiplier, b.SplatLike(multiplier, 0));
    result = b.Subtract(result, b.Multiply(b.Broadcast(active, dims, {0, 1}), b.Broadcast(row, dims, {0, 2})));
  }
  return result;
}

// All of the rows; the columns beyond are carried along.
Value* Eliminate(Value* matrix, Builder& b) {
  const int64_t size = PivotsAtATime(matrix->type.dims[1]);
  const auto step = [size](Builder& body, Value* i, const std::vector<Value*>& carried) -> std::vector<Value*> {
    Value* first = body.Multiply(i, body.Scalar(DType::kS32, static_cast<double>(size)));
    return {EliminationStep(carried[0], first, size, body)};
  };
  return b.ForLoop(matrix->type.dims[1] / size, {matrix}, step)[0];
}

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
