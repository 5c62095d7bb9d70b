// SPDX-License-Identifier: Apache-2.0
// Scalar operations on integers and booleans.
#include "scalar/scalar_emit.h"

namespace dragoman::kernel {
namespace {

int Bits(DType dtype) { return Info(dtype).bits; }
bool IsNarrow(DType dtype) { return Bits(dtype) < 32; }

// The value's own bits, zero above them: undoes the sign extension of a narrow signed integer.
V OwnBits(Builder& b, V v, DType dtype) {
  return IsNarrow(dtype) && IsSigned(dtype) ? b.And(v, b.I32((int64_t{1} << Bits(dtype)) - 1)) : v;
}

V SignExtended(Builder& b, V v, DType dtype) {
  if (!IsNarrow(dtype) || IsSigned(dtype)) return v;
  const V shift = b.I32(32 - Bits(dtype));
  return b.Binary(KOp::kShrS, b.Binary(KOp::kShl, v, shift), shift);
}

template <KOp op>
Scalar Wrapped(const ScalarCall& call) {
  return {WrapInt(call.b, call.b.Binary(op, call.re(0), call.re(1)), call.dtype()), {}};
}

template <KOp op>
Scalar Plain(const ScalarCall& call) {
  return {call.b.Binary(op, call.re(0), call.re(1)), {}};
}

template <KOp on_signed, KOp on_unsigned>
Scalar BySign(const ScalarCall& call) {
  return {call.b.Binary(IsSigned(call.dtype()) ? on_signed : on_unsigned, call.re(0), call.re(1)), {}};
}

Scalar Not(const ScalarCall& call) { return {WrapInt(call.b, call.b.Not(call.re(0)), call.dtype()), {}}; }

Scalar Negate(const ScalarCall& call) {
  const V x = call.re(0);
  return {WrapInt(call.b, call.b.ISub(call.b.Zero(x.type), x), call.dtype()), {}};
}

Scalar IntAbs(const ScalarCall& call) {
  if (!IsSigned(call.dtype())) return call.x[0];
  Builder& b = call.b;
  const V x = call.re(0), zero = b.Zero(x.type);
  return {WrapInt(b, b.Select(b.SLt(x, zero), b.ISub(zero, x), x), call.dtype()), {}};
}

Scalar Sign(const ScalarCall& call) {
  Builder& b = call.b;
  const V x = call.re(0), one = b.Int(x.type, 1);
  return {IsSigned(call.dtype()) ? b.SMax(b.SMin(x, one), b.Int(x.type, -1)) : b.UMin(x, one), {}};
}

// A divisor that neither traps nor overflows, and whether the given one is zero (an invalid id when it cannot be).
struct Divisor {
  V value;
  V is_zero;
};

Divisor SafeDivisor(Builder& b, V lhs, V rhs, DType dtype) {
  const auto constant = b.ConstantInt(rhs);
  if (constant.has_value() && *constant != 0 && *constant != -1) return {rhs, {}};
  const V is_zero = b.IEq(rhs, b.Zero(rhs.type));
  V replace = is_zero;
  if (IsSigned(dtype) && !IsNarrow(dtype)) {
    const int64_t lowest = rhs.type == KType::kI64 ? INT64_MIN : INT32_MIN;
    const V overflows = b.And(b.IEq(lhs, b.Int(lhs.type, lowest)), b.IEq(rhs, b.Int(rhs.type, -1)));
    replace = b.Or(is_zero, overflows);
  }
  return {b.Select(replace, b.Int(rhs.type, 1), rhs), is_zero};
}

V Quotient(Builder& b, V lhs, V rhs, DType dtype) {
  return b.Binary(IsSigned(dtype) ? KOp::kSDiv : KOp::kUDiv, lhs, rhs);
}

Scalar Divide(const ScalarCall& call) {
  Builder& b = call.b;
  const Divisor divisor = SafeDivisor(b, call.re(0), call.re(1), call.dtype());
  V result = Quotient(b, call.re(0), divisor.value, call.dtype());
  if (divisor.is_zero.id != kNoValue) result = b.Select(divisor.is_zero, b.Int(result.type, -1), result);
  return {WrapInt(b, result, call.dtype()), {}};
}

Scalar Remainder(const ScalarCall& call) {
  Builder& b = call.b;
  const V lhs = call.re(0);
  const Divisor divisor = SafeDivisor(b, lhs, call.re(1), call.dtype());
  // Vulkan leaves OpSRem undefined for negative operands, so signed remainders go through the quotient.
  V result = IsSigned(call.dtype()) ? b.ISub(lhs, b.IMul(Quotient(b, lhs, divisor.value, call.dtype()), divisor.value))
                                    : b.URem(lhs, divisor.value);
  if (divisor.is_zero.id != kNoValue) result = b.Select(divisor.is_zero, lhs, result);
  return {WrapInt(b, result, call.dtype()), {}};
}

V IsNegative(Builder& b, V x, DType dtype) { return IsSigned(dtype) ? b.SLt(x, b.Zero(x.type)) : b.Bool(false); }

// By squaring. A negative exponent leaves 0, except for the bases 1 and -1.
Scalar Power(const ScalarCall& call) {
  Builder& b = call.b;
  const V base = call.re(0), exponent = call.re(1);
  const V one = b.Int(base.type, 1), zero = b.Zero(base.type);
  const std::vector<V> result = b.While(
      base.type == KType::kI64 ? 64 : 32, {one, base, exponent},
      [&](std::span<const V> c) { return b.And(b.INe(c[2], zero), b.Not(IsNegative(b, c[2], call.dtype()))); },
      [&](std::span<const V> c) {
        const V is_odd = b.INe(b.And(c[2], one), zero);
        const V product = b.Select(is_odd, b.IMul(c[0], c[1]), c[0]);
        const V square = b.IMul(c[1], c[1]);
        return std::vector<V>{product, square, b.Binary(KOp::kShrU, c[2], one)};
      });
  const V minus_one = b.Int(base.type, -1);
  const V exponent_is_odd = b.INe(b.And(exponent, one), zero);
  const V of_minus_one = b.Select(exponent_is_odd, minus_one, one);
  const V inverse = b.Select(b.IEq(base, one), one, b.Select(b.IEq(base, minus_one), of_minus_one, zero));
  return {WrapInt(b, b.Select(IsNegative(b, exponent, call.dtype()), inverse, result[0]), call.dtype()), {}};
}

V Width(Builder& b, V amount, DType dtype) { return b.Int(amount.type, Bits(dtype)); }

// Vulkan leaves shifts by the width and more undefined; here they give `beyond`.
V GuardShift(const ScalarCall& call, KOp op, V value, V beyond) {
  Builder& b = call.b;
  const V amount = call.re(1);
  const auto constant = b.ConstantInt(amount);
  if (constant.has_value() && *constant >= 0 && *constant < Bits(call.dtype())) return b.Binary(op, value, amount);
  const V in_range = b.ULt(amount, Width(b, amount, call.dtype()));
  const V safe = b.Select(in_range, amount, b.Zero(amount.type));
  return b.Select(in_range, b.Binary(op, value, safe), beyond);
}

Scalar ShiftLeft(const ScalarCall& call) {
  return {WrapInt(call.b, GuardShift(call, KOp::kShl, call.re(0), call.b.Zero(call.re(0).type)), call.dtype()), {}};
}

Scalar ShiftRightLogical(const ScalarCall& call) {
  const V value = OwnBits(call.b, call.re(0), call.dtype());
  return {WrapInt(call.b, GuardShift(call, KOp::kShrU, value, call.b.Zero(value.type)), call.dtype()), {}};
}

Scalar ShiftRightArithmetic(const ScalarCall& call) {
  Builder& b = call.b;
  const V value = SignExtended(b, call.re(0), call.dtype());
  const V most = b.Int(value.type, Bits(call.dtype()) - 1);
  const V result = b.Binary(KOp::kShrS, value, b.UMin(call.re(1), most));
  return {WrapInt(b, result, call.dtype()), {}};
}

// The two halves of a kI64.
V Low(Builder& b, V v) { return b.Convert(KOp::kTruncI, v, KType::kI32); }
V High(Builder& b, V v) { return Low(b, b.Binary(KOp::kShrU, v, b.I64(32))); }

Scalar CountLeadingZeros(const ScalarCall& call) {
  Builder& b = call.b;
  if (call.re(0).type == KType::kI64) {
    const V low = Low(b, call.re(0)), high = High(b, call.re(0));
    const V in_low = b.IAdd(b.Unary(KOp::kClz, low), b.I32(32));
    const V count = b.Select(b.IEq(high, b.I32(0)), in_low, b.Unary(KOp::kClz, high));
    return {b.Convert(KOp::kZExt, count, KType::kI64), {}};
  }
  const V value = OwnBits(b, call.re(0), call.dtype());
  return {WrapInt(b, b.ISub(b.Unary(KOp::kClz, value), b.I32(32 - Bits(call.dtype()))), call.dtype()), {}};
}

Scalar Popcnt(const ScalarCall& call) {
  Builder& b = call.b;
  if (call.re(0).type == KType::kI64) {
    const V count = b.IAdd(b.Unary(KOp::kPopcount, Low(b, call.re(0))), b.Unary(KOp::kPopcount, High(b, call.re(0))));
    return {b.Convert(KOp::kZExt, count, KType::kI64), {}};
  }
  return {WrapInt(b, b.Unary(KOp::kPopcount, OwnBits(b, call.re(0), call.dtype())), call.dtype()), {}};
}

Scalar IntCompare(const ScalarCall& call) {
  const auto direction =
      static_cast<ComparisonDirection>(call.context.attributes->Int(ir::AttrKey::kComparisonDirection));
  return {EmitOrdering(call.b, direction, call.dtype(), call.re(0), call.re(1)), {}};
}

Scalar IntSelect(const ScalarCall& call) { return {call.b.Select(call.re(0), call.re(1), call.re(2)), {}}; }

Scalar IntClamp(const ScalarCall& call) {
  const bool is_signed = IsSigned(call.dtype());
  const V raised = call.b.Binary(is_signed ? KOp::kSMax : KOp::kUMax, call.re(1), call.re(0));
  return {call.b.Binary(is_signed ? KOp::kSMin : KOp::kUMin, raised, call.re(2)), {}};
}

Scalar ClampBool(const ScalarCall& call) { return {call.b.And(call.b.Or(call.re(1), call.re(0)), call.re(2)), {}}; }

struct IntRow {
  ScalarOp op;
  EmitScalar emit;
  bool is_present = false;
};

constexpr RowsByOp<IntRow> kIntRows = ByOp<IntRow>({
    {ScalarOp::kAbs, IntAbs},
    {ScalarOp::kAdd, Wrapped<KOp::kIAdd>},
    {ScalarOp::kAnd, Plain<KOp::kAnd>},
    {ScalarOp::kClamp, IntClamp},
    {ScalarOp::kCompare, IntCompare},
    {ScalarOp::kConvert, EmitConvert},
    {ScalarOp::kCountLeadingZeros, CountLeadingZeros},
    {ScalarOp::kDivide, Divide},
    {ScalarOp::kMaximum, BySign<KOp::kSMax, KOp::kUMax>},
    {ScalarOp::kMinimum, BySign<KOp::kSMin, KOp::kUMin>},
    {ScalarOp::kMultiply, Wrapped<KOp::kIMul>},
    {ScalarOp::kNegate, Negate},
    {ScalarOp::kNot, Not},
    {ScalarOp::kOr, Plain<KOp::kOr>},
    {ScalarOp::kPopcnt, Popcnt},
    {ScalarOp::kPower, Power},
    {ScalarOp::kRemainder, Remainder},
    {ScalarOp::kSelect, IntSelect},
    {ScalarOp::kShiftLeft, ShiftLeft},
    {ScalarOp::kShiftRightArithmetic, ShiftRightArithmetic},
    {ScalarOp::kShiftRightLogical, ShiftRightLogical},
    {ScalarOp::kSign, Sign},
    {ScalarOp::kSubtract, Wrapped<KOp::kISub>},
    {ScalarOp::kXor, Plain<KOp::kXor>},
});
static_assert(Covers(kIntRows, kOnInt), "A scalar op on integers has no row.");

constexpr RowsByOp<IntRow> kBoolRows = ByOp<IntRow>({
    {ScalarOp::kAdd, Plain<KOp::kOr>},
    {ScalarOp::kAnd, Plain<KOp::kAnd>},
    {ScalarOp::kClamp, ClampBool},
    {ScalarOp::kCompare, IntCompare},
    {ScalarOp::kConvert, EmitConvert},
    {ScalarOp::kMaximum, Plain<KOp::kOr>},
    {ScalarOp::kMinimum, Plain<KOp::kAnd>},
    {ScalarOp::kMultiply, Plain<KOp::kAnd>},
    {ScalarOp::kNot, Not},
    {ScalarOp::kOr, Plain<KOp::kOr>},
    {ScalarOp::kSelect, IntSelect},
    {ScalarOp::kXor, Plain<KOp::kXor>},
});
static_assert(Covers(kBoolRows, kOnBool), "A scalar op on booleans has no row.");

V OrderInts(Builder& b, ComparisonDirection direction, bool is_signed, V lhs, V rhs) {
  const KOp less = is_signed ? KOp::kSLt : KOp::kULt;
  const KOp less_or_equal = is_signed ? KOp::kSLe : KOp::kULe;
  switch (direction) {
    case ComparisonDirection::kEq:
      return b.IEq(lhs, rhs);
    case ComparisonDirection::kNe:
      return b.INe(lhs, rhs);
    case ComparisonDirection::kGe:
      return b.Compare(less_or_equal, rhs, lhs);
    case ComparisonDirection::kGt:
      return b.Compare(less, rhs, lhs);
    case ComparisonDirection::kLe:
      return b.Compare(less_or_equal, lhs, rhs);
    case ComparisonDirection::kLt:
      return b.Compare(less, lhs, rhs);
  }
  return {};
}

V OrderBools(Builder& b, ComparisonDirection direction, V lhs, V rhs) {
  switch (direction) {
    case ComparisonDirection::kEq:
      return b.IEq(lhs, rhs);
    case ComparisonDirection::kNe:
      return b.INe(lhs, rhs);
    case ComparisonDirection::kGe:
      return b.Or(lhs, b.Not(rhs));
    case ComparisonDirection::kGt:
      return b.And(lhs, b.Not(rhs));
    case ComparisonDirection::kLe:
      return b.Or(rhs, b.Not(lhs));
    case ComparisonDirection::kLt:
      return b.And(rhs, b.Not(lhs));
  }
  return {};
}

V OrderFloats(Builder& b, ComparisonDirection direction, V lhs, V rhs) {
  switch (direction) {
    case ComparisonDirection::kEq:
      return b.Compare(KOp::kFEq, lhs, rhs);
    case ComparisonDirection::kNe:
      return b.Compare(KOp::kFNe, lhs, rhs);
    case ComparisonDirection::kGe:
      return b.Compare(KOp::kFLe, rhs, lhs);
    case ComparisonDirection::kGt:
      return b.Compare(KOp::kFLt, rhs, lhs);
    case ComparisonDirection::kLe:
      return b.Compare(KOp::kFLe, lhs, rhs);
    case ComparisonDirection::kLt:
      return b.Compare(KOp::kFLt, lhs, rhs);
  }
  return {};
}

}  // namespace

V WrapInt(Builder& b, V v, DType dtype) {
  if (v.type != KType::kI32 || !IsNarrow(dtype)) return v;
  if (IsUnsigned(dtype)) return b.And(v, b.I32((int64_t{1} << Bits(dtype)) - 1));
  const V shift = b.I32(32 - Bits(dtype));
  return b.Binary(KOp::kShrS, b.Binary(KOp::kShl, v, shift), shift);
}

V EmitOrdering(Builder& b, ComparisonDirection direction, DType dtype, V lhs, V rhs) {
  if (IsPred(dtype)) return OrderBools(b, direction, lhs, rhs);
  if (IsInteger(dtype)) return OrderInts(b, direction, IsSigned(dtype), lhs, rhs);
  return OrderFloats(b, direction, lhs, rhs);
}

EmitScalar IntEmitter(ScalarOp op) { return kIntRows[static_cast<int>(op)].emit; }
EmitScalar BoolEmitter(ScalarOp op) { return kBoolRows[static_cast<int>(op)].emit; }

}  // namespace dragoman::kernel
