// SPDX-License-Identifier: Apache-2.0
// Inverse and hyperbolic functions: textbook identities in the forms that neither cancel nor overflow (Kahan, Branch
// cuts for complex elementary functions, 1987).
#include "hlo/composed_ops.h"

#include <cmath>
#include <numbers>

namespace dragoman::hlo {
namespace {

using ir::Builder;
using ir::OpCode;
using ir::Value;

Value* IsLarge(Builder& b, Value* magnitude) {
  const double limit = magnitude->type.dtype == DType::kF64 ? 1e150 : 1e18;  // its square is finite
  return b.Compare(ComparisonDirection::kGt, magnitude, b.SplatLike(magnitude, limit), ComparisonType::kFloat);
}

// log(2 x), where 2 x may be infinite.
Value* LogOfTwice(Builder& b, Value* x) { return b.Add(b.Unary(OpCode::kLog, x), b.SplatLike(x, std::numbers::ln2)); }

Value* WithSignOf(Builder& b, Value* magnitude, Value* x) {
  Value* is_negative = b.Compare(ComparisonDirection::kLt, x, b.SplatLike(x, 0), ComparisonType::kFloat);
  Value* is_zero = b.Compare(ComparisonDirection::kEq, x, b.SplatLike(x, 0), ComparisonType::kFloat);
  Value* signed_value = b.Select(is_negative, b.Unary(OpCode::kNegate, magnitude), magnitude);
  return b.Select(is_zero, x, signed_value);  // -0 stays
}

// sqrt((1 - x)(1 + x))
Value* CosineOfSine(Builder& b, Value* x) {
  Value* one = b.SplatLike(x, 1);
  return b.Unary(OpCode::kSqrt, b.Multiply(b.Subtract(one, x), b.Add(one, x)));
}

// 2 atan2(x, 1 + sqrt(1 - x^2))
Value* Asin(Builder& b, Value* x) {
  Value* half = b.Binary(OpCode::kAtan2, x, b.Add(b.SplatLike(x, 1), CosineOfSine(b, x)));
  return b.Add(half, half);
}

// 2 atan2(sqrt(1 - x), sqrt(1 + x))
Value* Acos(Builder& b, Value* x) {
  Value* one = b.SplatLike(x, 1);
  Value* half =
      b.Binary(OpCode::kAtan2, b.Unary(OpCode::kSqrt, b.Subtract(one, x)), b.Unary(OpCode::kSqrt, b.Add(one, x)));
  return b.Add(half, half);
}

// log1p(t + sqrt(t (t + 2))) with t = x - 1
Value* Acosh(Builder& b, Value* x) {
  Value* t = b.Subtract(x, b.SplatLike(x, 1));
  Value* root = b.Unary(OpCode::kSqrt, b.Multiply(t, b.Add(t, b.SplatLike(x, 2))));
  return b.Select(IsLarge(b, x), LogOfTwice(b, x), b.Unary(OpCode::kLogPlusOne, b.Add(t, root)));
}

// log1p(a + a^2 / (1 + sqrt(1 + a^2))) with a = |x|, and x's sign
Value* Asinh(Builder& b, Value* x) {
  Value* a = b.Unary(OpCode::kAbs, x);
  Value* one = b.SplatLike(x, 1);
  Value* square = b.Multiply(a, a);
  Value* root = b.Unary(OpCode::kSqrt, b.Add(one, square));
  Value* small = b.Unary(OpCode::kLogPlusOne, b.Add(a, b.Divide(square, b.Add(one, root))));
  return WithSignOf(b, b.Select(IsLarge(b, a), LogOfTwice(b, a), small), x);
}

// (log1p(x) - log1p(-x)) / 2
Value* Atanh(Builder& b, Value* x) {
  Value* above = b.Unary(OpCode::kLogPlusOne, x);
  Value* below = b.Unary(OpCode::kLogPlusOne, b.Unary(OpCode::kNegate, x));
  return b.Multiply(b.Subtract(above, below), b.SplatLike(x, 0.5));
}

// exp(x) / 2, which is finite wherever the result is
Value* HalfExponential(Builder& b, Value* x) {
  return b.Unary(OpCode::kExponential, b.Subtract(x, b.SplatLike(x, std::numbers::ln2)));
}

Value* Cosh(Builder& b, Value* x) {
  return b.Add(HalfExponential(b, x), HalfExponential(b, b.Unary(OpCode::kNegate, x)));
}

// (e + e / (e + 1)) / 2 with e = expm1(x) where |x| is small, the difference of exponentials elsewhere
Value* Sinh(Builder& b, Value* x) {
  Value* one = b.SplatLike(x, 1);
  Value* e = b.Unary(OpCode::kExponentialMinusOne, x);
  Value* near = b.Multiply(b.Add(e, b.Divide(e, b.Add(e, one))), b.SplatLike(x, 0.5));
  Value* far = b.Subtract(HalfExponential(b, x), HalfExponential(b, b.Unary(OpCode::kNegate, x)));
  Value* is_near = b.Compare(ComparisonDirection::kLt, b.Unary(OpCode::kAbs, x), one, ComparisonType::kFloat);
  return b.Select(is_near, near, far);
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
