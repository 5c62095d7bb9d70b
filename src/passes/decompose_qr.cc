// SPDX-License-Identifier: Apache-2.0
// Householder QR, one column an iteration (Golub and Van Loan, Matrix Computations, section 5.2; conventions of
// LAPACK's geqrf and orgqr: H = I - tau v v^H with v[j] = 1, R's diagonal real).
#include <algorithm>

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// The reflector that maps (alpha, x) to (beta, 0); all of shape [count], of the matrix's type.
struct Reflector {
  Value* beta;
  Value* tau;
  Value* divisor;  // v = x / divisor below the diagonal
};

// Squares of what is divided by the largest magnitude neither overflow nor vanish.
Value* ScaledNorm(Value* alpha, Value* x, Builder& b) {
  Value* magnitudes = b.Unary(OpCode::kAbs, x);
  Value* largest =
      b.Binary(OpCode::kMaximum, b.Reduce(magnitudes, 0, {1}, OpCode::kMaximum), b.Unary(OpCode::kAbs, alpha));
  Value* is_zero = b.Compare(ComparisonDirection::kEq, largest, b.SplatLike(largest, 0));
  Value* scale = b.Select(is_zero, b.SplatLike(largest, 1), largest);
  Value* scaled = b.Divide(magnitudes, b.Broadcast(scale, magnitudes->type.dims, {0}));
  Value* head = b.Divide(b.Unary(OpCode::kAbs, alpha), scale);
  Value* sum = b.Add(b.Sum(b.Multiply(scaled, scaled), {1}), b.Multiply(head, head));
  return b.Multiply(scale, b.Unary(OpCode::kSqrt, sum));
}

Reflector MakeReflector(Value* alpha, Value* x, Builder& b) {
  const DType dtype = alpha->type.dtype;
  Value* alpha_real = RealOf(alpha, b);
  Value* zero = b.SplatLike(alpha_real, 0);
  Value* norm = ScaledNorm(alpha, x, b);
  Value* is_positive = b.Compare(ComparisonDirection::kGe, alpha_real, zero);
  Value* beta_real = b.Select(is_positive, b.Unary(OpCode::kNegate, norm), norm);
  // Nothing to do where x is zero (and alpha real): H is the identity.
  Value* tail = b.Reduce(b.Unary(OpCode::kAbs, x), 0, {1}, OpCode::kMaximum);
  Value* is_done = b.Compare(ComparisonDirection::kEq, tail, zero);
  if (IsComplex(dtype)) {
    Value* is_real = b.Compare(ComparisonDirection::kEq, b.Unary(OpCode::kImag, alpha), zero);
    is_done = b.And(is_done, is_real);
  }
  Value* safe_beta = b.Select(is_done, b.SplatLike(zero, 1), beta_real);
  Value* tau = b.Divide(b.Subtract(beta_real, alpha_real), safe_beta);
  if (IsComplex(dtype)) {
    Value* imag = b.Divide(b.Unary(OpCode::kNegate, b.Unary(OpCode::kImag, alpha)), safe_beta);
    tau = b.Binary(OpCode::kComplex, tau, imag);
  }
  Value* beta = FromReal(beta_real, dtype, b);
  return {
      .beta = b.Select(is_done, alpha, beta),
      .tau = b.Select(is_done, b.SplatLike(alpha, 0), tau),
      .divisor = b.Select(is_done, b.SplatLike(alpha, 1), b.Subtract(alpha, beta)),
  };
}

// matrix - v (factor v^H matrix), the part in brackets only where `columns` holds if that is given.
Value* ApplyReflector(Value* matrix, Value* v, Value* factor, Value* columns, Builder& b) {
  const Dims& dims = matrix->type.dims;
  Value* products = b.Multiply(b.Broadcast(Conjugate(v, b), dims, {0, 1}), matrix);
  Value* row = b.Sum(products, {1});
  row = b.Multiply(b.Broadcast(factor, row->type.dims, {0}), row);
  if (columns != nullptr) row = b.Select(columns, row, b.SplatLike(row, 0));
  return b.Subtract(matrix, b.Multiply(b.Broadcast(v, dims, {0, 1}), b.Broadcast(row, dims, {0, 2})));
}

