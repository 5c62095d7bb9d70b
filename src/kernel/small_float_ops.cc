// SPDX-License-Identifier: Apache-2.0
#include "kernel/small_float_ops.h"

#include <bit>

namespace dragoman::kernel {

namespace {

constexpr int kF32MantissaBits = 23;
constexpr int kF32Bias = 127;
constexpr int64_t kF32Infinity = 0x7f800000;
constexpr int64_t kF32Nan = 0x7fc00000;
constexpr int64_t kF32Magnitude = 0x7fffffff;
constexpr int64_t kExponentOnlyNan = 255;

V Shl(Builder& b, V a, int amount) { return b.Binary(KOp::kShl, a, b.I32(amount)); }
V ShrU(Builder& b, V a, int amount) { return b.Binary(KOp::kShrU, a, b.I32(amount)); }
V PowerOfTwo(Builder& b, int exponent) {
  return b.F32(std::bit_cast<float>((exponent + kF32Bias) << kF32MantissaBits));
}

// The numbers of a format that both directions need.
struct Layout {
  SmallFloatFormat format;
  int magnitude_bits;
  int64_t sign;            // the sign bit, 0 without
  int64_t all_ones;        // of exponent and mantissa
  int64_t infinity;        // exponent all ones, mantissa 0
  int64_t nan;             // without a sign, unless the sign is what makes it NaN
  int64_t largest;         // finite
  bool has_f32_exponents;  // same exponents as f32: subnormals fall together
};

Layout LayoutOf(DType dtype) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const int m = format.mantissa_bits;
  Layout layout{format, format.exponent_bits + m, 0, 0, 0, 0, 0, false};
  layout.sign = format.sign_bits != 0 ? int64_t{1} << layout.magnitude_bits : 0;
  layout.all_ones = (int64_t{1} << layout.magnitude_bits) - 1;
  layout.infinity = layout.all_ones >> m << m;
  layout.has_f32_exponents = format.exponent_bits == 8 && format.exponent_bias == kF32Bias;
  if (format.nan_is_negative_zero) {
    layout.nan = layout.sign;
    layout.largest = layout.all_ones;
  } else if (format.has_infinity) {
    layout.nan = layout.infinity | int64_t{1} << (m - 1);
    layout.largest = layout.infinity - 1;
  } else {
    // A format without NaN takes it as the sign bit alone.
    layout.nan = format.has_nan ? layout.all_ones : layout.sign;
    layout.largest = format.has_nan ? layout.all_ones - 1 : layout.all_ones;
  }
  return layout;
}

// f8E8M0FNU: the exponent byte of an f32 that is a power of two; 255 is NaN and there is neither zero nor sign.
V DecodeExponentOnly(Builder& b, V bits) {
  const V normal = Shl(b, bits, kF32MantissaBits);
  const V lowest = b.Select(b.IEq(bits, b.I32(0)), b.I32(1 << (kF32MantissaBits - 1)), normal);
  return b.Bitcast(b.Select(b.IEq(bits, b.I32(kExponentOnlyNan)), b.I32(kF32Nan), lowest), KType::kF32);
}

V EncodeExponentOnly(Builder& b, V value) {
  const V bits = b.Bitcast(value, KType::kI32);
  // Ties lie between 1 and 2 and go to 2. Below 2^-126 the only choices are 2^-127 and 2^-126, with the tie at 1.5.
  const V normal = ShrU(b, b.IAdd(bits, b.I32(1 << (kF32MantissaBits - 1))), kF32MantissaBits);
  const V is_low = b.ULt(bits, b.I32(1 << kF32MantissaBits));
  const V low = b.Select(b.ULt(bits, b.I32(0x600000)), b.I32(0), b.I32(1));
  const V rounded = b.Select(is_low, low, normal);
  const V is_number = b.And(b.SLt(b.I32(0), bits), b.ULt(bits, b.I32(kF32Infinity)));
  return b.Select(is_number, rounded, b.I32(kExponentOnlyNan));
}

// Steps of the smallest exponent, as an integer: adding 2^k makes the float adder round to multiples of that step.
V EncodeSubnormal(Builder& b, const SmallFloatFormat& format, V magnitude) {
  const int exponent = 1 - format.exponent_bias - format.mantissa_bits + kF32MantissaBits;
  const V base = PowerOfTwo(b, exponent);
  const V sum = b.FAdd(b.Bitcast(magnitude, KType::kF32), base);
  return b.ISub(b.Bitcast(sum, KType::kI32), b.Bitcast(base, KType::kI32));
}

}  // namespace

