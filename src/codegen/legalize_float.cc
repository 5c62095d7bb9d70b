// SPDX-License-Identifier: Apache-2.0
// Float operations that drivers may compute with less than their exact result.
#include <bit>
#include <limits>

#include "codegen/legalizer.h"
#include "kernel/small_float_ops.h"

namespace dragoman::codegen {

using kernel::Builder;
using kernel::KOp;
using kernel::KType;
using kernel::V;

namespace {

// The largest divisor * 2^k that is no larger than x, which is at least the divisor.
V LargestFitting(Builder& builder, V divisor, V x) {
  const bool is_double = x.type == KType::kF64;
  const KType bits_type = is_double ? KType::kI64 : KType::kI32;
  const int mantissa_bits = is_double ? 52 : 23;
  const int64_t bias = is_double ? 1023 : 127;
  const auto exponent_of = [&](V value) {
    return builder.Binary(KOp::kShrU, builder.Bitcast(value, bits_type), builder.Int(bits_type, mantissa_bits));
  };
  const auto power_of_two = [&](V exponent) {
    const V bits = builder.Binary(KOp::kShl, builder.IAdd(exponent, builder.Int(bits_type, bias)),
                                  builder.Int(bits_type, mantissa_bits));
    return builder.Bitcast(bits, x.type);
  };
  const V distance = builder.ISub(exponent_of(x), exponent_of(divisor));
  // One less than the difference of the exponents always fits; its double may, and overflows to infinity if at all.
  const V less = builder.SMax(builder.ISub(distance, builder.Int(bits_type, 1)), builder.Int(bits_type, 0));
  // In two steps, for 2^power itself may be too large for the type.
  const V half = builder.Binary(KOp::kShrU, less, builder.Int(bits_type, 1));
  const V scaled = builder.FMul(builder.FMul(divisor, power_of_two(half)), power_of_two(builder.ISub(less, half)));
  const V doubled = builder.FMul(scaled, builder.Float(x.type, 2.0));
  return builder.Select(builder.Compare(KOp::kFLe, doubled, x), doubled, scaled);
}

}  // namespace

// By integer arithmetic where no rounding mode is in force: SPIR-V then leaves the direction to the driver.
V Legalizer::NarrowToF16(V value) {
  if (RoundsToF16()) return builder_.Convert(KOp::kFToF, value, KType::kF16);
  return builder_.Convert(KOp::kF16FromBits, EncodeSmallFloat(builder_, DType::kF16, value), KType::kF16);
}

Legalizer::Mapped Legalizer::NarrowingOf(const Instruction& inst) {
  const V value = Low(inst.operands[0]);
  if (inst.op == KOp::kF16Bits) return {EncodeSmallFloat(builder_, DType::kF16, value), {}};
  return {NarrowToF16(value), {}};
}

Legalizer::Mapped Legalizer::RemainderOf(const Instruction& inst) {
  const V a = Low(inst.operands[0]);
  const V b = Low(inst.operands[1]);
  if (a.type == KType::kF64 && !profile_.int64) {
    Fail(Unimplemented("Remainders of f64 need 64-bit integers on the device."));
    return {a, {}};
  }
  if (a.type != KType::kF16) return {ExactRemainder(a, b), {}};
  // Exact in f32, and the result is no longer than its operands: exact in f16.
  const V wide =
      ExactRemainder(builder_.Convert(KOp::kFToF, a, KType::kF32), builder_.Convert(KOp::kFToF, b, KType::kF32));
  return {NarrowToF16(wide), {}};
}

// SPIR-V's OpFRem may be a - b * trunc(a / b) with all its rounding. This subtracts the largest b * 2^k that fits until
// nothing fits; every step is exact (t <= x < 2t).
V Legalizer::ExactRemainder(V a, V b) {
  const KType type = a.type;
  const V zero = builder_.Float(type, 0.0);
  const V infinity = builder_.Float(type, std::numeric_limits<double>::infinity());
  const V divisor = builder_.Unary(KOp::kFAbs, b);
  const V magnitude = builder_.Unary(KOp::kFAbs, a);
  const V is_valid =
      builder_.And(builder_.Compare(KOp::kFLt, magnitude, infinity), builder_.Compare(KOp::kFLt, zero, divisor));
  const auto goes_on = [&](std::span<const V> x) { return builder_.Compare(KOp::kFLe, divisor, x[0]); };
  const auto body = [&](std::span<const V> x) {
    return std::vector<V>{builder_.FSub(x[0], LargestFitting(builder_, divisor, x[0]))};
  };
  // Below any divisor where there is nothing to do.
  const V start = builder_.Select(is_valid, magnitude, builder_.Float(type, -1.0));
  // Each iteration takes the leading bit of what is left, at least.
  const int64_t most = type == KType::kF64 ? 2100 : type == KType::kF32 ? 280 : 42;
  const V rest = builder_.While(most, {start}, goes_on, body)[0];
  const V is_negative = builder_.Compare(KOp::kFLt, a, zero);
  V result = builder_.Select(is_negative, builder_.Unary(KOp::kFNeg, rest), rest);
  // a itself where nothing is to subtract: keeps -0.
  result = builder_.Select(builder_.Compare(KOp::kFLt, magnitude, divisor), a, result);
  return builder_.Select(is_valid, result, builder_.Float(type, std::numeric_limits<double>::quiet_NaN()));
}

// Of f64, by floor and ceil. Every step is exact; x itself comes back where it is a zero, an integer, infinite or NaN.
Legalizer::Mapped Legalizer::RoundingOf(const Instruction& inst) {
  const V x = Low(inst.operands[0]);
  const V is_negative = builder_.Compare(KOp::kFLt, x, builder_.Float(x.type, 0.0));
  const V down = builder_.Unary(KOp::kFloor, x);
  const V up = builder_.Unary(KOp::kCeil, x);
  const V truncated = builder_.Select(is_negative, up, down);
  if (inst.op == KOp::kTrunc) return {truncated, {}};
  const V above = builder_.FSub(x, down);  // 0 to 1
  const V half = builder_.Float(x.type, 0.5);
  const V halved = builder_.FMul(down, half);
  const V is_down_even = builder_.Compare(KOp::kFEq, builder_.Unary(KOp::kFloor, halved), halved);
  const V is_below_half = builder_.Compare(KOp::kFLt, above, half);
  const V is_half = builder_.Compare(KOp::kFEq, above, half);
  const V goes_down = builder_.Or(is_below_half, builder_.And(is_half, is_down_even));
  return {builder_.Select(goes_down, down, up), {}};
}

}  // namespace dragoman::codegen
