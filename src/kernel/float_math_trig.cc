// SPDX-License-Identifier: Apache-2.0
// FloatMath's functions with a period: sine, cosine, tangent, remainder.
#include <limits>

#include "kernel/float_constants.h"
#include "kernel/float_math.h"

namespace dragoman::kernel {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kTwoOverPi = 0.6366197723675814;

// 2/pi in binary, after one zero word.
constexpr uint32_t kTwoOverPiWords[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                        0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};

}  // namespace

FloatMath::Angle FloatMath::ReduceAngle(V x) {
  const Nearest nearest = RoundToNearest(x, kTwoOverPi);
  V rest = x;
  for (const double part : k_.pio2) {
    if (type_ == KType::kF32) {
      rest = b_.Fma(nearest.n, Const(-part), rest);
      continue;
    }
    const V product = b_.FMul(nearest.n, Const(part));
    rest = b_.FSub(b_.FSub(rest, product), ProductError(nearest.n, Const(part), product));
  }
  const V quadrant = type_ == KType::kF64 ? b_.Convert(KOp::kTruncI, nearest.bits, KType::kI32) : nearest.bits;
  if (type_ == KType::kF64) return {rest, quadrant};
  const V is_large = LessOrEqual(Const(k_.angle_limit), Abs(x));
  const std::vector<V> result = b_.IfValue(
      is_large,
      [&] {
        const Angle angle = ReduceLargeAngle(x);
        return std::vector<V>{angle.rest, angle.quadrant};
      },
      [&] {
        return std::vector<V>{rest, quadrant};
      });
  return {result[0], result[1]};
}

// Payne and Hanek: |x| = M 2^e; of M (2/pi) 2^e only the bits from 2 down to 2^-62 matter, and they come from three
// words of 2/pi.
FloatMath::Angle FloatMath::ReduceLargeAngle(V x) {
  const auto word = [&](int64_t value) { return b_.I32(value); };
  const auto shl = [&](V v, V by) { return b_.Binary(KOp::kShl, v, by); };
  const auto shr = [&](V v, V by) { return b_.Binary(KOp::kShrU, v, by); };
  const V bits = Bits(x);
  const V mantissa = b_.Or(b_.And(bits, word(0x7fffff)), word(0x800000));
  const V exponent = b_.And(shr(bits, word(23)), word(255));
  const V first_bit = b_.UMin(b_.ISub(exponent, word(120)), word(159));
  const V first_word = shr(first_bit, word(5)), shift = b_.And(first_bit, word(31));
  V words[4];
  for (int i = 0; i < 4; ++i) {
    words[i] = word(kTwoOverPiWords[i]);
    for (int k = 1; k <= 4; ++k) {
      words[i] = b_.Select(b_.IEq(first_word, word(k)), word(kTwoOverPiWords[i + k]), words[i]);
    }
  }
  const auto window = [&](int i) {
    const V below = shr(shr(words[i + 1], word(1)), b_.Xor(shift, word(31)));
    return b_.Or(shl(words[i], shift), below);
  };
  const V carried = b_.Binary(KOp::kUMulHigh, mantissa, window(2));
  const V middle_window = window(1);
  const V low = b_.IAdd(b_.IMul(mantissa, middle_window), carried);
  const V carry = b_.Select(b_.ULt(low, carried), word(1), word(0));
  const V middle_high = b_.IAdd(b_.Binary(KOp::kUMulHigh, mantissa, middle_window), carry);
  const V high = b_.IAdd(b_.IMul(mantissa, window(0)), middle_high);
  const V turn_high = b_.Or(shl(high, word(2)), shr(low, word(30)));
  const V turn_low = shl(low, word(2));
  const V is_upper = b_.SLt(turn_high, word(0));
  const V quadrant = b_.IAdd(shr(high, word(30)), b_.Select(is_upper, word(1), word(0)));
  const V negated_high = b_.IAdd(b_.Not(turn_high), b_.Select(b_.IEq(turn_low, word(0)), word(1), word(0)));
  const V part_high = b_.Convert(KOp::kUToF, b_.Select(is_upper, negated_high, turn_high), type_);
  const V part_low = b_.Convert(KOp::kUToF, b_.Select(is_upper, b_.ISub(word(0), turn_low), turn_low), type_);
  const V turn = b_.Fma(part_high, Const(0x1p-32), b_.FMul(part_low, Const(0x1p-64)));
  const V rest = b_.FMul(turn, Const(0.5 * k_.pi_high));
  const V is_negative = IsNegative(x);
  const V flip = b_.Xor(is_negative, is_upper);
  return {b_.Select(flip, Neg(rest), rest), b_.Select(is_negative, b_.ISub(word(0), quadrant), quadrant)};
}

FloatMath::SinCos FloatMath::SinCosOf(V x) {
  const Angle angle = ReduceAngle(x);
  const V z = b_.FMul(angle.rest, angle.rest);
  const V sin = b_.FMul(angle.rest, b_.Fma(z, Horner(z, k_.sin), Const(1)));
  const V cos = b_.Fma(b_.FMul(z, z), Horner(z, k_.cos), b_.Fma(z, Const(-0.5), Const(1)));
  return {sin, cos, angle.quadrant};
}

// Angles of f64 beyond 2^50 are not reduced: neighbouring ones are a fifth of a turn apart. NaN says so.
double FloatMath::MaxAngle() const { return type_ == KType::kF64 ? k_.angle_limit : kInfinity; }

V FloatMath::KeepZero(V x, V result) {
  result = b_.Select(Less(Abs(x), Const(MaxAngle())), result, Const(kNan));
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
  return b_.Select(Less(Abs(x), Const(MaxAngle())), result, Const(kNan));
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
  const std::vector<V> rest = b_.While(
      {b_.URem(x_mantissa, divisor), distance}, [&](std::span<const V> c) { return b_.SLt(zero, c[1]); },
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
