// SPDX-License-Identifier: Apache-2.0
#include "reference/scalar_eval.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "reference/elementary.h"
#include "reference/scalar_complex.h"
#include "reference/scalar_int.h"

namespace dragoman::reference {
namespace {

using Context = ScalarContext;

bool IsWhole(const Context& context) { return IsInteger(context.operand) || IsPred(context.operand); }

double Real(const Number& number) { return number.value.real(); }

// Rows that apply one function to integers (or booleans), one to floats and one to complex numbers.
template <auto kOnInts, auto kOnFloats, auto kOnComplexes>
Number Unary(const Context& context, const Number* x) {
  if (IsWhole(context)) return Number::Of(kOnInts(context.operand, x[0].integer));
  if (IsComplex(context.operand)) return Number::Of(kOnComplexes(x[0].value));
  return Number::Of(kOnFloats(Real(x[0])));
}

template <auto kOnFloats, auto kOnComplexes>
Number FieldUnary(const Context& context, const Number* x) {
  if (IsComplex(context.operand)) return Number::Of(kOnComplexes(x[0].value));
  return Number::Of(kOnFloats(Real(x[0])));
}

template <auto kOnFloats>
Number FloatUnary(const Context&, const Number* x) {
  return Number::Of(kOnFloats(Real(x[0])));
}

template <auto kOnInts>
Number IntUnary(const Context& context, const Number* x) {
  return Number::Of(kOnInts(context.operand, x[0].integer));
}

template <auto kOnInts>
Number IntBinary(const Context& context, const Number* x) {
  return Number::Of(kOnInts(context.operand, x[0].integer, x[1].integer));
}

template <auto kOnInts, auto kOnFloats, auto kOnComplexes>
Number Binary(const Context& context, const Number* x) {
  if (IsWhole(context)) return Number::Of(kOnInts(context.operand, x[0].integer, x[1].integer));
  if (IsComplex(context.operand)) return Number::Of(kOnComplexes(x[0].value, x[1].value));
  return Number::Of(kOnFloats(Real(x[0]), Real(x[1])));
}

double AddFloat(double a, double b) { return a + b; }
double SubtractFloat(double a, double b) { return a - b; }
double MultiplyFloat(double a, double b) { return a * b; }
double DivideFloat(double a, double b) { return a / b; }
double NegateFloat(double a) { return -a; }
double SignFloat(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a; }
double Logistic(double a) { return 1 / (1 + Exp(-a)); }
double Rsqrt(double a) { return 1 / std::sqrt(a); }
double MaximumFloat(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
  if (a == b) return std::signbit(a) ? b : a;
  return std::max(a, b);
}
double MinimumFloat(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
  if (a == b) return std::signbit(a) ? a : b;
  return std::min(a, b);
}

double Remainder(double a, double b) { return std::fmod(a, b); }
double Ceil(double a) { return std::ceil(a); }
double Floor(double a) { return std::floor(a); }
double RoundAway(double a) { return std::round(a); }
double RoundEven(double a) { return std::nearbyint(a); }
double Sqrt(double a) { return std::sqrt(a); }

Number Abs(const Context& context, const Number* x) {
  if (IsWhole(context)) return Number::Of(AbsInt(context.operand, x[0].integer));
  return Number::Of(std::abs(x[0].value));
}

Number MakeComplex(const Context&, const Number* x) { return Number::Of(std::complex<double>(Real(x[0]), Real(x[1]))); }
Number RealPartOf(const Context&, const Number* x) { return Number::Of(x[0].value.real()); }
Number ImaginaryPartOf(const Context&, const Number* x) { return Number::Of(x[0].value.imag()); }
Number IsFinite(const Context&, const Number* x) { return Number::Of(std::isfinite(Real(x[0]))); }
Number Select(const Context&, const Number* x) { return x[0].integer != 0 ? x[1] : x[2]; }

// Out of range saturates and NaN is 0.
int64_t IntFromFloat(DType result, double value) {
  if (std::isnan(value)) return 0;
  const IntRange range = RangeOf(result);
  const double truncated = std::trunc(value);
  if (IsUnsigned(result)) {
    if (truncated <= 0) return 0;
    const auto max = static_cast<uint64_t>(range.max);
    return truncated >= static_cast<double>(max) ? range.max : static_cast<int64_t>(static_cast<uint64_t>(truncated));
  }
  if (truncated <= static_cast<double>(range.min)) return range.min;
  return truncated >= static_cast<double>(range.max) ? range.max : static_cast<int64_t>(truncated);
}

// 64-bit integers do not fit f64. For a narrower result, rounding to odd first keeps its rounding exact.
double FloatFromInt(const Context& context, int64_t integer) {
  const bool is_negative = IsSigned(context.operand) && integer < 0;
  const uint64_t magnitude = is_negative ? 0 - static_cast<uint64_t>(integer) : static_cast<uint64_t>(integer);
  const bool is_wide = magnitude >> 53 != 0 && RealPart(context.result) != DType::kF64;
  // The lowest 11 bits are beyond f64's 53; any of them set makes the lowest kept bit odd.
  constexpr uint64_t kLost = (1 << 11) - 1;
  const uint64_t odd = (magnitude & ~kLost) | ((magnitude & kLost) != 0 ? kLost + 1 : 0);
  const auto value = static_cast<double>(is_wide ? odd : magnitude);
  return is_negative ? -value : value;
}

Number Convert(const Context& context, const Number* x) {
  if (IsPred(context.result)) return Number::Of(IsWhole(context) ? x[0].integer != 0 : x[0].value != 0.0);
  if (IsInteger(context.result)) {
    return IsWhole(context) ? x[0] : Number::Of(IntFromFloat(context.result, Real(x[0])));
  }
  if (IsWhole(context)) return Number::Of(FloatFromInt(context, x[0].integer));
  return IsComplex(context.result) ? x[0] : Number::Of(Real(x[0]));
}

template <typename T>
bool Holds(ComparisonDirection direction, T a, T b) {
  switch (direction) {
    case ComparisonDirection::kEq:
      return a == b;
    case ComparisonDirection::kNe:
      return a != b;
    case ComparisonDirection::kGe:
      return a >= b;
    case ComparisonDirection::kGt:
      return a > b;
    case ComparisonDirection::kLe:
      return a <= b;
    case ComparisonDirection::kLt:
      return a < b;
  }
  return false;
}

// -NaN < -inf < ... < -0 < +0 < ... < +inf < +NaN.
int64_t TotalOrderKey(double value) {
  const auto bits = std::bit_cast<int64_t>(value);
  return bits < 0 ? bits ^ INT64_MAX : bits;
}

Number Compare(const Context& context, const Number* x) {
  const Number& a = x[0];
  const Number& b = x[1];
  if (IsSigned(context.operand)) return Number::Of(Holds(context.direction, a.integer, b.integer));
  if (IsWhole(context)) {
    return Number::Of(Holds(context.direction, static_cast<uint64_t>(a.integer), static_cast<uint64_t>(b.integer)));
  }
  if (IsComplex(context.operand)) {
    return Number::Of((a.value == b.value) == (context.direction == ComparisonDirection::kEq));
  }
  if (context.comparison == ComparisonType::kTotalOrder) {
    return Number::Of(Holds(context.direction, TotalOrderKey(Real(a)), TotalOrderKey(Real(b))));
  }
  return Number::Of(Holds(context.direction, Real(a), Real(b)));
}

Number Maximum(const Context& context, const Number* x) {
  return Binary<MaximumInt, MaximumFloat, MaximumComplex>(context, x);
}
Number Minimum(const Context& context, const Number* x) {
  return Binary<MinimumInt, MinimumFloat, MinimumComplex>(context, x);
}

// Operands: lower bound, value, upper bound.
Number Clamp(const Context& context, const Number* x) {
  const Number raised[] = {x[1], x[0]};
  const Number lowered[] = {Maximum(context, raised), x[2]};
  return Minimum(context, lowered);
}

Number ReducePrecision(const Context& context, const Number* x) {
  const double value = Real(x[0]);
  if (!std::isfinite(value) || value == 0) return x[0];
  const SmallFloatFormat& format = context.precision;
  const double magnitude = std::fabs(value);
  const int exponent = std::ilogb(magnitude);
  const double scaled = std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent));
  const double rounded = std::ldexp(scaled, exponent - format.mantissa_bits);
  // What is below the smallest normal number becomes zero, what is above the largest becomes infinity.
  const int new_exponent = std::ilogb(rounded);
  if (new_exponent > format.exponent_bias) return Number::Of(std::copysign(INFINITY, value));
  if (new_exponent < 1 - format.exponent_bias) return Number::Of(std::copysign(0.0, value));
  return Number::Of(std::copysign(rounded, value));
}

