// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>

#include "passes/canonicalize_rules.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

// op(x, neutral) = x; also op(neutral, x) where `both_sides`.
struct Neutral {
  OpCode code;
  double number;
  bool both_sides;
};
constexpr Neutral kNeutrals[] = {
    {OpCode::kAdd, 0, true},
    {OpCode::kSubtract, 0, false},
    {OpCode::kMultiply, 1, true},
    {OpCode::kDivide, 1, false},
    {OpCode::kPower, 1, false},
    {OpCode::kOr, 0, true},
    {OpCode::kXor, 0, true},
    {OpCode::kShiftLeft, 0, false},
    {OpCode::kShiftRightLogical, 0, false},
    {OpCode::kShiftRightArithmetic, 0, false},
};

Replacement DropNeutral(Op& op, Builder&) {
  for (const Neutral& row : kNeutrals) {
    // On i1, add is or, multiply is and: 0 and 1 are neutral as well.
    if (row.code != op.code) continue;
    if (IsSplat(op.operands[1], row.number)) return ReplaceWith(op.operands[0]);
    if (row.both_sides && IsSplat(op.operands[0], row.number)) return ReplaceWith(op.operands[1]);
  }
  return kKeep;
}

// x * 0 = 0 and x & 0 = 0, of integers and booleans.
Replacement AbsorbZero(Op& op, Builder&) {
  if (IsFloat(op.type().dtype) || IsComplex(op.type().dtype)) return kKeep;
  for (Value* operand : op.operands) {
    if (IsSplat(operand, 0)) return ReplaceWith(operand);
  }
  return kKeep;
}

Replacement AndOrTrue(Op& op, Builder&) {
  if (!IsPred(op.type().dtype)) return kKeep;
  for (size_t i = 0; i < 2; ++i) {
    if (IsSplat(op.operands[i], 1)) return ReplaceWith(op.operands[op.code == OpCode::kAnd ? 1 - i : i]);
  }
  return kKeep;
}

Replacement DropSameOperands(Op& op, Builder&) {
  return op.operands[0] == op.operands[1] ? ReplaceWith(op.operands[0]) : kKeep;
}

Replacement SquareOfPower(Op& op, Builder& builder) {
  if (!IsSplat(op.operands[1], 2)) return kKeep;
  return ReplaceWith(builder.Multiply(op.operands[0], op.operands[0]));
}

// Division by a power of two is exact multiplication by another one, where that is a normal number.
Replacement DivideByPowerOfTwo(Op& op, Builder& builder) {
  const DType dtype = op.type().dtype;
  const auto divisor = SplatOf(op.operands[1]);
  if (!divisor.has_value() || (dtype != DType::kF32 && dtype != DType::kF64)) return kKeep;
  int exponent = 0;
  const bool is_power = std::isfinite(*divisor) && std::fabs(std::frexp(*divisor, &exponent)) == 0.5;
  if (!is_power || std::abs(exponent) > 100) return kKeep;
  return ReplaceWith(builder.Multiply(op.operands[0], builder.Splat(op.type(), 1 / *divisor)));
}

// Of f8E8M0FNU, powers of two alone.
bool LacksZeroAndSign(DType dtype) {
  const auto format = SmallFloat(dtype);
  return format.has_value() && format->sign_bits == 0;
}

// f(f(x)) = x.
Replacement DropInvolution(Op& op, Builder&) {
  const Op* inner = DefinedBy(op.operands[0], op.code);
  return inner == nullptr || LacksZeroAndSign(op.type().dtype) ? kKeep : ReplaceWith(inner->operands[0]);
}

// Whether every value of `from` is one of `to`.
bool IsExact(DType from, DType to) {
  if (IsFloat(from) && (to == DType::kF32 || to == DType::kF64)) return Info(from).bits < Info(to).bits;
  const bool same_sign = IsInteger(from) && Info(from).kind == Info(to).kind;
  const bool widens_unsigned = IsUnsigned(from) && IsSigned(to);
  if (same_sign || widens_unsigned) return Info(from).bits < Info(to).bits;
  return IsPred(from) && !IsPred(to) && !IsToken(to) && !LacksZeroAndSign(to);
}