std::vector<Value*> QrStep(Builder& b, Value* j, const std::vector<Value*>& carried) {
  Value* matrix = carried[0];
  const Dims dims = matrix->type.dims;
  const Dims vector = {dims[0], dims[1]};
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* column = b.Reshape(b.DynamicSlice(matrix, {zero, zero, j}, {dims[0], dims[1], 1}), vector);
  Value* alpha = b.Reshape(b.DynamicSlice(matrix, {zero, j, j}, {dims[0], 1, 1}), {dims[0]});
  Value* is_below = CompareIndex(1, ComparisonDirection::kGt, j, vector, b);
  Value* is_at = CompareIndex(1, ComparisonDirection::kEq, j, vector, b);
  Value* x = b.Select(is_below, column, b.SplatLike(column, 0));
  const Reflector reflector = MakeReflector(alpha, x, b);
  Value* tail = b.Divide(x, b.Broadcast(reflector.divisor, vector, {0}));
  Value* v = b.Select(is_at, b.SplatLike(x, 1), tail);
  Value* later_columns = CompareIndex(1, ComparisonDirection::kGt, j, {dims[0], dims[2]}, b);
  Value* reflected = ApplyReflector(matrix, v, Conjugate(reflector.tau, b), later_columns, b);
  Value* packed = b.Select(is_at, b.Broadcast(reflector.beta, vector, {0}), tail);
  Value* is_packed = b.And(CompareIndex(2, ComparisonDirection::kEq, j, dims, b),
                           CompareIndex(1, ComparisonDirection::kGe, j, dims, b));
  Value* next = b.Select(is_packed, b.Broadcast(packed, dims, {0, 1}), reflected);
  Value* taus = b.DynamicUpdateSlice(carried[1], b.Reshape(reflector.tau, {dims[0], 1}), {zero, j});
  return {next, taus};
}

Dims Joined(Dims dims, std::initializer_list<int64_t> more) {
  dims.insert(dims.end(), more);
  return dims;
}

}  // namespace

StatusOr<Replacement> DecomposeQr(Op& op, RewriteContext& context) {
  if (op.operands.size() != 1 || op.results.size() != 2 || op.operands[0]->type.rank() < 2) return Replacement();
  Builder& b = context.builder;
  const Stack stack = StackOf(op.operands[0]->type);
  const int64_t steps = std::min(stack.rows, stack.columns);
  if (op.type(1).dims != Joined(stack.batch, {steps})) return Replacement();
  Value* matrix = b.Reshape(op.operands[0], {stack.count, stack.rows, stack.columns});
  Value* taus = b.Splat({op.type(1).dtype, {stack.count, steps}}, 0);
  const std::vector<Value*> results = b.ForLoop(steps, {matrix, taus}, QrStep);
  return Replacement({b.Reshape(results[0], op.type(0).dims), b.Reshape(results[1], op.type(1).dims)});
}

StatusOr<Replacement> DecomposeHouseholderProduct(Op& op, RewriteContext& context) {
  if (op.operands.size() != 2 || op.results.size() != 1 || op.operands[0]->type.rank() < 2) return Replacement();
  Builder& b = context.builder;
  const Stack stack = StackOf(op.operands[0]->type);
  const int64_t steps = op.operands[1]->type.dims.back();
  const Dims dims = {stack.count, stack.rows, stack.columns};
  const Dims vector = {stack.count, stack.rows};
  Value* packed = b.Reshape(op.operands[0], dims);
  Value* taus = b.Reshape(op.operands[1], {stack.count, steps});
  Value* is_diagonal =
      b.Compare(ComparisonDirection::kEq, b.Iota({DType::kS32, dims}, 1), b.Iota({DType::kS32, dims}, 2));
  Value* identity = b.Select(is_diagonal, b.Splat(packed->type, 1), b.Splat(packed->type, 0));
  // From the last reflector to the first: then those before it do not reach what it made of the identity.
  const auto step = [&](Builder& body, Value* i, const std::vector<Value*>& carried) -> std::vector<Value*> {
    Value* zero = body.Scalar(DType::kS32, 0);
    Value* j = body.Subtract(body.Scalar(DType::kS32, static_cast<double>(steps - 1)), i);
    Value* column = body.Reshape(body.DynamicSlice(packed, {zero, zero, j}, {dims[0], dims[1], 1}), vector);
    Value* tau = body.Reshape(body.DynamicSlice(taus, {zero, j}, {dims[0], 1}), {dims[0]});
    Value* is_below = CompareIndex(1, ComparisonDirection::kGt, j, vector, body);
    Value* is_at = CompareIndex(1, ComparisonDirection::kEq, j, vector, body);
    Value* v = body.Select(is_below, column, body.SplatLike(column, 0));
    v = body.Select(is_at, body.SplatLike(column, 1), v);
    return {ApplyReflector(carried[0], v, tau, nullptr, body)};
  };
  const std::vector<Value*> results = b.ForLoop(steps, {identity}, step);
  return ReplaceWith(b.Reshape(results[0], op.type().dims));
}

}  // namespace dragoman::passes
