// SPDX-License-Identifier: Apache-2.0
// Scalar operations on complex numbers, from those on their parts.
#include <limits>

#include "scalar/float_math.h"
#include "scalar/scalar_emit.h"

namespace dragoman::kernel {
namespace {

class ComplexMath {
 public:
  ComplexMath(Builder& b, KType type) : b_(b), m_(b, type) {}
  FloatMath& real() { return m_; }

  Scalar Add(Scalar x, Scalar y) { return {b_.FAdd(x.re, y.re), b_.FAdd(x.im, y.im)}; }
  Scalar Subtract(Scalar x, Scalar y) { return {b_.FSub(x.re, y.re), b_.FSub(x.im, y.im)}; }
  Scalar Multiply(Scalar x, Scalar y) {
    return {b_.FSub(b_.FMul(x.re, y.re), b_.FMul(x.im, y.im)), b_.FAdd(b_.FMul(x.re, y.im), b_.FMul(x.im, y.re))};
  }
  Scalar Negate(Scalar x) { return {m_.Neg(x.re), m_.Neg(x.im)}; }
  Scalar Scale(Scalar x, V factor) { return {b_.FMul(x.re, factor), b_.FMul(x.im, factor)}; }
  Scalar Choose(V condition, Scalar x, Scalar y) {
    return {b_.Select(condition, x.re, y.re), b_.Select(condition, x.im, y.im)};
  }
  Scalar Constant(double re) { return {m_.Const(re), m_.Const(0)}; }
  V IsZero(V x) { return m_.Equal(x, m_.Const(0)); }
  V IsZero(Scalar x) { return b_.And(IsZero(x.re), IsZero(x.im)); }
  V IsNan(V x) { return b_.Compare(KOp::kFNe, x, x); }
  V Infinity() { return m_.Const(std::numeric_limits<double>::infinity()); }
  V IsInfinite(V x) { return m_.Equal(m_.Abs(x), Infinity()); }
  V IsInfinite(Scalar x) { return b_.Or(IsInfinite(x.re), IsInfinite(x.im)); }
  V IsFinite(Scalar x) { return b_.And(m_.Less(m_.Abs(x.re), Infinity()), m_.Less(m_.Abs(x.im), Infinity())); }

  // Of an infinite number: 1 for its infinite parts, 0 for others, with their signs.
  Scalar Signs(Scalar x) {
    const auto sign = [&](V part) { return m_.CopySign(b_.Select(IsInfinite(part), m_.Const(1), m_.Const(0)), part); };
    return {sign(x.re), sign(x.im)};
  }
  Scalar TimesConjugate(Scalar x, Scalar y) {
    return {b_.FAdd(b_.FMul(x.re, y.re), b_.FMul(x.im, y.im)), b_.FSub(b_.FMul(x.im, y.re), b_.FMul(x.re, y.im))};
  }

  // Smith's method: the divisor's larger part is divided out first, so that squares do not overflow. What is left of
  // infinities is as in C's Annex G.
  Scalar Divide(Scalar x, Scalar y) {
    const V re_is_larger = m_.LessOrEqual(m_.Abs(y.im), m_.Abs(y.re));
    const V large = b_.Select(re_is_larger, y.re, y.im), small = b_.Select(re_is_larger, y.im, y.re);
    const V ratio = m_.Divide(small, large);
    const V divisor = b_.Fma(small, ratio, large);
    const V first = b_.Select(re_is_larger, x.re, x.im), second = b_.Select(re_is_larger, x.im, x.re);
    const V re = b_.Fma(second, ratio, first);
    const V im = b_.Select(re_is_larger, b_.Fma(m_.Neg(x.re), ratio, x.im), b_.Fma(x.im, ratio, m_.Neg(x.re)));
    const Scalar quotient{m_.Divide(re, divisor), m_.Divide(im, divisor)};
    const Scalar finite = Choose(IsZero(y), {m_.Divide(x.re, y.re), m_.Divide(x.im, y.re)}, quotient);
    const V x_is_infinite = IsInfinite(x), y_is_infinite = IsInfinite(y);
    const V both_nan = b_.And(IsNan(quotient.re), IsNan(quotient.im));
    const V overflows = b_.And(both_nan, b_.And(x_is_infinite, b_.And(IsFinite(y), b_.Not(IsZero(y)))));
    const V vanishes = b_.And(y_is_infinite, IsFinite(x));
    const Scalar direction = TimesConjugate(Choose(x_is_infinite, Signs(x), x), Choose(y_is_infinite, Signs(y), y));
    // No constant zero: some drivers take its products for zero, whatever the other factor's sign.
    const Scalar result = Choose(overflows, Scale(direction, Infinity()), finite);
    return Choose(vanishes, {m_.CopySign(m_.Const(0), direction.re), m_.CopySign(m_.Const(0), direction.im)}, result);
  }