Replacement ConvertOfConvert(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kConvert);
  if (inner == nullptr) return kKeep;
  const DType from = inner->operands[0]->type.dtype;
  const DType middle = inner->type().dtype;
  const DType to = op.type().dtype;
  if (from == middle) return ReplaceWith(builder.Convert(inner->operands[0], to));
  if (!IsExact(from, middle)) return kKeep;
  if (from == to) return ReplaceWith(inner->operands[0]);
  if (!IsExact(from, to)) return kKeep;
  return ReplaceWith(builder.Convert(inner->operands[0], to));
}

Replacement ConvertToSameType(Op& op, Builder&) {
  return op.operands[0]->type == op.type() ? ReplaceWith(op.operands[0]) : kKeep;
}

Replacement SelectOfConstant(Op& op, Builder&) {
  if (IsSplat(op.operands[0], 1)) return ReplaceWith(op.operands[1]);
  if (IsSplat(op.operands[0], 0)) return ReplaceWith(op.operands[2]);
  return kKeep;
}

Replacement SelectOfSame(Op& op, Builder&) {
  return op.operands[1] == op.operands[2] ? ReplaceWith(op.operands[1]) : kKeep;
}

Replacement SelectOfNot(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kNot);
  if (inner == nullptr) return kKeep;
  return ReplaceWith(builder.Make(OpCode::kSelect, {inner->operands[0], op.operands[2], op.operands[1]})->result());
}

// select between booleans that are constants is the predicate.
Replacement SelectOfTruths(Op& op, Builder& builder) {
  if (!IsPred(op.type().dtype) || op.operands[0]->type != op.type()) return kKeep;
  const auto on_true = SplatOf(op.operands[1]);
  const auto on_false = SplatOf(op.operands[2]);
  if (!on_true.has_value() || !on_false.has_value()) return kKeep;
  if (*on_true == *on_false) return ReplaceWith(op.operands[1]);
  if (*on_true != 0) return ReplaceWith(op.operands[0]);
  return ReplaceWith(builder.Unary(OpCode::kNot, op.operands[0]));
}

Replacement SpreadScalars(Op& op, Builder& builder) {
  const Dims& dims = op.type().dims;
  bool changed = false;
  std::vector<Value*> operands;
  for (Value* operand : op.operands) {
    changed |= operand->type.dims != dims;
    operands.push_back(operand->type.dims == dims ? operand : builder.Fill(operand, dims));
  }
  if (!changed) return kKeep;
  return ReplaceWith(builder.Make(op.code, std::move(operands))->result());
}

// convert(p) == 0 and the like, where p is a boolean.
Replacement CompareOfConvertedTruth(Op& op, Builder& builder) {
  const Op* converted = DefinedBy(op.operands[0], OpCode::kConvert);
  const auto number = SplatOf(op.operands[1]);
  if (converted == nullptr || !IsPred(converted->operands[0]->type.dtype) || !number.has_value()) return kKeep;
  const auto direction = static_cast<ComparisonDirection>(op.attributes.Int(AttrKey::kComparisonDirection));
  const bool is_equality = direction == ComparisonDirection::kEq || direction == ComparisonDirection::kNe;
  // In the total order -0 is no zero.
  if (!is_equality || (*number != 0 && *number != 1) || std::signbit(*number)) return kKeep;
  const bool negates = (*number == 0) == (direction == ComparisonDirection::kEq);
  Value* truth = converted->operands[0];
  return ReplaceWith(negates ? builder.Unary(OpCode::kNot, truth) : truth);
}

Replacement RealOfComplex(Op& op, Builder&) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kComplex);
  return inner == nullptr ? kKeep : ReplaceWith(inner->operands[op.code == OpCode::kReal ? 0 : 1]);
}

