// SPDX-License-Identifier: Apache-2.0
// Eigenvalues and eigenvectors of Hermitian matrices by Jacobi's method (Golub and Van Loan, Matrix Computations,
// section 8.5): half as many rotations at once as there are rows, paired as players of a tournament are (Brent and Luk,
// The solution of singular-value and symmetric eigenvalue problems on multiprocessor arrays, 1985).
#include <cmath>

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// Row i of the upper half meets row i of the lower half.
struct Half {
  Value* upper;
  Value* lower;
};

Half Halves(Value* x, int64_t dimension, Builder& b) {
  const int64_t half = x->type.dims[dimension] / 2;
  return {b.SliceDim(x, dimension, 0, half), b.SliceDim(x, dimension, half, 2 * half)};
}

// [count, m] from the diagonals of [count, m, m].
Value* Diagonal(Value* block, Builder& b) {
  const Dims& dims = block->type.dims;
  Value* is_diagonal =
      b.Compare(ComparisonDirection::kEq, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
  return b.Sum(b.Select(is_diagonal, block, b.SplatLike(block, 0)), {2});
}

// Of a rotation [[c, s], [-s conj(e), c conj(e)]] for each pair; all [count, m], of the matrix's type.
struct Rotations {
  Value* c;
  Value* s;
  Value* phase;  // e
};

// What is too small for a phase to be exact; the matrix's largest element is 1.
double Negligible(DType real) { return real == DType::kF64 ? 1e-290 : 1e-30; }

// Those that make the pairs' elements zero, by at most an eighth of a turn.
Rotations FindRotations(Value* matrix, Builder& b) {
  const DType dtype = matrix->type.dtype;
  const Half rows = Halves(matrix, 1, b);
  const Half upper = Halves(rows.upper, 2, b);
  Value* p = RealOf(Diagonal(upper.upper, b), b);
  Value* q = RealOf(Diagonal(Halves(rows.lower, 2, b).lower, b), b);
  Value* off = Diagonal(upper.lower, b);
  Value* size = b.Unary(OpCode::kAbs, off);
  Value* zero = b.SplatLike(size, 0);
  Value* one = b.SplatLike(size, 1);
  Value* is_done = b.Compare(ComparisonDirection::kLt, size, b.SplatLike(size, Negligible(RealPart(dtype))));
  Value* divisor = b.Select(is_done, one, size);
  Value* tau = b.Multiply(b.Divide(b.Subtract(q, p), divisor), b.SplatLike(size, 0.5));
  Value* magnitude = b.Unary(OpCode::kAbs, tau);
  // sqrt(1 + tau^2), where the square may not overflow.
  Value* large = b.Binary(OpCode::kMaximum, magnitude, one);
  Value* small = b.Divide(b.Binary(OpCode::kMinimum, magnitude, one), large);
  Value* root = b.Multiply(large, b.Unary(OpCode::kSqrt, b.Add(one, b.Multiply(small, small))));
  Value* t = b.Divide(one, b.Add(magnitude, root));
  t = b.Select(b.Compare(ComparisonDirection::kLt, tau, zero), b.Unary(OpCode::kNegate, t), t);
  t = b.Select(is_done, zero, t);
  Value* c = b.Unary(OpCode::kRsqrt, b.Add(one, b.Multiply(t, t)));
  Value* phase = b.Divide(off, FromReal(divisor, dtype, b));
  phase = b.Select(is_done, b.SplatLike(phase, 1), phase);
  return {FromReal(c, dtype, b), FromReal(b.Multiply(t, c), dtype, b), phase};
}

// Turns the halves along `dimension` (1: rows, 2: columns) against each other, then moves every player to its next
// place: 0 stays, the others go round.
Value* Turn(Value* x, int64_t dimension, const Rotations& rotations, Builder& b) {
  const Half halves = Halves(x, dimension, b);
  const Dims& dims = halves.upper->type.dims;
  const int64_t m = dims[dimension];
  const auto wide = [&](Value* vector) { return b.Broadcast(vector, dims, {0, dimension}); };
  Value* phase = dimension == 1 ? rotations.phase : Conjugate(rotations.phase, b);
  Value* lower = b.Multiply(halves.lower, wide(phase));
  Value* c = wide(rotations.c);
  Value* s = wide(rotations.s);
  Value* p = b.Subtract(b.Multiply(c, halves.upper), b.Multiply(s, lower));
  Value* q = b.Add(b.Multiply(s, halves.upper), b.Multiply(c, lower));
  const auto part = [&](Value* half, int64_t from, int64_t to) { return b.SliceDim(half, dimension, from, to); };
  if (m == 1) return b.Concatenate({p, q}, dimension);
  std::vector<Value*> parts = {part(p, 0, 1), part(q, 0, 1)};
  if (m > 2) parts.push_back(part(p, 1, m - 1));
  parts.push_back(part(q, 1, m));
  parts.push_back(part(p, m - 1, m));
  return b.Concatenate(std::move(parts), dimension);
}

std::vector<Value*> Round(Builder& b, Value*, const std::vector<Value*>& carried) {
  const Rotations rotations = FindRotations(carried[0], b);
  Value* matrix = Turn(Turn(carried[0], 1, rotations, b), 2, rotations, b);
  return {matrix, Turn(carried[1], 2, rotations, b)};
}

// From the triangle below the diagonal or above it.
Value* Hermitian(Value* matrix, bool is_lower, Builder& b) {
  const Dims& dims = matrix->type.dims;
  Value* row = b.Iota({DType::kS32, dims}, 1);
  Value* column = b.Iota({DType::kS32, dims}, 2);
  const auto direction = is_lower ? ComparisonDirection::kGt : ComparisonDirection::kLt;
  Value* mirrored = Conjugate(b.Transpose(matrix, {0, 2, 1}), b);
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

// A round-off that stays: sweeps converge quadratically, after some that grow with the logarithm of the size.
int64_t NumSweeps(int64_t n, DType real) {
  return 5 + static_cast<int64_t>(std::ceil(std::log2(static_cast<double>(n)))) + (real == DType::kF64 ? 2 : 0);
}

}  // namespace

StatusOr<Replacement> DecomposeEigh(Op& op, RewriteContext& context) {
  if (op.operands.size() != 1 || op.results.size() != 2) return Replacement();
  const TensorType& type = op.operands[0]->type;
  const DType real = RealPart(type.dtype);
  if (type.rank() < 2 || !(op.type(0) == type) || (real != DType::kF32 && real != DType::kF64)) return Replacement();
  const Stack stack = StackOf(type);
  Dims values_dims = stack.batch;
  values_dims.push_back(stack.rows);
  if (stack.rows != stack.columns || type.num_elements() == 0) return Replacement();
  if (!(op.type(1) == TensorType{real, values_dims})) return Replacement();
  Builder& b = context.builder;
  const int64_t n = stack.rows, even = n + n % 2;
  const bool is_lower = !op.attributes.Text(AttrKey::kBackendConfig).starts_with("0");
  Value* matrix = Hermitian(b.Reshape(op.operands[0], {stack.count, n, n}), is_lower, b);
  Value* largest = b.Reduce(b.Unary(OpCode::kAbs, matrix), 0, {1, 2}, OpCode::kMaximum);
  Value* is_zero = b.Compare(ComparisonDirection::kEq, largest, b.SplatLike(largest, 0));
  Value* scale = b.Select(is_zero, b.SplatLike(largest, 1), largest);
  matrix = b.Divide(matrix, b.Broadcast(FromReal(scale, type.dtype, b), matrix->type.dims, {0}));
  // A row of zeros that meets nobody but zeros makes the number of rows even, and stays what it is.
  if (even != n) matrix = b.Pad(matrix, b.Scalar(type.dtype, 0), {0, 0, 0}, {0, 1, 1});
  const Dims dims = {stack.count, even, even};
  Value* is_diagonal =
      b.Compare(ComparisonDirection::kEq, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
  Value* vectors = b.Select(is_diagonal, b.SplatLike(matrix, 1), b.SplatLike(matrix, 0));
  // After even - 1 rounds everybody has met everybody and is back.
  const auto result = b.ForLoop(n == 1 ? 0 : NumSweeps(even, real) * (even - 1), {matrix, vectors}, Round);
  const std::vector<int64_t> from = {0, 0, 0}, to = {stack.count, n, n};
  Value* values = RealOf(Diagonal(b.Slice(result[0], from, to), b), b);
  values = b.Multiply(values, b.Broadcast(scale, values->type.dims, {0}));
  const Op* sorted = SortColumns(b.Broadcast(values, to, {0, 2}), b.Slice(result[1], from, to), b);
  values = b.SliceDim(sorted->result(0), 1, 0, 1);
  return Replacement({b.Reshape(sorted->result(1), type.dims), b.Reshape(values, op.type(1).dims)});
}

}  // namespace dragoman::passes
