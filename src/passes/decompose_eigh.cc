// SPDX-License-Identifier: Apache-2.0
// Eigenvalues and eigenvectors of Hermitian matrices by block Jacobi (Golub and Van Loan, Matrix Computations, section
// 8.5). In each round half-blocks of rows meet in pairs; each pair's block on the diagonal is rotated in one workgroup
// (lower/jacobi_rotations.cc), then the blocks of the whole matrix are (lower/rotate_blocks.cc).
#include <algorithm>
#include <limits>

#include "base/arithmetic.h"
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxSweeps = 30;

Value* IsOnDiagonal(const Dims& dims, Builder& b) {
  return b.Compare(ComparisonDirection::kEq, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
}

Value* IdentityLike(const TensorType& type, Builder& b) {
  return b.Select(IsOnDiagonal(type.dims, b), b.Splat(type, 1), b.Splat(type, 0));
}

// Of each matrix, the sum of |x|^2 over all elements, or over those off the diagonal: [count].
Value* SquaredNorms(Value* matrix, bool off_diagonal_only, Builder& b) {
  Value* size = b.Unary(OpCode::kAbs, matrix);
  if (off_diagonal_only) size = b.Select(IsOnDiagonal(matrix->type.dims, b), b.SplatLike(size, 0), size);
  return b.Sum(b.Multiply(size, size), {1, 2});
}

// [count, n, n] times another, of which the first may be taken by its adjoint.
Value* ProductOf(Value* lhs, Value* rhs, bool by_adjoint, Builder& b) {
  const int64_t contracted = by_adjoint ? 1 : 2;
  return b.Dot(by_adjoint ? Conjugate(lhs, b) : lhs, rhs,
               {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {contracted}, .rhs_contracting = {1}});
}

// The matrix, the eigenvectors and the matrix's rotations; a round ends with half-blocks at their next places.
struct JacobiState {
  Value* matrix;
  Value* vectors;
};

Value* RotatedBlocks(Value* matrix, Value* rotations, bool both_sides, Builder& b) {
  Attributes attributes;
  attributes.Set(AttrKey::kBothSides, static_cast<int64_t>(both_sides));
  return b.Make(OpCode::kRotateBlocks, {matrix, rotations}, std::move(attributes))->result();
}

JacobiState JacobiRound(const JacobiState& state, int64_t block, Builder& b) {
  Attributes attributes;
  attributes.Set(AttrKey::kBlockSize, block);
  Value* rotations = b.Make(OpCode::kJacobiRotations, {state.matrix}, std::move(attributes))->result();
  return {RotatedBlocks(state.matrix, rotations, true, b), RotatedBlocks(state.vectors, rotations, false, b)};
}

// After as many rounds as a half-block has partners everybody has met everybody and is back. Two rounds an iteration:
// the second writes where the first read.
JacobiState JacobiSweep(JacobiState state, int64_t block, Builder& b) {
  const int64_t num_pairs = state.matrix->type.dims[1] / block;
  state = JacobiRound(state, block, b);
  if (num_pairs == 1) return state;
  const auto two_rounds = [&](Builder& body, Value*, const std::vector<Value*>& carried) -> std::vector<Value*> {
    const JacobiState next = JacobiRound(JacobiRound({carried[0], carried[1]}, block, body), block, body);
    return {next.matrix, next.vectors};
  };
  const std::vector<Value*> results = b.ForLoop(num_pairs - 1, {state.matrix, state.vectors}, two_rounds);
  return {results[0], results[1]};
}

// Sweeps until what is left off the diagonals is rounding error.
Value* JacobiVectors(Value* matrix, int64_t block, Builder& b) {
  const DType real = RealPart(matrix->type.dtype);
  const double epsilon = real == DType::kF64 ? 0x1p-52 : 0x1p-23;
  Value* all = SquaredNorms(matrix, false, b);
  Value* limit = b.Multiply(all, b.SplatLike(all, epsilon * epsilon * static_cast<double>(matrix->type.dims[1])));
  const auto is_unfinished = [&](Value* now, Builder& inside) {
    Value* is_above = inside.Compare(ComparisonDirection::kGt, SquaredNorms(now, true, inside), limit);
    return inside.Reduce(is_above, 0, {0}, OpCode::kOr);
  };
  const auto goes_on = [](Builder& inside, const std::vector<Value*>& carried) {
    Value* is_early = inside.Compare(ComparisonDirection::kLt, carried[0], inside.Scalar(DType::kS32, kMaxSweeps));
    return inside.And(is_early, carried[1]);
  };
  const auto sweep = [&](Builder& inside, const std::vector<Value*>& carried) -> std::vector<Value*> {
    const JacobiState next = JacobiSweep({carried[2], carried[3]}, block, inside);
    return {inside.Add(carried[0], inside.Scalar(DType::kS32, 1)), is_unfinished(next.matrix, inside), next.matrix,
            next.vectors};
  };
  const std::vector<Value*> initial = {b.Scalar(DType::kS32, 0), is_unfinished(matrix, b), matrix,
                                       IdentityLike(matrix->type, b)};
  Value* vectors = b.While(initial, goes_on, sweep)[3];
  // One step of Newton's makes the columns as orthonormal as products are exact: V (3 I - V^H V) / 2.
  Value* error = b.Subtract(ProductOf(vectors, vectors, true, b), IdentityLike(vectors->type, b));
  Value* half = b.Multiply(ProductOf(vectors, error, false, b), b.SplatLike(vectors, 0.5));
  return b.Subtract(vectors, half);
}

// From the triangle below the diagonal or above it.
Value* Hermitian(Value* matrix, bool is_lower, Builder& b) {
  const Dims& dims = matrix->type.dims;
  Value* row = b.Iota({DType::kS32, dims}, 1);
  Value* column = b.Iota({DType::kS32, dims}, 2);
  const auto direction = is_lower ? ComparisonDirection::kGt : ComparisonDirection::kLt;
  Value* mirrored = Adjoint(matrix, b);
  Value* diagonal = FromReal(RealOf(matrix, b), matrix->type.dtype, b);
  Value* rest = b.Select(b.Compare(ComparisonDirection::kEq, row, column), diagonal, mirrored);
  return b.Select(b.Compare(direction, row, column), matrix, rest);
}

// The columns of `vectors` in the order of their values, both [count, n, n] (each row of values the same).
Op* SortColumns(Value* values, Value* vectors, Builder& b) {
  Attributes attributes;
  attributes.Set(AttrKey::kDimension, int64_t{2});
  attributes.Set(AttrKey::kIsStable, int64_t{1});
  Op* sort = b.MakeTyped(OpCode::kSort, {values, vectors}, {values->type, vectors->type}, std::move(attributes));
  Block& region = *b.block().AddRegion(sort);
  Value* left = region.AddArgument({values->type.dtype, {}});
  Value* right = region.AddArgument({values->type.dtype, {}});
  for (int i = 0; i < 2; ++i) region.AddArgument({vectors->type.dtype, {}});
  Builder comparator(region);
  comparator.MakeTyped(OpCode::kReturn, {comparator.Compare(ComparisonDirection::kLt, left, right)}, {});
  return sort;
}

// [count, n]: v^H A v for each column v.
Value* RayleighQuotients(Value* matrix, Value* vectors, Builder& b) {
  Value* products = b.Multiply(Conjugate(vectors, b), ProductOf(matrix, vectors, false, b));
  return b.Sum(RealOf(products, b), {1});
}

// To whole blocks. Rows of zeros that meet nobody but zeros stay what they are.
Value* PadToPairs(Value* matrix, int64_t block, Builder& b) {
  const int64_t n = matrix->type.dims[1];
  const int64_t added = CeilDiv(n, block) * block - n;
  return added == 0 ? matrix : b.Pad(matrix, b.Scalar(matrix->type.dtype, 0), {0, 0, 0}, {0, added, added});
}

// `value` where the matrix's largest element is finite, else NaN.
Value* WhereFiniteOrNan(Value* largest, Value* value, Builder& b) {
  const double max = largest->type.dtype == DType::kF64 ? std::numeric_limits<double>::max()
                                                        : static_cast<double>(std::numeric_limits<float>::max());
  Value* is_finite = b.Compare(ComparisonDirection::kLe, largest, b.SplatLike(largest, max));
  Value* nan = b.SplatLike(value, std::numeric_limits<double>::quiet_NaN());
  return b.Select(b.Broadcast(is_finite, value->type.dims, {0}), value, nan);
}

}  // namespace