  // exp(a) may overflow where its product with sin b does not: there it is twice the root of it. Elsewhere the root
  // would only add its rounding, which a difference of two exponentials shows.
  Scalar Exp(Scalar x) {
    const V is_large = m_.Less(m_.Const(m_.type() == KType::kF64 ? 700 : 80), x.re);
    const V power = m_.Exp(b_.Select(is_large, b_.FMul(x.re, m_.Const(0.5)), x.re));
    const V rest = b_.Select(is_large, power, m_.Const(1));
    const V im = b_.FMul(b_.FMul(power, m_.Sin(x.im)), rest);
    return {b_.FMul(b_.FMul(power, m_.Cos(x.im)), rest), b_.Select(IsZero(x.im), x.im, im)};
  }

  // (e^a - 1) cos b - 2 sin^2(b/2) keeps its digits near zero.
  Scalar Expm1(Scalar x) {
    const V half_sine = m_.Sin(b_.FMul(x.im, m_.Const(0.5)));
    const V drop = b_.FMul(b_.FMul(half_sine, half_sine), m_.Const(-2));
    return {b_.Fma(m_.Expm1(x.re), m_.Cos(x.im), drop), Exp(x).im};
  }

  // log |x| = log(large) + log1p((small / large)^2) / 2.
  Scalar Log(Scalar x) {
    const V re = m_.Abs(x.re), im = m_.Abs(x.im);
    const V is_steep = m_.Less(re, im);
    const V large = b_.Select(is_steep, im, re), small = b_.Select(is_steep, re, im);
    const V has_ratio = b_.And(m_.Less(m_.Const(0), large), m_.Less(large, Infinity()));
    const V ratio = m_.Divide(small, large);
    const V tail = b_.FMul(m_.Log1p(b_.FMul(ratio, ratio)), m_.Const(0.5));
    V length = b_.FAdd(m_.Log(large), b_.Select(has_ratio, tail, m_.Const(0)));
    length = b_.Select(IsNan(small), small, length);
    return {b_.Select(IsInfinite(x), Infinity(), length), m_.Atan2(x.im, x.re)};
  }

  Scalar Log1p(Scalar x) {
    const Scalar moved{b_.FAdd(x.re, m_.Const(1)), x.im};
    const Scalar far = Log(moved);
    const V square = b_.Fma(x.re, b_.FAdd(x.re, m_.Const(2)), b_.FMul(x.im, x.im));
    const V near = b_.FMul(m_.Log1p(square), m_.Const(0.5));
    const V is_near = m_.Less(b_.FAdd(m_.Abs(x.re), m_.Abs(x.im)), m_.Const(0.5));
    return {b_.Select(is_near, near, far.re), far.im};
  }

  // Huge numbers come down by 2^4 first: the length of the two parts may overflow.
  Scalar Sqrt(Scalar x) {
    const V half = m_.Const(0.5), zero = m_.Const(0), limit = m_.Const(0x1p100);
    const V is_huge = b_.Or(m_.Less(limit, m_.Abs(x.re)), m_.Less(limit, m_.Abs(x.im)));
    const Scalar y = Scale(x, b_.Select(is_huge, m_.Const(0x1p-4), m_.Const(1)));
    const V length = b_.Fma(m_.Abs(y.re), half, b_.FMul(m_.Hypot(y.re, y.im), half));
    const V root = m_.Sqrt(length);
    const V other = b_.Select(m_.Equal(root, zero), m_.Abs(y.im), m_.Divide(m_.Abs(y.im), b_.FAdd(root, root)));
    const V is_left = m_.IsNegative(x.re);
    const Scalar near{b_.Select(is_left, other, root), m_.CopySign(b_.Select(is_left, root, other), x.im)};
    const Scalar result = Scale(near, b_.Select(is_huge, m_.Const(4), m_.Const(1)));
    return Choose(IsInfinite(x.im), {Infinity(), x.im}, result);
  }

