// SPDX-License-Identifier: Apache-2.0
// Inverse and hyperbolic functions: textbook identities in the forms that neither cancel nor overflow (Kahan, Branch
// cuts for complex elementary functions, 1987).
#include "hlo/composed_ops.h"

#include <cmath>
#include <numbers>

namespace dragoman::hlo {
namespace {

using ir::OpCode;
using ir::Value;

Value* IsLarge(OpWriter& w, Value* magnitude) {
  const double limit = magnitude->type.dtype == DType::kF64 ? 1e150 : 1e18;  // its square is finite
  return w.Compare(ComparisonDirection::kGt, ComparisonType::kFloat, magnitude, w.Like(magnitude, limit));
}

// log(2 x), where 2 x may be infinite.
Value* LogOfTwice(OpWriter& w, Value* x) { return w.Add(w.Unary(OpCode::kLog, x), w.Like(x, std::numbers::ln2)); }

Value* WithSignOf(OpWriter& w, Value* magnitude, Value* x) {
  Value* is_negative = w.Compare(ComparisonDirection::kLt, ComparisonType::kFloat, x, w.Like(x, 0));
  Value* is_zero = w.Compare(ComparisonDirection::kEq, ComparisonType::kFloat, x, w.Like(x, 0));
  Value* signed_value = w.Select(is_negative, w.Unary(OpCode::kNegate, magnitude), magnitude);
  return w.Select(is_zero, x, signed_value);  // -0 stays
}

// sqrt((1 - x)(1 + x))
Value* CosineOfSine(OpWriter& w, Value* x) {
  Value* one = w.Like(x, 1);
  return w.Unary(OpCode::kSqrt, w.Multiply(w.Subtract(one, x), w.Add(one, x)));
}

// 2 atan2(x, 1 + sqrt(1 - x^2))
Value* Asin(OpWriter& w, Value* x) {
  Value* half = w.Binary(OpCode::kAtan2, x, w.Add(w.Like(x, 1), CosineOfSine(w, x)));
  return w.Add(half, half);
}

// 2 atan2(sqrt(1 - x), sqrt(1 + x))
Value* Acos(OpWriter& w, Value* x) {
  Value* one = w.Like(x, 1);
  Value* half =
      w.Binary(OpCode::kAtan2, w.Unary(OpCode::kSqrt, w.Subtract(one, x)), w.Unary(OpCode::kSqrt, w.Add(one, x)));
  return w.Add(half, half);
}

// log1p(t + sqrt(t (t + 2))) with t = x - 1
Value* Acosh(OpWriter& w, Value* x) {
  Value* t = w.Subtract(x, w.Like(x, 1));
  Value* root = w.Unary(OpCode::kSqrt, w.Multiply(t, w.Add(t, w.Like(x, 2))));
  return w.Select(IsLarge(w, x), LogOfTwice(w, x), w.Unary(OpCode::kLogPlusOne, w.Add(t, root)));
}

// log1p(a + a^2 / (1 + sqrt(1 + a^2))) with a = |x|, and x's sign
Value* Asinh(OpWriter& w, Value* x) {
  Value* a = w.Unary(OpCode::kAbs, x);
  Value* one = w.Like(x, 1);
  Value* square = w.Multiply(a, a);
  Value* root = w.Unary(OpCode::kSqrt, w.Add(one, square));
  Value* small = w.Unary(OpCode::kLogPlusOne, w.Add(a, w.Divide(square, w.Add(one, root))));
  return WithSignOf(w, w.Select(IsLarge(w, a), LogOfTwice(w, a), small), x);
}

// (log1p(x) - log1p(-x)) / 2
Value* Atanh(OpWriter& w, Value* x) {
  Value* above = w.Unary(OpCode::kLogPlusOne, x);
  Value* below = w.Unary(OpCode::kLogPlusOne, w.Unary(OpCode::kNegate, x));
  return w.Multiply(w.Subtract(above, below), w.Like(x, 0.5));
}

// exp(x) / 2, which is finite wherever the result is
Value* HalfExponential(OpWriter& w, Value* x) {
  return w.Unary(OpCode::kExponential, w.Subtract(x, w.Like(x, std::numbers::ln2)));
}

Value* Cosh(OpWriter& w, Value* x) {
  return w.Add(HalfExponential(w, x), HalfExponential(w, w.Unary(OpCode::kNegate, x)));
}

// (e + e / (e + 1)) / 2 with e = expm1(x) where |x| is small, the difference of exponentials elsewhere
Value* Sinh(OpWriter& w, Value* x) {
  Value* one = w.Like(x, 1);
  Value* e = w.Unary(OpCode::kExponentialMinusOne, x);
  Value* near = w.Multiply(w.Add(e, w.Divide(e, w.Add(e, one))), w.Like(x, 0.5));
  Value* far = w.Subtract(HalfExponential(w, x), HalfExponential(w, w.Unary(OpCode::kNegate, x)));
  Value* is_near = w.Compare(ComparisonDirection::kLt, ComparisonType::kFloat, w.Unary(OpCode::kAbs, x), one);
  return w.Select(is_near, near, far);
}

struct CompositionRow {
  std::string_view opcode;
  Composition write;
};
constexpr CompositionRow kCompositions[] = {
    {"acos", Acos},   {"acosh", Acosh}, {"asin", Asin}, {"asinh", Asinh},
    {"atanh", Atanh}, {"cosh", Cosh},   {"sinh", Sinh},
};

}  // namespace

Composition CompositionOf(std::string_view opcode) {
  for (const CompositionRow& row : kCompositions) {
    if (row.opcode == opcode) return row.write;
  }
  return nullptr;
}

}  // namespace dragoman::hlo
