// SPDX-License-Identifier: Apache-2.0
// Conversions between element types, and rounding to narrow floats.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/arithmetic.h"
#include "scalar/scalar_emit.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

V IntToInt(Builder& b, V x, DType from, DType to) {
  if (SizeBytes(to) == 8) {
    if (x.type == KType::kI64) return x;
    return b.Convert(IsSigned(from) ? KOp::kSExt : KOp::kZExt, x, KType::kI64);
  }
  return WrapInt(b, x.type == KType::kI64 ? b.Convert(KOp::kTruncI, x, KType::kI32) : x, to);
}

// x (f32 or f64) rounded to `bits` mantissa bits, ties to even, on its bits: a carry into the exponent is right, and
// what is beyond the largest number becomes infinity. NaN may become anything.
V RoundMantissa(Builder& b, V x, int bits) {
  const bool is_double = x.type == KType::kF64;
  const KType type = is_double ? KType::kI64 : KType::kI32;
  const int dropped = (is_double ? 52 : 23) - bits;
  const V word = b.Bitcast(x, type);
  const V is_odd = b.And(b.Binary(KOp::kShrU, word, b.Int(type, dropped)), b.Int(type, 1));
  const V sum = b.IAdd(b.IAdd(word, b.Int(type, (int64_t{1} << (dropped - 1)) - 1)), is_odd);
  return b.Bitcast(b.And(sum, b.Int(type, -(int64_t{1} << dropped))), x.type);
}

// What the conversion to f16 makes of an integer, still in f32: a driver's compiler leaves the rounding out where the
// f16 of an integer is widened again.
V RoundIntegerToF16(Builder& b, V x) {
  const V rounded = RoundMantissa(b, x, 10);
  const V is_finite = b.Compare(KOp::kFLt, b.Unary(KOp::kFAbs, rounded), b.F32(0x1p16f));
  return b.Select(is_finite, rounded, b.FMul(rounded, b.F32(static_cast<float>(kInfinity))));
}

V IntToFloat(Builder& b, V x, DType from, DType to) {
  const KType wide = to == DType::kF64 ? KType::kF64 : KType::kF32;
  const V whole = b.Convert(IsSigned(from) ? KOp::kSToF : KOp::kUToF, x, wide);
  const bool is_exact = Info(from).bits <= 8 || MachineType(b, to) != KType::kF16;
  return NarrowFloat(b, is_exact ? whole : RoundIntegerToF16(b, whole), to);
}

// Towards zero; out of range gives the nearest integer of the type, NaN gives 0.
V FloatToInt(Builder& b, V x, DType to) {
  const V wide = WidenFloat(b, x);
  const KType type = MachineType(b, to);
  const int magnitude_bits = Info(to).bits - (IsSigned(to) ? 1 : 0);
  const double beyond = std::ldexp(1.0, magnitude_bits);
  const double lowest = IsSigned(to) ? -beyond : 0;
  const int64_t max = magnitude_bits == 64 ? -1 : static_cast<int64_t>((uint64_t{1} << magnitude_bits) - 1);
  const int64_t min = IsSigned(to) ? -max - 1 : 0;
  const V whole = b.Convert(IsSigned(to) ? KOp::kFToS : KOp::kFToU, wide, type);
  V result = b.Select(b.Compare(KOp::kFLt, wide, b.Float(wide.type, beyond)), whole, b.Int(type, max));
  result = b.Select(b.Compare(KOp::kFLt, wide, b.Float(wide.type, lowest)), b.Int(type, min), result);
  return b.Select(b.Compare(KOp::kFNe, wide, wide), b.Zero(type), result);
}

// f32 for a format of fewer bits, rounded to odd: what is cut off shows in the last bit, so rounding again is rounding
// once.
V OddF32(Builder& b, V x) {
  const V nearest = b.Convert(KOp::kFToF, x, KType::kF32);
  const V bits = b.Bitcast(nearest, KType::kI32);
  const V magnitude = b.Unary(KOp::kFAbs, x);
  const V rounded = b.Unary(KOp::kFAbs, b.Convert(KOp::kFToF, nearest, KType::kF64));
  const V below = b.Select(b.Compare(KOp::kFLt, magnitude, rounded), b.I32(-1), b.I32(0));
  const V step = b.Select(b.Compare(KOp::kFLt, rounded, magnitude), b.I32(1), below);
  const V is_even = b.IEq(b.Binary(KOp::kAnd, bits, b.I32(1)), b.I32(0));
  return b.Bitcast(b.IAdd(bits, b.Select(is_even, step, b.I32(0))), KType::kF32);
}

