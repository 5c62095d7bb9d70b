// SPDX-License-Identifier: Apache-2.0
// A = L L^H by panels of rows of U = L^H: a panel by one kernel, the rest by a product (right-looking; Golub and Van
// Loan, Matrix Computations, section 4.2).
#include <limits>

#include "base/arithmetic.h"
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

Value* CompareRowsToColumns(ComparisonDirection direction, const Dims& dims, Builder& b) {
  return b.Compare(direction, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
}

// Carried: what is left of A, and U. Rows [first, first + block) of U, whose products then leave the rows below.
std::vector<Value*> FactorBlock(const std::vector<Value*>& carried, Value* first, int64_t block, Builder& b) {
  Value* matrix = carried[0];
  const Dims& dims = matrix->type.dims;
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* rows = b.DynamicSlice(matrix, {zero, first, zero}, {dims[0], block, dims[2]});
  Value* upper = b.Make(OpCode::kCholeskyPanel, {rows, first})->result();
  Value* products = b.Dot(Conjugate(upper, b), upper,
                          {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {1}, .rhs_contracting = {1}});
  Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(block)));
  Value* is_later_row = CompareIndex(1, ComparisonDirection::kGe, end, dims, b);
  Value* rest = b.Select(is_later_row, b.Subtract(matrix, products), matrix);
  return {rest, b.DynamicUpdateSlice(carried[1], upper, {zero, first, zero})};
}

// U of a Hermitian matrix of whole blocks.
Value* FactorBlocks(Value* matrix, int64_t block, Builder& b) {
  const Dims dims = matrix->type.dims;
  const int64_t num_blocks = dims[1] / block;
  const bool splits = dims[1] > kMaxLoopRows;
  const int64_t num_looped = splits ? num_blocks / 2 : num_blocks;
  const auto step = [block](Builder& body, Value* i, const std::vector<Value*>& carried) {
    Value* first = body.Multiply(i, body.Scalar(DType::kS32, static_cast<double>(block)));
    return FactorBlock(carried, first, block, body);
  };
  const std::vector<Value*> results = b.ForLoop(num_looped, {matrix, b.Splat(matrix->type, 0)}, step);
  if (!splits) return results[1];
  const int64_t done = num_looped * block;
  Value* rest = b.Slice(results[0], {0, done, done}, dims);
  Value* place = b.Scalar(DType::kS32, static_cast<double>(done));
  return b.DynamicUpdateSlice(results[1], FactorBlocks(rest, block, b), {b.Scalar(DType::kS32, 0), place, place});
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

// A square of invocations holds a panel's block on the diagonal, four rows by four columns each
// (lower/cholesky_panel.cc).
int64_t RowsOfPanel(int64_t n, const target::DeviceProfile& profile) {
  const int64_t most = profile.widest_workgroup() >= 256 ? 64 : 32;
  int64_t rows = 4;
  while (rows < most && rows < n) rows *= 2;
  return rows;
}

}  // namespace

StatusOr<Replacement> DecomposeCholesky(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  const Stack stack = op.type().num_elements() == 0 ? Stack{} : StackOf(op.type());
  const bool is_small = stack.rows <= SmallMatrixRows(op.type().dtype, profile);
  if (stack.count == 0 || is_small || !HasPanels(op.type().dtype)) return Replacement();
  Builder& b = context.builder;
  const bool is_lower = op.attributes.Int(AttrKey::kLower) != 0;
  Value* matrix = b.Reshape(op.operands[0], {stack.count, stack.rows, stack.rows});
  // U = L^H is made of the upper triangle, the products of its rows of both.
  if (is_lower) matrix = Adjoint(matrix, b);
  Value* counts = CompareRowsToColumns(ComparisonDirection::kLe, matrix->type.dims, b);
  matrix = b.Select(counts, matrix, Adjoint(matrix, b));
  const int64_t block = RowsOfPanel(stack.rows, profile);
  const int64_t added = CeilDiv(stack.rows, block) * block - stack.rows;
  if (added > 0) matrix = PadWithIdentity(matrix, added, b);
  Value* factor = FactorBlocks(matrix, block, b);
  factor = b.Slice(factor, {0, 0, 0}, {stack.count, stack.rows, stack.rows});
  factor = MarkFailures(Adjoint(factor, b), b);
  if (!is_lower) factor = Adjoint(factor, b);
  return ReplaceWith(b.Reshape(factor, op.type().dims));
}

}  // namespace dragoman::passes
