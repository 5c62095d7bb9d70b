// SPDX-License-Identifier: Apache-2.0
// FloatMath's functions with a period: sine, cosine, tangent, remainder.
#include <limits>

#include "base/arithmetic.h"
#include "scalar/float_constants.h"
#include "scalar/float_math.h"

namespace dragoman::kernel {
FloatMath::SinCos FloatMath::SinCosOf(V x) {
  const Angle angle = ReduceAngle(x);
  const V z = b_.FMul(angle.rest, angle.rest);
  const V sin = b_.FMul(angle.rest, b_.Fma(z, Horner(z, k_.sin), Const(1)));
  const V cos = b_.Fma(b_.FMul(z, z), Horner(z, k_.cos), b_.Fma(z, Const(-0.5), Const(1)));
  return {sin, cos, angle.quadrant};
}

V FloatMath::KeepZero(V x, V result) {
  result = b_.Select(Less(Abs(x), Const(kInfinity)), result, Const(kNan));
  return b_.Select(Equal(x, Const(0)), x, result);
}

V FloatMath::Sin(V x) {
  const SinCos parts = SinCosOf(x);
  const V is_odd = b_.INe(b_.And(parts.quadrant, b_.I32(1)), b_.I32(0));
  const V is_lower = b_.INe(b_.And(parts.quadrant, b_.I32(2)), b_.I32(0));
  const V value = b_.Select(is_odd, parts.cos, parts.sin);
  return KeepZero(x, b_.Select(is_lower, Neg(value), value));
}

V FloatMath::Cos(V x) {
  const SinCos parts = SinCosOf(x);
  const V is_odd = b_.INe(b_.And(parts.quadrant, b_.I32(1)), b_.I32(0));
  const V is_left = b_.INe(b_.And(b_.IAdd(parts.quadrant, b_.I32(1)), b_.I32(2)), b_.I32(0));
  const V value = b_.Select(is_odd, parts.sin, parts.cos);
  const V result = b_.Select(is_left, Neg(value), value);
  return b_.Select(Less(Abs(x), Const(kInfinity)), result, Const(kNan));
}

V FloatMath::Tan(V x) {
  const SinCos parts = SinCosOf(x);
  const V is_odd = b_.INe(b_.And(parts.quadrant, b_.I32(1)), b_.I32(0));
  const V numerator = b_.Select(is_odd, Neg(parts.cos), parts.sin);
  return KeepZero(x, b_.FDiv(numerator, b_.Select(is_odd, parts.sin, parts.cos)));
}

// Exact: long division of the mantissas, as many bits at a time as an integer leaves free above them.
V FloatMath::Remainder(V x, V y) {
  const int width = type_ == KType::kF64 ? 64 : 32;
  const int mantissa_bits = k_.mantissa_bits;
  const int64_t bits_per_step = width - mantissa_bits - 1;
  const V mask = Integer((int64_t{1} << mantissa_bits) - 1), hidden = Integer(int64_t{1} << mantissa_bits);
  const V zero = Integer(0), one = Integer(1);
  const auto unpack = [&](V v) {
    const V bits = Bits(Abs(v));
    const V exponent = b_.Binary(KOp::kShrU, bits, Integer(mantissa_bits));
    const V is_normal = b_.INe(exponent, zero);
    const V mantissa = b_.Or(b_.And(bits, mask), b_.Select(is_normal, hidden, zero));
    return std::pair(mantissa, b_.Select(is_normal, exponent, one));
  };
  const auto [x_mantissa, x_exponent] = unpack(x);
  const auto [y_mantissa, y_exponent] = unpack(y);
  const V divisor = b_.Select(b_.IEq(y_mantissa, zero), one, y_mantissa);
  const V distance = b_.SMax(b_.ISub(x_exponent, y_exponent), zero);
  const int64_t most = type_ == KType::kF64 ? 2046 / bits_per_step + 1 : 254 / bits_per_step + 1;
  const std::vector<V> rest = b_.While(
      most, {b_.URem(x_mantissa, divisor), distance}, [&](std::span<const V> c) { return b_.SLt(zero, c[1]); },
      [&](std::span<const V> c) {
        const V step = b_.SMin(c[1], Integer(bits_per_step));
        return std::vector<V>{b_.URem(b_.Binary(KOp::kShl, c[0], step), divisor), b_.ISub(c[1], step)};
      });
  const V scale = FromBits(b_.Binary(KOp::kShl, y_exponent, Integer(mantissa_bits)));
  const double unit = type_ == KType::kF64 ? 0x1p-52 : 0x1p-23;
  const V magnitude = b_.FMul(b_.FMul(b_.Convert(KOp::kUToF, rest[0], type_), Const(unit)), scale);
  const V infinity = Const(kInfinity);
  const V is_smaller = Less(Abs(x), Abs(y));
  const V result = b_.Select(is_smaller, x, CopySign(magnitude, x));
  const V is_defined = b_.And(Less(Abs(x), infinity), Less(Const(0), Abs(y)));
  return b_.Select(is_defined, result, Const(kNan));
}

}  // namespace dragoman::kernel