V FloatToFloat(Builder& b, V x, DType to) {
  if (x.type == KType::kF16) {
    if (MachineType(b, to) == KType::kF16) return x;
    x = WidenFloat(b, x);
  }
  if (to == DType::kF64) return x.type == KType::kF64 ? x : b.Convert(KOp::kFToF, x, KType::kF64);
  if (x.type == KType::kF64) x = to == DType::kF32 ? b.Convert(KOp::kFToF, x, KType::kF32) : OddF32(b, x);
  return NarrowFloat(b, x, to);
}

V NonZero(Builder& b, V x, DType from) {
  if (IsPred(from)) return x;
  if (IsInteger(from)) return b.INe(x, b.Zero(x.type));
  return b.Compare(KOp::kFNe, x, b.Zero(x.type));
}

V ConvertReal(Builder& b, V x, DType from, DType to) {
  if (from == to) return x;
  if (IsPred(to)) return NonZero(b, x, from);
  if (IsPred(from)) {
    const KType type = MachineType(b, to);
    return IsInteger(to) ? b.Select(x, WrapInt(b, b.Int(type, 1), to), b.Zero(type))
                         : b.Select(x, b.Float(type, 1), b.Zero(type));
  }
  if (IsInteger(from)) return IsInteger(to) ? IntToInt(b, x, from, to) : IntToFloat(b, x, from, to);
  return IsInteger(to) ? FloatToInt(b, x, to) : FloatToFloat(b, x, to);
}

// The largest finite value and the smallest normal one.
struct FloatRange {
  double largest;
  double smallest_normal;
};

FloatRange FloatRangeOf(DType dtype) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  double largest = 0;
  for (uint32_t bits = 0; bits < (1u << (format.exponent_bits + format.mantissa_bits)); ++bits) {
    const double value = DecodeSmallFloat(dtype, bits);
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return {largest, std::ldexp(1.0, 1 - format.exponent_bias)};
}

// To a power of two of f8E8M0FNU, on the bits: the smallest is subnormal in f32, which devices may take for 0. Ties lie
// between 1 and 2 and go to 2; zero, negative numbers and what rounds beyond 2^127 become NaN.
V RoundToPowerOfTwo(Builder& b, V x) {
  const V bits = b.Bitcast(x, KType::kI32);
  const V normal = b.And(b.IAdd(bits, b.I32(0x400000)), b.I32(-0x800000));
  const V low = b.Select(b.ULt(bits, b.I32(0x600000)), b.I32(0x400000), b.I32(0x800000));
  const V rounded = b.Select(b.ULt(bits, b.I32(0x800000)), low, normal);
  const V is_number = b.And(b.SLt(b.I32(0), bits), b.ULt(bits, b.I32(0x7f400000)));
  const V nan = b.I32(0x7fc00000);
  return b.Bitcast(b.Select(is_number, rounded, nan), KType::kF32);
}

V RoundToF8(Builder& b, V x, DType dtype) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const FloatRange range = FloatRangeOf(dtype);
  const auto constant = [&](double value) { return b.F32(static_cast<float>(value)); };
  const V magnitude = b.Unary(KOp::kFAbs, x);
  V rounded = RoundMantissa(b, magnitude, format.mantissa_bits);
  // Below the normal numbers the last place is fixed: adding 1.5 * 2^23 of it rounds there.
  const double shifter = std::ldexp(1.5, 23 - format.mantissa_bits) * range.smallest_normal;
  const V small = b.FSub(b.FAdd(magnitude, constant(shifter)), constant(shifter));
  rounded = b.Select(b.Compare(KOp::kFLt, magnitude, constant(range.smallest_normal)), small, rounded);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double overflow = format.has_infinity ? kInfinity : format.has_nan ? nan : range.largest;
  // Decided before rounding: magnitudes beyond 2 * largest would make the rounding itself overflow.
  rounded = b.Select(b.Compare(KOp::kFLt, magnitude, constant(2 * range.largest)), rounded, constant(overflow));
  rounded = b.Select(b.Compare(KOp::kFLt, constant(range.largest), rounded), constant(overflow), rounded);
  rounded = b.Select(b.Compare(KOp::kFNe, x, x), constant(format.has_nan ? nan : -0.0), rounded);
  const V sign = b.And(b.Bitcast(x, KType::kI32), b.I32(INT32_MIN));
  const V result = b.Bitcast(b.Or(b.Bitcast(rounded, KType::kI32), sign), KType::kF32);
  if (!format.nan_is_negative_zero) return result;
  return b.Select(b.Compare(KOp::kFEq, rounded, b.F32(0)), b.F32(0), result);
}

}  // namespace

