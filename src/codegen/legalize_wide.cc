// SPDX-License-Identifier: Apache-2.0
// 64-bit integers as pairs of 32-bit words.
#include <array>

#include "codegen/legalizer.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using kernel::V;

// One row an op that has 64-bit operands or results.
struct WideTable {
  using Handler = Legalizer::Handler;
  struct Row {
    KOp op;
    Handler handler;
  };
  static constexpr Row kRows[] = {
      {KOp::kConstant, &Legalizer::WideConstant}, {KOp::kIAdd, &Legalizer::WideAddOf},
      {KOp::kISub, &Legalizer::WideSubtractOf},   {KOp::kIMul, &Legalizer::WideMultiplyOf},
      {KOp::kSDiv, &Legalizer::WideDivisionOf},   {KOp::kUDiv, &Legalizer::WideDivisionOf},
      {KOp::kSRem, &Legalizer::WideDivisionOf},   {KOp::kURem, &Legalizer::WideDivisionOf},
      {KOp::kSMin, &Legalizer::WideMinMaxOf},     {KOp::kSMax, &Legalizer::WideMinMaxOf},
      {KOp::kUMin, &Legalizer::WideMinMaxOf},     {KOp::kUMax, &Legalizer::WideMinMaxOf},
      {KOp::kAnd, &Legalizer::WideBitsOf},        {KOp::kOr, &Legalizer::WideBitsOf},
      {KOp::kXor, &Legalizer::WideBitsOf},        {KOp::kNot, &Legalizer::WideBitsOf},
      {KOp::kShl, &Legalizer::WideShiftOf},       {KOp::kShrU, &Legalizer::WideShiftOf},
      {KOp::kShrS, &Legalizer::WideShiftOf},      {KOp::kIEq, &Legalizer::WideCompareOf},
      {KOp::kINe, &Legalizer::WideCompareOf},     {KOp::kSLt, &Legalizer::WideCompareOf},
      {KOp::kSLe, &Legalizer::WideCompareOf},     {KOp::kULt, &Legalizer::WideCompareOf},
      {KOp::kULe, &Legalizer::WideCompareOf},     {KOp::kSToF, &Legalizer::WideToFloatOf},
      {KOp::kUToF, &Legalizer::WideToFloatOf},    {KOp::kFToS, &Legalizer::WideFromFloatOf},
      {KOp::kFToU, &Legalizer::WideFromFloatOf},  {KOp::kSExt, &Legalizer::WideExtensionOf},
      {KOp::kZExt, &Legalizer::WideExtensionOf},  {KOp::kTruncI, &Legalizer::WideTruncationOf},
      {KOp::kSelect, &Legalizer::WideSelectOf},   {KOp::kSubgroupShuffleXor, &Legalizer::WideShuffleOf},
  };
};

Legalizer::Handler Legalizer::WideHandler(KOp op) {
  for (const WideTable::Row& row : WideTable::kRows) {
    if (row.op == op) return row.handler;
  }
  return nullptr;
}

Legalizer::Words Legalizer::AddWords(Words a, Words b) {
  const V low = builder_.IAdd(a.low, b.low);
  const V carry = builder_.Select(builder_.ULt(low, a.low), I32(1), I32(0));
  return {low, builder_.IAdd(builder_.IAdd(a.high, b.high), carry)};
}

Legalizer::Words Legalizer::SubtractWords(Words a, Words b) {
  const V borrow = builder_.Select(builder_.ULt(a.low, b.low), I32(1), I32(0));
  return {builder_.ISub(a.low, b.low), builder_.ISub(builder_.ISub(a.high, b.high), borrow)};
}

Legalizer::Words Legalizer::NegateWords(Words a) { return SubtractWords({I32(0), I32(0)}, a); }
V Legalizer::IsNegative(Words a) { return builder_.SLt(a.high, I32(0)); }
Legalizer::Words Legalizer::AbsoluteWords(Words a) { return SelectWords(IsNegative(a), NegateWords(a), a); }

Legalizer::Words Legalizer::SelectWords(V condition, Words a, Words b) {
  return {builder_.Select(condition, a.low, b.low), builder_.Select(condition, a.high, b.high)};
}

V Legalizer::EqualWords(Words a, Words b) {
  return builder_.And(builder_.IEq(a.low, b.low), builder_.IEq(a.high, b.high));
}

V Legalizer::LessWords(Words a, Words b, bool is_signed) {
  const V high_less = builder_.Compare(is_signed ? KOp::kSLt : KOp::kULt, a.high, b.high);
  return builder_.Or(high_less, builder_.And(builder_.IEq(a.high, b.high), builder_.ULt(a.low, b.low)));
}