  // Kahan: with t = tan b and s = sinh a, both parts over 1 + (1 + t^2) s^2.
  Scalar Tanh(Scalar x) {
    const V one = m_.Const(1);
    const V a = m_.Abs(x.re);
    const V e = m_.Expm1(a);
    const V sinh = m_.CopySign(b_.FMul(b_.FAdd(e, m_.Divide(e, b_.FAdd(e, one))), m_.Const(0.5)), x.re);
    const V tan = m_.Tan(x.im);
    const V beta = b_.Fma(tan, tan, one);
    const V rho = m_.Sqrt(b_.Fma(sinh, sinh, one));
    const V divisor = b_.Fma(b_.FMul(beta, sinh), sinh, one);
    const Scalar near{m_.Divide(b_.FMul(b_.FMul(beta, rho), sinh), divisor), m_.Divide(tan, divisor)};
    const V decay = m_.Exp(b_.FMul(a, m_.Const(-2)));
    const V turn = b_.FMul(b_.FMul(m_.Sin(x.im), m_.Cos(x.im)), m_.Const(4));
    // At infinity the angle, even one that is none, does not matter.
    const V is_none = IsNan(turn), is_end = m_.Equal(a, Infinity());
    const V far_im = b_.Select(b_.And(is_none, is_end), m_.Const(0), b_.FMul(turn, decay));
    const Scalar far{b_.Select(b_.And(is_none, b_.Not(is_end)), turn, m_.CopySign(one, x.re)), far_im};
    const Scalar result = Choose(m_.Less(m_.Const(m_.type() == KType::kF64 ? 20 : 10), a), far, near);
    return {result.re, b_.Select(IsZero(x.im), x.im, result.im)};
  }

  // tan z = -i tanh(i z).
  Scalar Tan(Scalar x) {
    const Scalar turned = Tanh({m_.Neg(x.im), x.re});
    return {turned.im, m_.Neg(turned.re)};
  }

  Scalar SinOrCos(Scalar x, bool is_cos) {
    const V half = m_.Const(0.5);
    const V a = m_.Abs(x.im);
    const V grown = m_.Exp(a);
    const V e = m_.Expm1(a);
    const V cosh = b_.FMul(b_.FAdd(grown, m_.Divide(m_.Const(1), grown)), half);
    const V sinh = m_.CopySign(b_.FMul(b_.FAdd(e, m_.Divide(e, b_.FAdd(e, m_.Const(1)))), half), x.im);
    const V overflowing =
        b_.Select(m_.Less(e, m_.Const(std::numeric_limits<double>::infinity())), sinh, m_.CopySign(e, x.im));
    const V sin = m_.Sin(x.re), cos = m_.Cos(x.re);
    if (is_cos) return {b_.FMul(cos, cosh), m_.Neg(b_.FMul(sin, overflowing))};
    return {b_.FMul(sin, cosh), b_.FMul(cos, overflowing)};
  }

  Scalar Logistic(Scalar x) { return Divide(Constant(1), Add(Constant(1), Exp(Negate(x)))); }

  Scalar Power(Scalar x, Scalar y) {
    const Scalar general = Exp(Multiply(y, Log(x)));
    const Scalar of_zero = Choose(IsZero(y), Constant(1), Constant(0));
    return Choose(IsZero(x), of_zero, general);
  }

  Scalar Cbrt(Scalar x) { return Choose(IsZero(x), x, Exp(Scale(Log(x), m_.Const(1.0 / 3.0)))); }

  Scalar Sign(Scalar x) {
    const V length = m_.Hypot(x.re, x.im);
    return Choose(IsZero(x), x, {m_.Divide(x.re, length), m_.Divide(x.im, length)});
  }

  // atan2(y, x) = -i log((x + i y) / sqrt(x^2 + y^2)).
  Scalar Atan2(Scalar y, Scalar x) {
    const Scalar turned{m_.Neg(y.im), y.re};
    const Scalar length = Sqrt(Add(Multiply(x, x), Multiply(y, y)));
    const Scalar log = Log(Divide(Add(x, turned), length));
    return {log.im, m_.Neg(log.re)};
  }

  V Ordering(ComparisonDirection direction, Scalar x, Scalar y) {
    const auto ordered = [&](ComparisonDirection d, V a, V b) { return EmitOrdering(b_, d, DType::kF32, a, b); };
    using enum ComparisonDirection;
    if (direction == kEq) return b_.And(ordered(kEq, x.re, y.re), ordered(kEq, x.im, y.im));
    if (direction == kNe) return b_.Or(ordered(kNe, x.re, y.re), ordered(kNe, x.im, y.im));
    const ComparisonDirection strict = direction == kGe || direction == kGt ? kGt : kLt;
    return b_.Or(ordered(strict, x.re, y.re), b_.And(ordered(kEq, x.re, y.re), ordered(direction, x.im, y.im)));
  }

