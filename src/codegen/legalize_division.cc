// SPDX-License-Identifier: Apache-2.0
// Divisions of 64-bit integers by multiplications. No GPU divides them itself: drivers call a function or go bit by
// bit, and NVIDIA's 580 returns the wrong call's result where an invocation makes two of them and adds a constant to
// each.
#include <bit>

#include "codegen/legalizer.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using kernel::V;

bool IsWideDivision(const kernel::Instruction& inst, const kernel::Kernel& kernel) {
  const bool divides = inst.op == KOp::kSDiv || inst.op == KOp::kUDiv || inst.op == KOp::kSRem || inst.op == KOp::kURem;
  return divides && kernel.value_types[inst.first_result] == KType::kI64;
}

Legalizer::Mapped Legalizer::DivisionOf(const Instruction& inst) {
  const V a = Low(inst.operands[0]);
  const V b = Low(inst.operands[1]);
  const bool is_remainder = inst.op == KOp::kSRem || inst.op == KOp::kURem;
  if (inst.op == KOp::kUDiv || inst.op == KOp::kURem) return {DivideLong(a, b, is_remainder), {}};
  const V a_is_negative = builder_.SLt(a, I64(0));
  const V sign = is_remainder ? a_is_negative : builder_.Xor(a_is_negative, builder_.SLt(b, I64(0)));
  const V result = DivideLong(Magnitude(a), Magnitude(b), is_remainder);
  return {builder_.Select(sign, builder_.ISub(I64(0), result), result), {}};
}

V Legalizer::Magnitude(V a) {
  const auto constant = builder_.ConstantInt(a);
  if (constant.has_value())
    return I64(*constant < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(*constant)) : *constant);
  return builder_.Select(builder_.SLt(a, I64(0)), builder_.ISub(I64(0), a), a);
}

// The quotient or the remainder, unsigned.
V Legalizer::DivideLong(V a, V b, bool is_remainder) {
  const auto constant = builder_.ConstantInt(b);
  const auto divisor = static_cast<uint64_t>(constant.value_or(0));
  if (std::has_single_bit(divisor)) {
    if (is_remainder) return builder_.And(a, I64(static_cast<int64_t>(divisor - 1)));
    return builder_.Binary(KOp::kShrU, a, I64(std::countr_zero(divisor)));
  }
  if (divisor == 0) return DivideByVariable(a, b, is_remainder);
  const V quotient = QuotientByConstant(a, divisor);
  return is_remainder ? builder_.ISub(a, builder_.IMul(quotient, b)) : quotient;
}

// T. Granlund and P. Montgomery, "Division by invariant integers using multiplication", PLDI 1994, figure 4.1, N = 64.
V Legalizer::QuotientByConstant(V a, uint64_t divisor) {
  const int log2 = static_cast<int>(std::bit_width(divisor - 1));
  using Wide = unsigned __int128;
  const Wide excess = (Wide{1} << log2) - divisor;
  const auto factor = static_cast<uint64_t>((excess << 64) / divisor + 1);
  const V product = MultiplyHigh(a, I64(static_cast<int64_t>(factor)));
  const V half = builder_.Binary(KOp::kShrU, builder_.ISub(a, product), I64(1));
  return builder_.Binary(KOp::kShrU, builder_.IAdd(product, half), I64(log2 - 1));
}

V Legalizer::DivideByVariable(V a, V b, bool is_remainder) {
  const V words = builder_.Binary(KOp::kShrU, builder_.Or(a, b), I64(32));
  const auto narrow = [&] {
    const V low =
        builder_.Binary(is_remainder ? KOp::kURem : KOp::kUDiv, builder_.Convert(KOp::kTruncI, a, KType::kI32),
                        builder_.Convert(KOp::kTruncI, b, KType::kI32));
    return std::vector<V>{builder_.Convert(KOp::kZExt, low, KType::kI64)};
  };
  return builder_.IfValue(builder_.IEq(words, I64(0)), narrow,
                          [&] { return std::vector<V>{DivideByReciprocal(a, b, is_remainder)}; })[0];
}

// With v = 2^64 / b and R an integer not above it, Newton's step R + high(R (2^64 - R b)) is not above it either, and
// its distance d from v becomes d^2 / v, plus less than 1 for what is cut off. Reciprocal's distance is at most v /
// 2^18 + 1, so that two steps leave less than 2. high(a R) is then at most 2 below a's quotient, which the last two
// comparisons mend.
V Legalizer::DivideByReciprocal(V a, V b, bool is_remainder) {
  V reciprocal = Reciprocal(b);
  for (int step = 0; step < 2; ++step) {
    const V missing = builder_.ISub(I64(0), builder_.IMul(reciprocal, b));
    reciprocal = builder_.IAdd(reciprocal, MultiplyHigh(reciprocal, missing));
  }
  V quotient = MultiplyHigh(a, reciprocal);
  V rest = builder_.ISub(a, builder_.IMul(quotient, b));
  for (int step = 0; step < 2; ++step) {
    const V fits = builder_.ULe(b, rest);
    quotient = builder_.Select(fits, builder_.IAdd(quotient, I64(1)), quotient);
    rest = builder_.Select(fits, builder_.ISub(rest, b), rest);
  }
  return is_remainder ? rest : quotient;
}

// 2^64 / b in f32, less 2^-19 of it, which is more than all roundings on the way make (Vulkan allows a quotient 2.5
// ulp): as an integer by words, each of which is exact.
V Legalizer::Reciprocal(V b) {
  const auto to_float = [&](V word) { return builder_.Convert(KOp::kUToF, word, KType::kF32); };
  const V two32 = builder_.F32(4294967296.0f);
  const V high_b = builder_.Convert(KOp::kTruncI, builder_.Binary(KOp::kShrU, b, I64(32)), KType::kI32);
  const V low_b = builder_.Convert(KOp::kTruncI, b, KType::kI32);
  const V divisor = builder_.FAdd(builder_.FMul(to_float(high_b), two32), to_float(low_b));
  const V quotient = builder_.FDiv(builder_.F32(4294967296.0f * (1.0f - 0x1p-19f)), divisor);  // of 2^32
  const V high = builder_.Unary(KOp::kFloor, quotient);
  const V low = builder_.FMul(builder_.FSub(quotient, high), two32);
  const auto to_long = [&](V value) {
    return builder_.Convert(KOp::kZExt, builder_.Convert(KOp::kFToU, value, KType::kI32), KType::kI64);
  };
  return builder_.Or(builder_.Binary(KOp::kShl, to_long(high), I64(32)), to_long(low));
}

// The upper 64 bits of the product of two unsigned numbers.
V Legalizer::MultiplyHigh(V a, V b) {
  const auto low = [&](V value) { return builder_.And(value, I64(0xffffffff)); };
  const auto high = [&](V value) { return builder_.Binary(KOp::kShrU, value, I64(32)); };
  const V low_high = builder_.IMul(low(a), high(b));
  const V high_low = builder_.IMul(high(a), low(b));
  const V carried = builder_.IAdd(builder_.IAdd(high(builder_.IMul(low(a), low(b))), low(low_high)), low(high_low));
  const V upper = builder_.IAdd(builder_.IMul(high(a), high(b)), builder_.IAdd(high(low_high), high(high_low)));
  return builder_.IAdd(upper, high(carried));
}

}  // namespace dragoman::codegen