struct ScalarRow {
  ScalarOp op;
  ScalarFunction function;
};

constexpr ScalarRow kScalarRows[] = {
    {ScalarOp::kAbs, Abs},
    {ScalarOp::kAdd, Binary<AddInt, AddFloat, AddComplex>},
    {ScalarOp::kAnd, IntBinary<AndInt>},
    {ScalarOp::kAtan2,
     [](const Context& c, const Number* x) {
       return IsComplex(c.operand) ? Number::Of(Atan2Complex(x[0].value, x[1].value))
                                   : Number::Of(Atan2(Real(x[0]), Real(x[1])));
     }},
    {ScalarOp::kCbrt, FieldUnary<Cbrt, CbrtComplex>},
    {ScalarOp::kCeil, FloatUnary<Ceil>},
    {ScalarOp::kClamp, Clamp},
    {ScalarOp::kCompare, Compare},
    {ScalarOp::kComplex, MakeComplex},
    {ScalarOp::kConvert, Convert},
    {ScalarOp::kCosine, FieldUnary<Cosine, CosineComplex>},
    {ScalarOp::kCountLeadingZeros, IntUnary<CountLeadingZeros>},
    {ScalarOp::kDivide, Binary<DivideInt, DivideFloat, DivideComplex>},
    {ScalarOp::kExponential, FieldUnary<Exp, ExpComplex>},
    {ScalarOp::kExponentialMinusOne, FieldUnary<Expm1, Expm1Complex>},
    {ScalarOp::kFloor, FloatUnary<Floor>},
    {ScalarOp::kImag, ImaginaryPartOf},
    {ScalarOp::kIsFinite, IsFinite},
    {ScalarOp::kLog, FieldUnary<Log, LogComplex>},
    {ScalarOp::kLogPlusOne, FieldUnary<Log1p, Log1pComplex>},
    {ScalarOp::kLogistic, FieldUnary<Logistic, LogisticComplex>},
    {ScalarOp::kMaximum, Maximum},
    {ScalarOp::kMinimum, Minimum},
    {ScalarOp::kMultiply, Binary<MultiplyInt, MultiplyFloat, MultiplyComplex>},
    {ScalarOp::kNegate, Unary<NegateInt, NegateFloat, NegateComplex>},
    {ScalarOp::kNot, IntUnary<NotInt>},
    {ScalarOp::kOr, IntBinary<OrInt>},
    {ScalarOp::kPopcnt, IntUnary<PopulationCount>},
    {ScalarOp::kPower, Binary<PowerInt, Power, PowerComplex>},
    {ScalarOp::kReal, RealPartOf},
    {ScalarOp::kReducePrecision, ReducePrecision},
    {ScalarOp::kRemainder,
     [](const Context& c, const Number* x) {
       return IsWhole(c) ? Number::Of(RemainderInt(c.operand, x[0].integer, x[1].integer))
                         : Number::Of(Remainder(Real(x[0]), Real(x[1])));
     }},
    {ScalarOp::kRoundNearestAfz, FloatUnary<RoundAway>},
    {ScalarOp::kRoundNearestEven, FloatUnary<RoundEven>},
    {ScalarOp::kRsqrt, FieldUnary<Rsqrt, RsqrtComplex>},
    {ScalarOp::kSelect, Select},
    {ScalarOp::kShiftLeft, IntBinary<ShiftLeft>},
    {ScalarOp::kShiftRightArithmetic, IntBinary<ShiftRightArithmetic>},
    {ScalarOp::kShiftRightLogical, IntBinary<ShiftRightLogical>},
    {ScalarOp::kSign, Unary<SignInt, SignFloat, SignComplex>},
    {ScalarOp::kSine, FieldUnary<Sine, SineComplex>},
    {ScalarOp::kSqrt, FieldUnary<Sqrt, SqrtComplex>},
    {ScalarOp::kSubtract, Binary<SubtractInt, SubtractFloat, SubtractComplex>},
    {ScalarOp::kTan, FieldUnary<Tan, TanComplex>},
    {ScalarOp::kTanh, FieldUnary<Tanh, TanhComplex>},
    {ScalarOp::kXor, IntBinary<XorInt>},
    {ScalarOp::kErf, FloatUnary<Erf>},
    {ScalarOp::kErfc, FloatUnary<Erfc>},
};

