// SPDX-License-Identifier: Apache-2.0
#include "scalar/float_math.h"

#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/arithmetic.h"
#include "scalar/float_constants.h"

namespace dragoman::kernel {
namespace {

constexpr double kLog2E = 1.4426950408889634;
constexpr double kSqrtHalf = 0.70710678118654752;

}  // namespace

FloatMath::FloatMath(Builder& builder, KType type)
    : b_(builder),
      type_(type),
      bits_(type == KType::kF64 ? KType::kI64 : KType::kI32),
      k_(type == KType::kF64 ? ConstantsF64() : ConstantsF32()) {}

int64_t FloatMath::BitsOf(double value) const {
  if (type_ == KType::kF64) return std::bit_cast<int64_t>(value);
  return std::bit_cast<int32_t>(static_cast<float>(value));
}

V FloatMath::Horner(V x, std::span<const double> coefficients) {
  V result = Const(coefficients.back());
  for (size_t i = coefficients.size() - 1; i-- > 0;) result = b_.Fma(result, x, Const(coefficients[i]));
  return result;
}

// x y - RN(x y), by halves of the mantissas: many devices multiply and add with two roundings.
V FloatMath::ProductError(V x, V y, V product) {
  const V mask = Integer(type_ == KType::kF64 ? -(int64_t{1} << 27) : -(int64_t{1} << 12));
  const V x_high = FromBits(b_.And(Bits(x), mask)), y_high = FromBits(b_.And(Bits(y), mask));
  const V x_low = b_.FSub(x, x_high), y_low = b_.FSub(y, y_high);
  V error = b_.FSub(b_.FMul(x_high, y_high), product);
  error = b_.FAdd(error, b_.FMul(x_high, y_low));
  error = b_.FAdd(error, b_.FMul(x_low, y_high));
  return b_.FAdd(error, b_.FMul(x_low, y_low));
}

V FloatMath::IsNegative(V x) { return b_.SLt(Bits(x), Integer(0)); }

V FloatMath::CopySign(V magnitude, V sign) {
  const V sign_bit = b_.And(Bits(sign), Integer(BitsOf(-0.0)));
  return FromBits(b_.Or(Bits(magnitude), sign_bit));
}

// Devices divide by way of the reciprocal, which of a number beyond the largest power of two but one is lost.
std::pair<V, V> FloatMath::WithReciprocal(V x, V y) {
  const V is_huge = Less(Const(std::ldexp(1.0, k_.exponent_bias - 2)), Abs(y));
  const V scale = b_.Select(is_huge, Const(0x1p-32), Const(1));
  return {b_.FMul(x, scale), b_.FMul(y, scale)};
}

V FloatMath::Quotient(V x, V y) {
  if (b_.profile().type == target::DeviceType::kCpu) return b_.FDiv(x, y);
  const auto [scaled_x, scaled_y] = WithReciprocal(x, y);
  return b_.FDiv(scaled_x, scaled_y);
}

V FloatMath::Divide(V x, V y) {
  if (b_.profile().type == target::DeviceType::kCpu) return b_.FDiv(x, y);
  if (const std::optional<double> divisor = DivisorWithInverse(y)) {
    const V inverse = Const(1 / *divisor);
    int exponent = 0;
    const bool is_exact = std::fabs(std::frexp(*divisor, &exponent)) == 0.5;
    return is_exact ? b_.FMul(x, inverse) : Refine(b_.FMul(x, inverse), x, y, inverse);
  }
  std::tie(x, y) = WithReciprocal(x, y);
  return Refine(b_.FDiv(x, y), x, y, b_.FDiv(Const(1), y));
}

// The value of a constant that is normal, as is its inverse. Whole numbers may be lengths, which small programs share
// kernels for all of.
std::optional<double> FloatMath::DivisorWithInverse(V y) const {
  const std::optional<uint64_t> bits = b_.ConstantBitsOf(y);
  if (!bits.has_value()) return std::nullopt;
  const double value =
      type_ == KType::kF64 ? std::bit_cast<double>(*bits) : double{std::bit_cast<float>(static_cast<uint32_t>(*bits))};
  const double largest = std::ldexp(1.0, k_.exponent_bias - 2);
  const bool has_inverse = value != std::trunc(value) && std::fabs(value) <= largest && std::fabs(value) >= 1 / largest;
  return has_inverse ? std::optional(value) : std::nullopt;
}

// One step of Newton's, exact where the remainder is.
V FloatMath::Refine(V quotient, V x, V y, V inverse) {
  const V rest = b_.Fma(Neg(quotient), y, x);
  const V refined = b_.Fma(rest, inverse, quotient);
  // Infinity and NaN have no rest, and a zero would lose its sign to it: 0 < |refined| < infinity, in one comparison.
  const V is_refined = b_.ULt(b_.ISub(Bits(Abs(refined)), Integer(1)), Integer(BitsOf(kInfinity) - 1));
  return b_.Select(is_refined, refined, quotient);
}

V FloatMath::Sqrt(V x) {
  const V root = b_.Unary(KOp::kSqrt, x);
  if (b_.profile().type == target::DeviceType::kCpu) return root;
  const V rest = b_.Fma(Neg(root), root, x);
  const V refined = b_.Fma(rest, b_.FMul(b_.Unary(KOp::kRsqrt, x), Const(0.5)), root);
  return b_.Select(Less(Abs(refined), Const(kInfinity)), refined, root);
}

// Drivers may give anything for -0: GLSL leaves it open, and one computes NaN.
V FloatMath::Rsqrt(V x) {
  const V infinity = CopySign(Const(kInfinity), x);
  return b_.Select(Equal(x, Const(0)), infinity, b_.Unary(KOp::kRsqrt, x));
}

FloatMath::Nearest FloatMath::RoundToNearest(V x, double per_step) {
  const V shifted = b_.Fma(x, Const(per_step), Const(k_.magic));
  return {b_.FSub(shifted, Const(k_.magic)), Bits(shifted)};
}

V FloatMath::ExpTail(V r) { return b_.FMul(b_.FMul(r, r), Horner(r, k_.exp)); }

// `result` where x <= exp's largest argument; infinity above, NaN for NaN. The question for NaN stands alone: a driver
// that knows the sign of x, as in exp(-|x|), has answered a comparison for NaN too.
V FloatMath::Finite(V x, V result) {
  result = b_.Select(Less(Const(k_.exp_max), x), Const(kInfinity), result);
  return b_.Select(b_.Compare(KOp::kFNe, x, x), x, result);
}

V FloatMath::Exp(V x, V low) {
  const Nearest nearest = RoundToNearest(x, kLog2E);
  V r = b_.Fma(nearest.n, Const(-k_.ln2_high), x);
  r = b_.Fma(nearest.n, Const(-k_.ln2_low), r);
  if (low.id != kNoValue) r = b_.FAdd(r, low);
  const V mantissa = b_.FAdd(b_.FAdd(ExpTail(r), r), Const(1));
  const V exponent = b_.Binary(KOp::kShl, nearest.bits, Integer(k_.mantissa_bits));
  V result = FromBits(b_.IAdd(Bits(mantissa), exponent));
  result = b_.Select(LessOrEqual(Const(k_.exp_min), x), result, Const(0));
  return b_.Bounded(Finite(x, result), {0, kInfinity});
}

// 2 (p 2^(n-1) + 2^(n-1) - 1/2) with p = exp(r) - 1: exact but for one rounding, and 2^n itself may overflow. Below -1
// exp(x) / 2 comes first, so that the sum rounds to -1/2 where the exact one does.
V FloatMath::Expm1(V x) {
  const V least = Const(k_.expm1_min);
  const V clamped = b_.Select(Less(x, least), least, x);
  const Nearest nearest = RoundToNearest(clamped, kLog2E);
  V r = b_.Fma(nearest.n, Const(-k_.ln2_high), clamped);
  r = b_.Fma(nearest.n, Const(-k_.ln2_low), r);
  const V p = b_.FAdd(ExpTail(r), r);
  const V scale =
      FromBits(b_.Binary(KOp::kShl, b_.IAdd(nearest.bits, Integer(k_.exponent_bias - 1)), Integer(k_.mantissa_bits)));
  const V near = b_.Fma(p, scale, b_.FSub(scale, Const(0.5)));
  const V half = b_.Select(Less(clamped, Const(-1)), b_.FSub(b_.Fma(p, scale, scale), Const(0.5)), near);
  const V result = Finite(clamped, b_.FAdd(half, half));
  // Halves of the least numbers are subnormal, which devices may take for 0.
  const V is_tiny = Less(b_.Unary(KOp::kFAbs, x), Const(std::ldexp(1.0, -k_.mantissa_bits - 2)));
  return b_.Select(is_tiny, x, result);
}

FloatMath::Split FloatMath::SplitNormal(V x) {
  const V bits = Bits(x);
  const V exponent_bits = b_.Binary(KOp::kShrS, b_.ISub(bits, Integer(BitsOf(kSqrtHalf))), Integer(k_.mantissa_bits));
  const V mantissa = FromBits(b_.ISub(bits, b_.Binary(KOp::kShl, exponent_bits, Integer(k_.mantissa_bits))));
  // The integer as a float: put it into the low bits of the magic number.
  const V exponent = b_.FSub(FromBits(b_.IAdd(exponent_bits, Integer(BitsOf(k_.magic)))), Const(k_.magic));
  return {b_.FSub(mantissa, Const(1)), exponent, exponent_bits};
}

V FloatMath::LogTail(V f) {
  const V square = b_.FMul(f, f);
  const V cubic = b_.FMul(b_.FMul(square, f), Horner(f, k_.log));
  return b_.Fma(square, Const(-0.5), cubic);
}

V FloatMath::Log(V x) {
  const V is_small = Less(x, Const(k_.smallest_normal));
  const double lift = static_cast<double>(uint64_t{1} << k_.mantissa_bits);
  const Split split = SplitNormal(b_.Select(is_small, b_.FMul(x, Const(lift)), x));
  const V exponent = b_.FAdd(split.exponent, b_.Select(is_small, Const(-k_.mantissa_bits), Const(0)));
  const V tail = b_.Fma(exponent, Const(k_.ln2_low), LogTail(split.fraction));
  V result = b_.Fma(exponent, Const(k_.ln2_high), b_.FAdd(tail, split.fraction));
  result = b_.Select(Less(x, Const(kInfinity)), result, x);
  result = b_.Select(Less(x, Const(0)), Const(kNan), result);
  return b_.Select(Equal(x, Const(0)), Const(-kInfinity), result);
}

V FloatMath::Log1p(V x) {
  const V sum = b_.FAdd(x, Const(1));
  const V lost = b_.FSub(x, b_.FSub(sum, Const(1)));
  const Split split = SplitNormal(sum);
  // No further than the smallest power of two: there nothing is lost.
  const V shift = b_.SMin(split.exponent_bits, Integer(k_.exponent_bias - 1));
  const V unscale = FromBits(b_.ISub(Integer(BitsOf(1)), b_.Binary(KOp::kShl, shift, Integer(k_.mantissa_bits))));
  const V f = b_.Fma(lost, unscale, split.fraction);
  const V tail = b_.Fma(split.exponent, Const(k_.ln2_low), LogTail(f));
  V result = b_.Fma(split.exponent, Const(k_.ln2_high), b_.FAdd(tail, f));
  result = b_.Select(Less(x, Const(kInfinity)), result, x);
  result = b_.Select(Less(x, Const(-1)), Const(kNan), result);
  result = b_.Select(Equal(x, Const(-1)), Const(-kInfinity), result);
  return b_.Select(Less(Abs(x), Const(0x1p-60)), x, result);
}

// exp(y log a) with log a in two parts: log a = e ln 2 + 2 atanh(s), s = f / (2 + f) likewise in two parts.
V FloatMath::PowerOfMagnitude(V a, V y) {
  const V is_small = Less(a, Const(k_.smallest_normal));
  const double lift = static_cast<double>(uint64_t{1} << k_.mantissa_bits);
  const Split split = SplitNormal(b_.Select(is_small, b_.FMul(a, Const(lift)), a));
  const V e = b_.FAdd(split.exponent, b_.Select(is_small, Const(-k_.mantissa_bits), Const(0)));
  const V f = split.fraction;
  const V divisor = b_.FAdd(f, Const(2));
  const V divisor_low = b_.FSub(f, b_.FSub(divisor, Const(2)));
  const V reciprocal = b_.FDiv(Const(1), divisor);
  const V s = b_.FMul(f, reciprocal);
  const V s_divisor = b_.FMul(s, divisor);
  const V s_divisor_low = b_.FAdd(ProductError(s, divisor, s_divisor), b_.FMul(s, divisor_low));
  const V rest = b_.FSub(b_.FSub(f, s_divisor), s_divisor_low);
  const V s_low = b_.FMul(rest, reciprocal);
  const V z = b_.FMul(s, s);
  const V series = b_.FMul(b_.FMul(s, z), Horner(z, k_.atanh));
  const V twice = b_.FAdd(s, s);
  const V e_high = b_.FMul(e, Const(k_.ln2_high));
  const V sum = b_.FAdd(e_high, twice);
  const V lost = b_.FSub(twice, b_.FSub(sum, e_high));
  V low = b_.FAdd(lost, b_.Fma(e, Const(k_.ln2_low), b_.Fma(s_low, Const(2), series)));
  V high = b_.FAdd(sum, low);
  low = b_.FSub(low, b_.FSub(high, sum));
  high = b_.Select(Less(a, Const(kInfinity)), high, a);
  high = b_.Select(Equal(a, Const(0)), Const(-kInfinity), high);
  const V product = b_.FMul(y, high);
  const V product_low = b_.Fma(y, low, ProductError(y, high, product));
  const V in_range = Less(Abs(product), Const(2048));
  return Exp(product, b_.Select(in_range, product_low, Const(0)));
}

V FloatMath::Power(V x, V y) {
  const V a = Abs(x);
  const V one = Const(1);
  const V floor = b_.Unary(KOp::kFloor, y);
  const V is_integer = Equal(floor, y);
  const V half = b_.FMul(y, Const(0.5));
  const V is_odd = b_.And(is_integer, b_.Compare(KOp::kFNe, b_.Unary(KOp::kFloor, half), half));
  V result = PowerOfMagnitude(a, y);
  result = b_.Select(b_.Or(Equal(a, one), Equal(y, Const(0))), one, result);
  result = b_.Select(b_.And(is_odd, IsNegative(x)), Neg(result), result);
  const V is_undefined = b_.And(b_.And(Less(x, Const(0)), Less(a, Const(kInfinity))), b_.Not(is_integer));
  return b_.Select(is_undefined, Const(kNan), result);
}

// x P(x^2) / Q(x^2), of magnitude below 1; 1 from `limit` on, where the function rounds to it.
V FloatMath::RationalOdd(V x, std::span<const double> numerator, std::span<const double> denominator, double limit) {
  const V a = Abs(x);
  const V z = b_.FMul(a, a);
  V ratio = b_.FDiv(b_.FMul(a, Horner(z, numerator)), Horner(z, denominator));
  const V below_one = Const(1 - 0x1p-24);
  ratio = b_.Select(Less(below_one, ratio), below_one, ratio);
  return b_.Bounded(CopySign(b_.Select(LessOrEqual(Const(limit), a), Const(1), ratio), x), {-1, 1});
}

// With t = exp(2a) - 1: t / (t + 2), or 1 - 2 / (t + 2), whose subtraction rounds to 1 where it should.
V FloatMath::Tanh(V x) {
  if (type_ == KType::kF32) return RationalOdd(x, kTanhNumeratorF32, kTanhDenominatorF32, 0x1.205968p+3);
  const V a = Abs(x);
  const V t = Expm1(b_.FAdd(a, a));
  const V is_small = Less(a, Const(0.5));
  const V quotient = b_.FDiv(b_.Select(is_small, t, Const(2)), b_.FAdd(t, Const(2)));
  return CopySign(b_.Select(is_small, quotient, b_.FSub(Const(1), quotient)), x);
}

// With e = exp(-|x|) the smaller side is e / (1 + e), the other what that leaves of 1.
V FloatMath::Logistic(V x) {
  const V e = Exp(Neg(Abs(x)));
  const V smaller = b_.FDiv(e, b_.FAdd(e, Const(1)));
  return b_.Select(Less(x, Const(0)), smaller, b_.FSub(Const(1), smaller));
}

V FloatMath::Erf(V x) {
  if (type_ == KType::kF32) return RationalOdd(x, kErfNumeratorF32, kErfDenominatorF32, 0x1.f5a88ap+1);
  const V z = b_.FMul(x, x);
  const V small = b_.FMul(x, Horner(z, kErfSmallF64));
  const V large = CopySign(b_.FSub(Const(1), Erfc(Abs(x))), x);
  return b_.Select(Less(z, Const(0.5)), small, large);
}

V FloatMath::Erfc(V x) {
  const V magnitude = Abs(x);
  const V a = b_.Select(LessOrEqual(Const(k_.erfc_max), magnitude), Const(k_.erfc_max), magnitude);
  const V q = b_.FDiv(b_.FSub(a, Const(k_.erfc_center)), b_.FAdd(a, Const(k_.erfc_center)));
  const V scaled = b_.FDiv(Horner(q, k_.erfc), b_.Fma(a, Const(2), Const(1)));
  const V square = b_.FMul(a, a);
  const V square_low = ProductError(a, a, square);
  const V result = b_.FMul(Exp(Neg(square), Neg(square_low)), scaled);
  return b_.Select(Less(x, Const(0)), b_.FSub(Const(2), result), result);
}

// A guess from a third of the exponent (3 % off), then Halley's iteration, which triples the digits.
V FloatMath::Cbrt(V x) {
  const V a = Abs(x);
  const V is_small = Less(a, Const(k_.smallest_normal));
  const double lift = type_ == KType::kF64 ? 0x1p54 : 0x1p24;
  const V scaled = b_.Select(is_small, b_.FMul(a, Const(lift)), a);
  const int64_t offset = type_ == KType::kF64 ? 0x2a9f7893782da1ce : 0x2a5137a0;
  V y = FromBits(b_.IAdd(b_.UDiv(Bits(scaled), Integer(3)), Integer(offset)));
  for (int i = 0; i < (type_ == KType::kF64 ? 3 : 2); ++i) {
    // With w = a / y^2: y + y (w - y) / (2 y + w). No cube, which could overflow.
    const V w = b_.FDiv(scaled, b_.FMul(y, y));
    const V step = b_.FDiv(b_.FSub(w, y), b_.Fma(y, Const(2), w));
    y = b_.Fma(y, step, y);
  }
  y = b_.Select(is_small, b_.FMul(y, Const(type_ == KType::kF64 ? 0x1p-18 : 0x1p-8)), y);
  const V is_special = b_.Or(Equal(a, Const(0)), b_.Not(Less(a, Const(kInfinity))));
  return b_.Select(is_special, x, CopySign(y, x));
}

V FloatMath::Atan2(V y, V x) {
  const V ax = Abs(x), ay = Abs(y);
  const V is_steep = Less(ax, ay);
  const V high = b_.Select(is_steep, ay, ax), low = b_.Select(is_steep, ax, ay);
  const V if_equal = b_.Select(Equal(high, Const(0)), Const(0), Const(1));
  const V q = b_.Select(Equal(low, high), if_equal, Quotient(low, high));
  const V z = b_.FMul(q, q);
  V angle = b_.Fma(b_.FMul(q, z), Horner(z, k_.atan), q);
  const auto reflect = [&](double factor) {
    return b_.FAdd(b_.FSub(Const(k_.pi_high * factor), angle), Const(k_.pi_low * factor));
  };
  angle = b_.Select(is_steep, reflect(0.5), angle);
  angle = b_.Select(IsNegative(x), reflect(1), angle);
  return CopySign(angle, y);
}

V FloatMath::Hypot(V x, V y) {
  const V ax = Abs(x), ay = Abs(y);
  const V is_steep = Less(ax, ay);
  const V high = b_.Select(is_steep, ay, ax), low = b_.Select(is_steep, ax, ay);
  const V ratio = Quotient(low, high);
  const V length = b_.FMul(high, Sqrt(b_.Fma(ratio, ratio, Const(1))));
  const V infinity = Const(kInfinity);
  const V result = b_.Select(Equal(high, Const(0)), b_.FAdd(ax, ay), length);
  return b_.Select(b_.Or(Equal(ax, infinity), Equal(ay, infinity)), infinity, result);
}

V FloatMath::RoundHalfAway(V x) {
  const V whole = b_.Unary(KOp::kTrunc, x);
  const V is_half = LessOrEqual(Const(0.5), Abs(b_.FSub(x, whole)));
  return b_.Select(is_half, b_.FAdd(whole, CopySign(Const(1), x)), whole);
}

V FloatMath::Sign(V x) {
  const V zero = Const(0);
  return b_.Select(Less(zero, x), Const(1), b_.Select(Less(x, zero), Const(-1), x));
}

// NaN wins, whichever operand it is.
V FloatMath::Maximum(V x, V y) {
  const FloatRange of_x = b_.RangeOf(x), of_y = b_.RangeOf(y);
  const V result = b_.Select(b_.Or(LessOrEqual(y, x), b_.Compare(KOp::kFNe, x, x)), x, y);
  return b_.Bounded(result, {std::max(of_x.lo, of_y.lo), std::max(of_x.hi, of_y.hi)});
}

V FloatMath::Minimum(V x, V y) {
  const FloatRange of_x = b_.RangeOf(x), of_y = b_.RangeOf(y);
  const V result = b_.Select(b_.Or(LessOrEqual(x, y), b_.Compare(KOp::kFNe, x, x)), x, y);
  return b_.Bounded(result, {std::min(of_x.lo, of_y.lo), std::min(of_x.hi, of_y.hi)});
}

V FloatMath::TotalOrder(V x) {
  const V bits = Bits(x);
  const int width = type_ == KType::kF64 ? 64 : 32;
  const V sign = b_.Binary(KOp::kShrS, bits, Integer(width - 1));
  return b_.Xor(bits, b_.Binary(KOp::kShrU, sign, Integer(1)));
}

}  // namespace dragoman::kernel