KType MachineType(const Builder& b, DType dtype) { return LoadedType(RealPart(dtype), b.profile().float16); }

V WidenFloat(Builder& b, V v) { return v.type == KType::kF16 ? b.Convert(KOp::kFToF, v, KType::kF32) : v; }

V NarrowFloat(Builder& b, V v, DType dtype) {
  if (dtype == DType::kF64 || dtype == DType::kF32) return v;
  if (dtype == DType::kBF16) return b.Convert(KOp::kRoundBF16, v, KType::kF32);
  if (dtype == DType::kF8E8M0FNU) return RoundToPowerOfTwo(b, v);
  if (dtype != DType::kF16) return RoundToF8(b, v, dtype);
  if (b.profile().float16) return b.Convert(KOp::kFToF, v, KType::kF16);
  return b.Convert(KOp::kF16FromBits, b.Convert(KOp::kF16Bits, v, KType::kI32), KType::kF32);
}

Scalar EmitConvert(const ScalarCall& call) {
  Builder& b = call.b;
  const DType from = RealPart(call.dtype()), to = RealPart(call.context.result);
  const Scalar& x = call.x[0];
  if (IsComplex(call.dtype()) && IsPred(to)) return {b.Or(NonZero(b, x.re, from), NonZero(b, x.im, from)), {}};
  Scalar result{ConvertReal(b, x.re, from, to), {}};
  if (IsComplex(call.context.result)) {
    result.im = IsComplex(call.dtype()) ? ConvertReal(b, x.im, from, to) : b.Zero(result.re.type);
  }
  return result;
}

// On the bits: round to nearest even, then overflow to infinity and flush what is below the normal numbers.
Scalar EmitReducePrecision(const ScalarCall& call) {
  Builder& b = call.b;
  const int exponent_bits = static_cast<int>(call.context.attributes->Int(ir::AttrKey::kExponentBits));
  const int mantissa_bits = static_cast<int>(call.context.attributes->Int(ir::AttrKey::kMantissaBits));
  const V x = WidenFloat(b, call.re(0));
  const bool is_double = x.type == KType::kF64;
  const KType int_type = is_double ? KType::kI64 : KType::kI32;
  const int own_mantissa = is_double ? 52 : 23, own_exponent = is_double ? 11 : 8;
  V result = x;
  if (mantissa_bits < own_mantissa) result = RoundMantissa(b, x, mantissa_bits);
  if (exponent_bits < own_exponent) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const V magnitude = b.Unary(KOp::kFAbs, result);
    const V sign = b.And(b.Bitcast(x, int_type), b.Int(int_type, is_double ? INT64_MIN : INT32_MIN));
    const V zero = b.Bitcast(sign, x.type);
    const V infinity = b.Bitcast(b.Or(sign, b.Bitcast(b.Float(x.type, kInfinity), int_type)), x.type);
    const V too_large = b.Compare(KOp::kFLe, b.Float(x.type, std::ldexp(1.0, bias + 1)), magnitude);
    const V too_small = b.Compare(KOp::kFLt, magnitude, b.Float(x.type, std::ldexp(1.0, 1 - bias)));
    result = b.Select(too_large, infinity, b.Select(too_small, zero, result));
  }
  result = b.Select(b.Compare(KOp::kFNe, x, x), x, result);
  return {NarrowFloat(b, result, call.dtype()), {}};
}

}  // namespace dragoman::kernel