StatusOr<Replacement> DecomposeEigh(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  if (op.operands.size() != 1 || op.results.size() != 2) return Replacement();
  const TensorType& type = op.operands[0]->type;
  const DType real = RealPart(type.dtype);
  if (type.rank() < 2 || !(op.type(0) == type) || (real != DType::kF32 && real != DType::kF64)) return Replacement();
  const Stack stack = StackOf(type);
  Dims values_dims = stack.batch;
  values_dims.push_back(stack.rows);
  if (stack.rows != stack.columns || !(op.type(1) == TensorType{real, values_dims})) return Replacement();
  Builder& b = context.builder;
  if (type.num_elements() == 0) return Replacement({b.Splat(type, 0), b.Splat(op.type(1), 0)});
  const int64_t n = stack.rows;
  const int64_t block = std::min(RotatedRows(type.dtype, profile), n + n % 2);
  if (block == 0) return Replacement();
  const bool is_lower = !op.attributes.Text(AttrKey::kBackendConfig).starts_with("0");
  Value* matrix = Hermitian(b.Reshape(op.operands[0], {stack.count, n, n}), is_lower, b);
  Value* largest = b.Reduce(b.Unary(OpCode::kAbs, matrix), 0, {1, 2}, OpCode::kMaximum);
  Value* is_zero = b.Compare(ComparisonDirection::kEq, largest, b.SplatLike(largest, 0));
  Value* scale = b.Select(is_zero, b.SplatLike(largest, 1), largest);
  matrix = b.Divide(matrix, b.Broadcast(FromReal(scale, type.dtype, b), matrix->type.dims, {0}));
  const std::vector<int64_t> from = {0, 0, 0}, to = {stack.count, n, n};
  Value* vectors = b.Slice(JacobiVectors(PadToPairs(matrix, block, b), block, b), from, to);
  Value* values = RayleighQuotients(matrix, vectors, b);
  values = b.Multiply(values, b.Broadcast(scale, values->type.dims, {0}));
  const Op* sorted = SortColumns(b.Broadcast(values, to, {0, 2}), vectors, b);
  values = b.SliceDim(sorted->result(0), 1, 0, 1);
  return Replacement({b.Reshape(WhereFiniteOrNan(largest, sorted->result(1), b), type.dims),
                      b.Reshape(WhereFiniteOrNan(largest, values, b), op.type(1).dims)});
}

}  // namespace dragoman::passes