constexpr bool HasEveryScalarOpInOrder() {
  for (size_t i = 0; i < std::size(kScalarRows); ++i) {
    if (kScalarRows[i].op != static_cast<ScalarOp>(i)) return false;
  }
  return std::size(kScalarRows) == static_cast<size_t>(kNumScalarOps);
}
static_assert(HasEveryScalarOpInOrder(), "one row for each row of types/scalar_ops.h, in its order");

}  // namespace

ScalarFunction FunctionOf(ScalarOp op) { return kScalarRows[static_cast<int>(op)].function; }

ScalarContext ContextOf(const ir::Op& op) {
  using ir::AttrKey;
  ScalarContext context;
  const bool has_leading_operand = op.code == ir::OpCode::kClamp || op.code == ir::OpCode::kSelect;
  context.operand = op.operands[has_leading_operand ? 1 : 0]->type.dtype;
  context.result = op.type().dtype;
  context.direction = static_cast<ComparisonDirection>(op.attributes.IntOr(AttrKey::kComparisonDirection, 0));
  context.comparison = static_cast<ComparisonType>(op.attributes.IntOr(AttrKey::kCompareType, 0));
  context.precision.exponent_bits = static_cast<int>(op.attributes.IntOr(AttrKey::kExponentBits, 0));
  context.precision.mantissa_bits = static_cast<int>(op.attributes.IntOr(AttrKey::kMantissaBits, 0));
  if (context.precision.exponent_bits > 0) {
    context.precision.exponent_bias = (1 << (context.precision.exponent_bits - 1)) - 1;
  }
  return context;
}

}  // namespace dragoman::reference
