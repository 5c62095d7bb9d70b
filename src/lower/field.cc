// SPDX-License-Identifier: Apache-2.0
#include "lower/field.h"

namespace dragoman::kernel {

Field::Field(Builder& builder, DType dtype)
    : b_(builder), is_complex_(IsComplex(dtype)), type_(LoadedType(RealPart(dtype), builder.profile().float16)) {}

Field::Shared Field::AddShared(int64_t count) {
  const int re = b_.AddShared(type_, static_cast<int>(count));
  return {re, is_complex_ ? b_.AddShared(type_, static_cast<int>(count)) : -1};
}

Scalar Field::Load(const Shared& array, V index) {
  const V re = b_.LoadShared(array.re, index);
  return {re, is_complex_ ? b_.LoadShared(array.im, index) : V{}};
}

void Field::Store(const Shared& array, V index, const Scalar& value) {
  b_.StoreShared(array.re, index, value.re);
  if (is_complex_) b_.StoreShared(array.im, index, value.im);
}

Scalar Field::Select(V condition, const Scalar& a, const Scalar& b) {
  return {b_.Select(condition, a.re, b.re), is_complex_ ? b_.Select(condition, a.im, b.im) : V{}};
}

Scalar Field::Add(const Scalar& a, const Scalar& b) {
  return {b_.FAdd(a.re, b.re), is_complex_ ? b_.FAdd(a.im, b.im) : V{}};
}

Scalar Field::Subtract(const Scalar& a, const Scalar& b) {
  return {b_.FSub(a.re, b.re), is_complex_ ? b_.FSub(a.im, b.im) : V{}};
}

Scalar Field::Negate(const Scalar& a) {
  return {b_.Unary(KOp::kFNeg, a.re), is_complex_ ? b_.Unary(KOp::kFNeg, a.im) : V{}};
}

Scalar Field::Conjugate(const Scalar& a) { return {a.re, is_complex_ ? b_.Unary(KOp::kFNeg, a.im) : V{}}; }

Scalar Field::Scale(const Scalar& a, V factor) {
  return {b_.FMul(a.re, factor), is_complex_ ? b_.FMul(a.im, factor) : V{}};
}

Scalar Field::MultiplyAdd(const Scalar& a, const Scalar& b, const Scalar& sum) {
  if (!is_complex_) return {b_.Fma(a.re, b.re, sum.re), {}};
  const V minus_im = b_.Unary(KOp::kFNeg, a.im);
  return {b_.Fma(minus_im, b.im, b_.Fma(a.re, b.re, sum.re)), b_.Fma(a.im, b.re, b_.Fma(a.re, b.im, sum.im))};
}

Scalar Field::Multiply(const Scalar& a, const Scalar& b) {
  if (!is_complex_) return {b_.FMul(a.re, b.re), {}};
  return MultiplyAdd(a, b, Zero());
}

Scalar Field::Divide(const Scalar& a, const Scalar& b) {
  if (!is_complex_) return {b_.FDiv(a.re, b.re), {}};
  const V inverse = b_.FDiv(b_.Float(type_, 1), Larger(AbsReal(b.re), AbsReal(b.im)));
  const Scalar small = Scale(b, inverse);
  const V squares = b_.Fma(small.re, small.re, b_.FMul(small.im, small.im));
  return Scale(Multiply(a, Conjugate(small)), b_.FDiv(inverse, squares));
}

V Field::Abs(const Scalar& a) {
  if (!is_complex_) return AbsReal(a.re);
  const V re = AbsReal(a.re), im = AbsReal(a.im);
  const V is_less = b_.Compare(KOp::kFLt, re, im);
  const V large = b_.Select(is_less, im, re), small = b_.Select(is_less, re, im);
  const V is_zero = b_.Compare(KOp::kFEq, large, real_zero());
  const V ratio = b_.FDiv(small, b_.Select(is_zero, b_.Float(type_, 1), large));
  return b_.FMul(large, b_.Unary(KOp::kSqrt, b_.Fma(ratio, ratio, b_.Float(type_, 1))));
}

V Field::AbsSum(const Scalar& a) { return is_complex_ ? b_.FAdd(AbsReal(a.re), AbsReal(a.im)) : AbsReal(a.re); }

}  // namespace dragoman::kernel