 private:
  Builder& b_;
  FloatMath m_;
};

ComplexMath Math(const ScalarCall& call) { return ComplexMath(call.b, call.re(0).type); }

template <Scalar (ComplexMath::*function)(Scalar)>
Scalar Of(const ScalarCall& call) {
  ComplexMath math = Math(call);
  return (math.*function)(call.x[0]);
}
template <Scalar (ComplexMath::*function)(Scalar, Scalar)>
Scalar Of(const ScalarCall& call) {
  ComplexMath math = Math(call);
  return (math.*function)(call.x[0], call.x[1]);
}

Scalar ComplexAbs(const ScalarCall& call) { return {Math(call).real().Hypot(call.x[0].re, call.x[0].im), {}}; }
Scalar ComplexReal(const ScalarCall& call) { return {call.x[0].re, {}}; }
Scalar ComplexImag(const ScalarCall& call) { return {call.x[0].im, {}}; }
Scalar Sine(const ScalarCall& call) { return Math(call).SinOrCos(call.x[0], false); }
Scalar Cosine(const ScalarCall& call) { return Math(call).SinOrCos(call.x[0], true); }
Scalar ComplexSelect(const ScalarCall& call) {
  Builder& b = call.b;
  return {b.Select(call.re(0), call.re(1), call.re(2)), b.Select(call.re(0), call.x[1].im, call.x[2].im)};
}

Scalar Rsqrt(const ScalarCall& call) {
  ComplexMath math = Math(call);
  return math.Divide(math.Constant(1), math.Sqrt(call.x[0]));
}

Scalar ComplexCompare(const ScalarCall& call) {
  const auto direction =
      static_cast<ComparisonDirection>(call.context.attributes->Int(ir::AttrKey::kComparisonDirection));
  return {Math(call).Ordering(direction, call.x[0], call.x[1]), {}};
}

Scalar Extreme(ComplexMath& math, ComparisonDirection wanted, const Scalar& x, const Scalar& y) {
  return math.Choose(math.Ordering(wanted, x, y), x, y);
}
Scalar Maximum(const ScalarCall& call) {
  ComplexMath math = Math(call);
  return Extreme(math, ComparisonDirection::kGe, call.x[0], call.x[1]);
}
Scalar Minimum(const ScalarCall& call) {
  ComplexMath math = Math(call);
  return Extreme(math, ComparisonDirection::kLe, call.x[0], call.x[1]);
}
Scalar ComplexClamp(const ScalarCall& call) {
  ComplexMath math = Math(call);
  const Scalar raised = Extreme(math, ComparisonDirection::kGe, call.x[0], call.x[1]);
  return Extreme(math, ComparisonDirection::kLe, raised, call.x[2]);
}

struct ComplexRow {
  ScalarOp op;
  EmitScalar emit;
  bool is_present = false;
};

constexpr RowsByOp<ComplexRow> kComplexRows = ByOp<ComplexRow>({
    {ScalarOp::kAbs, ComplexAbs},
    {ScalarOp::kAdd, Of<&ComplexMath::Add>},
    {ScalarOp::kAtan2, Of<&ComplexMath::Atan2>},
    {ScalarOp::kCbrt, Of<&ComplexMath::Cbrt>},
    {ScalarOp::kClamp, ComplexClamp},
    {ScalarOp::kCompare, ComplexCompare},
    {ScalarOp::kConvert, EmitConvert},
    {ScalarOp::kCosine, Cosine},
    {ScalarOp::kDivide, Of<&ComplexMath::Divide>},
    {ScalarOp::kExponential, Of<&ComplexMath::Exp>},
    {ScalarOp::kExponentialMinusOne, Of<&ComplexMath::Expm1>},
    {ScalarOp::kImag, ComplexImag},
    {ScalarOp::kLog, Of<&ComplexMath::Log>},
    {ScalarOp::kLogPlusOne, Of<&ComplexMath::Log1p>},
    {ScalarOp::kLogistic, Of<&ComplexMath::Logistic>},
    {ScalarOp::kMaximum, Maximum},
    {ScalarOp::kMinimum, Minimum},
    {ScalarOp::kMultiply, Of<&ComplexMath::Multiply>},
    {ScalarOp::kNegate, Of<&ComplexMath::Negate>},
    {ScalarOp::kPower, Of<&ComplexMath::Power>},
    {ScalarOp::kReal, ComplexReal},
    {ScalarOp::kRsqrt, Rsqrt},
    {ScalarOp::kSelect, ComplexSelect},
    {ScalarOp::kSign, Of<&ComplexMath::Sign>},
    {ScalarOp::kSine, Sine},
    {ScalarOp::kSqrt, Of<&ComplexMath::Sqrt>},
    {ScalarOp::kSubtract, Of<&ComplexMath::Subtract>},
    {ScalarOp::kTan, Of<&ComplexMath::Tan>},
    {ScalarOp::kTanh, Of<&ComplexMath::Tanh>},
});
static_assert(Covers(kComplexRows, kOnComplex), "A scalar op on complex numbers has no row.");

}  // namespace

EmitScalar ComplexEmitter(ScalarOp op) { return kComplexRows[static_cast<int>(op)].emit; }

}  // namespace dragoman::kernel