V DecodeSmallFloat(Builder& b, DType dtype, V bits) {
  const Layout layout = LayoutOf(dtype);
  const SmallFloatFormat& format = layout.format;
  const int shift = kF32MantissaBits - format.mantissa_bits;
  if (format.sign_bits == 0) return DecodeExponentOnly(b, bits);
  // bf16: the upper half of an f32, special values included.
  if (layout.has_f32_exponents) return b.Bitcast(Shl(b, bits, shift), KType::kF32);
  const V magnitude = b.And(bits, b.I32(layout.all_ones));
  const V normal = b.IAdd(Shl(b, magnitude, shift), b.I32((kF32Bias - format.exponent_bias) << kF32MantissaBits));
  const V steps = b.Convert(KOp::kUToF, magnitude, KType::kF32);
  const V subnormal = b.FMul(steps, PowerOfTwo(b, 1 - format.exponent_bias - format.mantissa_bits));
  const V is_subnormal = b.ULt(magnitude, b.I32(int64_t{1} << format.mantissa_bits));
  V result = b.Select(is_subnormal, b.Bitcast(subnormal, KType::kI32), normal);
  if (format.has_infinity) {
    const V special = b.Or(Shl(b, magnitude, shift), b.I32(kF32Infinity));
    result = b.Select(b.ULe(b.I32(layout.infinity), magnitude), special, result);
  } else if (format.has_nan && !format.nan_is_negative_zero) {
    result = b.Select(b.IEq(magnitude, b.I32(layout.nan)), b.I32(kF32Nan), result);
  }
  const V sign = Shl(b, b.And(bits, b.I32(layout.sign)), 31 - layout.magnitude_bits);
  result = b.Or(result, sign);
  if (format.nan_is_negative_zero) result = b.Select(b.IEq(bits, b.I32(layout.nan)), b.I32(kF32Nan), result);
  return b.Bitcast(result, KType::kF32);
}

V EncodeSmallFloat(Builder& b, DType dtype, V value) {
  const Layout layout = LayoutOf(dtype);
  const SmallFloatFormat& format = layout.format;
  if (format.sign_bits == 0) return EncodeExponentOnly(b, value);
  const int shift = kF32MantissaBits - format.mantissa_bits;
  const V bits = b.Bitcast(value, KType::kI32);
  const V magnitude = b.And(bits, b.I32(kF32Magnitude));
  const V is_odd = b.And(ShrU(b, magnitude, shift), b.I32(1));
  const V half_less_one = b.I32((int64_t{1} << (shift - 1)) - 1);
  const V rounded = ShrU(b, b.IAdd(magnitude, b.IAdd(half_less_one, is_odd)), shift);
  V result = rounded;
  if (!layout.has_f32_exponents) {
    const int rebias = kF32Bias - format.exponent_bias;
    const V is_subnormal = b.ULt(magnitude, b.I32(static_cast<int64_t>(rebias + 1) << kF32MantissaBits));
    const V normal = b.ISub(rounded, b.I32(static_cast<int64_t>(rebias) << format.mantissa_bits));
    result = b.Select(is_subnormal, EncodeSubnormal(b, format, magnitude), normal);
  }
  const int64_t overflow = format.has_infinity ? layout.infinity : format.has_nan ? layout.nan : layout.largest;
  V is_overflow = b.ULt(b.I32(layout.largest), result);
  result = b.Select(is_overflow, b.I32(overflow), result);
  V sign = b.And(ShrU(b, bits, 31 - layout.magnitude_bits), b.I32(layout.sign));
  const V is_nan = b.ULt(b.I32(kF32Infinity), magnitude);
  if (format.nan_is_negative_zero) {
    // Neither -0 nor a NaN with another sign exist: a result of 0 drops the sign, NaN is the sign.
    sign = b.Select(b.IEq(result, b.I32(0)), b.I32(0), sign);
    return b.Select(is_nan, b.I32(layout.nan), b.Or(result, sign));
  }
  result = b.Select(is_nan, b.I32(layout.nan), result);
  return b.Or(result, sign);
}

}  // namespace dragoman::kernel