// Shifts by amount mod 32, then moves a whole word when the amount is 32 or more. The bits that cross are shifted in
// two parts, for a shift by 32 is undefined.
Legalizer::Words Legalizer::ShiftLeft(Words a, V amount) {
  const V within = builder_.And(amount, I32(31));
  const V rest = builder_.ISub(I32(31), within);
  const V crossing = builder_.Binary(KOp::kShrU, builder_.Binary(KOp::kShrU, a.low, I32(1)), rest);
  const V low = builder_.Binary(KOp::kShl, a.low, within);
  const V high = builder_.Or(builder_.Binary(KOp::kShl, a.high, within), crossing);
  return SelectWords(builder_.ULt(amount, I32(32)), {low, high}, {I32(0), low});
}

Legalizer::Words Legalizer::ShiftRight(Words a, V amount, KOp shift) {
  const V within = builder_.And(amount, I32(31));
  const V rest = builder_.ISub(I32(31), within);
  const V crossing = builder_.Binary(KOp::kShl, builder_.Binary(KOp::kShl, a.high, I32(1)), rest);
  const V low = builder_.Or(builder_.Binary(KOp::kShrU, a.low, within), crossing);
  const V high = builder_.Binary(shift, a.high, within);
  const V fill = shift == KOp::kShrS ? builder_.Binary(KOp::kShrS, a.high, I32(31)) : I32(0);
  return SelectWords(builder_.ULt(amount, I32(32)), {low, high}, {high, fill});
}

Legalizer::Mapped Legalizer::WideConstant(const Instruction& inst) {
  return {I32(static_cast<int64_t>(inst.imm & 0xffffffffu)), I32(static_cast<int64_t>(inst.imm >> 32))};
}

Legalizer::Mapped Legalizer::WideAddOf(const Instruction& inst) {
  return AddWords(Get(inst.operands[0]), Get(inst.operands[1]));
}

Legalizer::Mapped Legalizer::WideSubtractOf(const Instruction& inst) {
  return SubtractWords(Get(inst.operands[0]), Get(inst.operands[1]));
}

Legalizer::Mapped Legalizer::WideMultiplyOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const Words b = Get(inst.operands[1]);
  const V crossed = builder_.IAdd(builder_.IMul(a.low, b.high), builder_.IMul(a.high, b.low));
  return {builder_.IMul(a.low, b.low), builder_.IAdd(builder_.Binary(KOp::kUMulHigh, a.low, b.low), crossed)};
}

// One bit of the quotient an iteration; bits of the dividend leave at the top as those of the quotient come in below.
std::vector<V> Legalizer::DivideByLoop(Words a, Words b) {
  const auto body = [&](V, std::span<const V> carried) {
    Words quotient = {carried[0], carried[1]};
    Words rest = {carried[2], carried[3]};
    const V overflows = IsNegative(rest);
    const V top = builder_.Binary(KOp::kShrU, quotient.high, I32(31));
    rest = ShiftLeft(rest, I32(1));
    rest.low = builder_.Or(rest.low, top);
    quotient = ShiftLeft(quotient, I32(1));
    const V fits = builder_.Or(overflows, builder_.Not(LessWords(rest, b, false)));
    rest = SelectWords(fits, SubtractWords(rest, b), rest);
    quotient.low = builder_.Or(quotient.low, builder_.Select(fits, I32(1), I32(0)));
    return std::vector<V>{quotient.low, quotient.high, rest.low, rest.high};
  };
  return builder_.For(I32(0), I32(64), I32(1), {a.low, a.high, I32(0), I32(0)}, body);
}

std::pair<Legalizer::Words, Legalizer::Words> Legalizer::DivideWords(Words a, Words b) {
  const V is_narrow = builder_.IEq(builder_.Or(a.high, b.high), I32(0));
  const auto divide_narrow = [&] {
    return std::vector<V>{builder_.UDiv(a.low, b.low), I32(0), builder_.URem(a.low, b.low), I32(0)};
  };
  const std::vector<V> result = builder_.IfValue(is_narrow, divide_narrow, [&] { return DivideByLoop(a, b); });
  return {{result[0], result[1]}, {result[2], result[3]}};
}

Legalizer::Mapped Legalizer::WideDivisionOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const Words b = Get(inst.operands[1]);
  if (inst.op == KOp::kUDiv) return DivideWords(a, b).first;
  if (inst.op == KOp::kURem) return DivideWords(a, b).second;
  const auto [quotient, rest] = DivideWords(AbsoluteWords(a), AbsoluteWords(b));
  if (inst.op == KOp::kSRem) return SelectWords(IsNegative(a), NegateWords(rest), rest);
  const V differ = builder_.Xor(IsNegative(a), IsNegative(b));
  return SelectWords(differ, NegateWords(quotient), quotient);
}

Legalizer::Mapped Legalizer::WideMinMaxOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const Words b = Get(inst.operands[1]);
  const bool is_signed = inst.op == KOp::kSMin || inst.op == KOp::kSMax;
  const bool is_min = inst.op == KOp::kSMin || inst.op == KOp::kUMin;
  const V a_is_less = LessWords(a, b, is_signed);
  return is_min ? SelectWords(a_is_less, a, b) : SelectWords(a_is_less, b, a);
}