// real and imag are defined on real numbers, too.
Replacement PartOfReal(Op& op, Builder& builder) {
  if (IsComplex(op.operands[0]->type.dtype)) return kKeep;
  return ReplaceWith(op.code == OpCode::kReal ? op.operands[0] : builder.Splat(op.type(), 0));
}

Replacement ComplexOfParts(Op& op, Builder&) {
  const Op* real = DefinedBy(op.operands[0], OpCode::kReal);
  const Op* imag = DefinedBy(op.operands[1], OpCode::kImag);
  const bool is_whole = real != nullptr && imag != nullptr && real->operands[0] == imag->operands[0] &&
                        real->operands[0]->type == op.type();
  return is_whole ? ReplaceWith(real->operands[0]) : kKeep;
}

// The same number, and where bf16 is not rounded between operations (docs/adr/0045) the one that a difference gives.
Replacement AddOfNegated(Op& op, Builder& builder) {
  for (const int i : {1, 0}) {
    const Op* negated = DefinedBy(op.operands[i], OpCode::kNegate);
    if (negated != nullptr)
      return ReplaceWith(builder.Binary(OpCode::kSubtract, op.operands[1 - i], negated->operands[0]));
  }
  return kKeep;
}

Replacement BitcastOfBitcast(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kBitcastConvert);
  if (inner == nullptr) return kKeep;
  if (inner->operands[0]->type == op.type()) return ReplaceWith(inner->operands[0]);
  const DTypeInfo& from = Info(inner->operands[0]->type.dtype);
  const bool same_width = from.bits == Info(op.type().dtype).bits && from.bits == Info(inner->type().dtype).bits;
  return same_width ? ReplaceWith(builder.Bitcast(inner->operands[0], op.type())) : kKeep;
}

constexpr CanonicalRule kArithmeticRules[] = {
    {OpCode::kAdd, DropNeutral},
    {OpCode::kAdd, AddOfNegated},
    {OpCode::kSubtract, DropNeutral},
    {OpCode::kMultiply, DropNeutral},
    {OpCode::kMultiply, AbsorbZero},
    {OpCode::kDivide, DropNeutral},
    {OpCode::kDivide, DivideByPowerOfTwo},
    {OpCode::kPower, DropNeutral},
    {OpCode::kPower, SquareOfPower},
    {OpCode::kOr, DropNeutral},
    {OpCode::kOr, AndOrTrue},
    {OpCode::kOr, DropSameOperands},
    {OpCode::kXor, DropNeutral},
    {OpCode::kAnd, AbsorbZero},
    {OpCode::kAnd, AndOrTrue},
    {OpCode::kAnd, DropSameOperands},
    {OpCode::kMaximum, DropSameOperands},
    {OpCode::kMinimum, DropSameOperands},
    {OpCode::kShiftLeft, DropNeutral},
    {OpCode::kShiftRightLogical, DropNeutral},
    {OpCode::kShiftRightArithmetic, DropNeutral},
    {OpCode::kNot, DropInvolution},
    {OpCode::kNegate, DropInvolution},
    {OpCode::kCompare, CompareOfConvertedTruth},
    {OpCode::kConvert, ConvertToSameType},
    {OpCode::kConvert, ConvertOfConvert},
    {OpCode::kSelect, SelectOfConstant},
    {OpCode::kSelect, SelectOfSame},
    {OpCode::kSelect, SelectOfNot},
    {OpCode::kSelect, SelectOfTruths},
    {OpCode::kSelect, SpreadScalars},
    {OpCode::kClamp, SpreadScalars},
    {OpCode::kReal, RealOfComplex},
    {OpCode::kReal, PartOfReal},
    {OpCode::kImag, RealOfComplex},
    {OpCode::kImag, PartOfReal},
    {OpCode::kComplex, ComplexOfParts},
    {OpCode::kBitcastConvert, BitcastOfBitcast},
};

}  // namespace

std::span<const CanonicalRule> ArithmeticRules() { return kArithmeticRules; }

}  // namespace dragoman::passes