Legalizer::Mapped Legalizer::WideBitsOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  if (inst.op == KOp::kNot) return {builder_.Not(a.low), builder_.Not(a.high)};
  const Words b = Get(inst.operands[1]);
  return {builder_.Binary(inst.op, a.low, b.low), builder_.Binary(inst.op, a.high, b.high)};
}

Legalizer::Mapped Legalizer::WideShiftOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const V amount = Low(inst.operands[1]);
  return inst.op == KOp::kShl ? ShiftLeft(a, amount) : ShiftRight(a, amount, inst.op);
}

Legalizer::Mapped Legalizer::WideCompareOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const Words b = Get(inst.operands[1]);
  if (inst.op == KOp::kIEq) return {EqualWords(a, b), {}};
  if (inst.op == KOp::kINe) return {builder_.Not(EqualWords(a, b)), {}};
  const bool is_signed = inst.op == KOp::kSLt || inst.op == KOp::kSLe;
  const bool is_strict = inst.op == KOp::kSLt || inst.op == KOp::kULt;
  return {is_strict ? LessWords(a, b, is_signed) : builder_.Not(LessWords(b, a, is_signed)), {}};
}

// Rounds once: the leading 32 bits, with all that follows folded into the last of them, are then one conversion away.
V Legalizer::UnsignedToF32(Words a) {
  const V is_small = builder_.IEq(a.high, I32(0));
  const V leading = builder_.Select(is_small, builder_.IAdd(builder_.Unary(KOp::kClz, a.low), I32(32)),
                                    builder_.Unary(KOp::kClz, a.high));
  const V amount = builder_.UMin(leading, I32(63));
  const Words normal = ShiftLeft(a, amount);
  const V sticky = builder_.Select(builder_.INe(normal.low, I32(0)), I32(1), I32(0));
  const V value = builder_.Convert(KOp::kUToF, builder_.Or(normal.high, sticky), KType::kF32);
  const V exponent = builder_.ISub(I32(127 + 32), amount);
  const V scale = builder_.Bitcast(builder_.Binary(KOp::kShl, exponent, I32(23)), KType::kF32);
  return builder_.FMul(value, scale);
}

V Legalizer::UnsignedToFloat(Words a, KType type) {
  if (type == KType::kF64) {
    const V high = builder_.Convert(KOp::kUToF, a.high, type);
    const V low = builder_.Convert(KOp::kUToF, a.low, type);
    return builder_.FAdd(builder_.FMul(high, builder_.Float(type, 4294967296.0)), low);
  }
  const V value = UnsignedToF32(a);
  // What f16 holds is exact in f32: rounding twice is rounding once.
  return type == KType::kF16 ? NarrowToF16(value) : value;
}

Legalizer::Mapped Legalizer::WideToFloatOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  if (inst.op == KOp::kUToF) return {UnsignedToFloat(a, inst.type), {}};
  const V magnitude = UnsignedToFloat(AbsoluteWords(a), inst.type);
  return {builder_.Select(IsNegative(a), builder_.Unary(KOp::kFNeg, magnitude), magnitude), {}};
}

// Exact: the upper word is the integer part of x / 2^32, the lower what remains.
Legalizer::Mapped Legalizer::WideFromFloatOf(const Instruction& inst) {
  V value = Low(inst.operands[0]);
  if (value.type == KType::kF16) value = builder_.Convert(KOp::kFToF, value, KType::kF32);
  const KType type = value.type;
  const V zero = builder_.Float(type, 0.0);
  const V magnitude = builder_.Unary(KOp::kFAbs, value);
  const V scaled = builder_.Unary(KOp::kFloor, builder_.FMul(magnitude, builder_.Float(type, 1.0 / 4294967296.0)));
  const V high = builder_.Convert(KOp::kFToU, scaled, KType::kI32);
  const V rest = builder_.FSub(magnitude, builder_.FMul(scaled, builder_.Float(type, 4294967296.0)));
  const Words words = {builder_.Convert(KOp::kFToU, rest, KType::kI32), high};
  if (inst.op == KOp::kFToU) return words;
  return SelectWords(builder_.Compare(KOp::kFLt, value, zero), NegateWords(words), words);
}

Legalizer::Mapped Legalizer::WideExtensionOf(const Instruction& inst) {
  const V low = Low(inst.operands[0]);
  return {low, inst.op == KOp::kSExt ? builder_.Binary(KOp::kShrS, low, I32(31)) : I32(0)};
}

Legalizer::Mapped Legalizer::WideTruncationOf(const Instruction& inst) { return {Low(inst.operands[0]), {}}; }

Legalizer::Mapped Legalizer::WideSelectOf(const Instruction& inst) {
  return SelectWords(Low(inst.operands[0]), Get(inst.operands[1]), Get(inst.operands[2]));
}

Legalizer::Mapped Legalizer::WideShuffleOf(const Instruction& inst) {
  const Words a = Get(inst.operands[0]);
  const V mask = Low(inst.operands[1]);
  return {builder_.Binary(inst.op, a.low, mask), builder_.Binary(inst.op, a.high, mask)};
}

}  // namespace dragoman::codegen
