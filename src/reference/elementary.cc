// SPDX-License-Identifier: Apache-2.0
#include "reference/elementary.h"

#include <cmath>

#include "base/arithmetic.h"
#include "reference/double_pair.h"

namespace dragoman::reference {
namespace {

constexpr DoublePair kOne = {1, 0};
constexpr DoublePair kLn2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
constexpr DoublePair kTwoOverRootPi = {0x1.20dd750429b6dp+0, 0x1.1ae3a914fed80p-56};
constexpr double kRootHalf = 0x1.6a09e667f3bcdp-1;

bool IsSpecial(double x) { return x == 0 || !std::isfinite(x); }

// Whether a series goes on: its terms, all of them of decreasing size, still change the sum.
bool Matters(DoublePair term, DoublePair sum) { return std::fabs(term.high) > 0x1p-110 * std::fabs(sum.high); }

// e^x - 1 for |x| < 0.4.
DoublePair Expm1Series(DoublePair x) {
  DoublePair sum = x, term = x;
  for (int n = 2; Matters(term, sum); ++n) {
    term = term * x / n;
    sum = sum + term;
  }
  return sum;
}

// 2^exponent * value, for what fits no pair yet.
struct ScaledPair {
  DoublePair value;
  int exponent = 0;

  DoublePair Whole() const { return Scaled(value, exponent); }
  double Rounded() const { return std::ldexp(value.Rounded(), exponent); }
};

// For |x| < 2000.
ScaledPair ExpOf(DoublePair x) {
  const double n = std::nearbyint(x.high / kLn2.high);
  return {kOne + Expm1Series(x - kLn2 * n), static_cast<int>(n)};
}

// For |x| < 100.
DoublePair Expm1Of(DoublePair x) {
  if (std::fabs(x.high) < 0.34) return Expm1Series(x);
  return ExpOf(x).Whole() + -1.0;
}

// Of 2^exponent * x: twice the inverse hyperbolic tangent of (m - 1) / (m + 1), m between the square roots of 1/2
// and 2.
DoublePair LogOf(DoublePair x, int exponent = 0) {
  int shift = 0;
  if (std::frexp(x.high, &shift) < kRootHalf) --shift;
  const DoublePair m = Scaled(x, -shift);
  const DoublePair s = (m + -1.0) / (m + 1.0), square = s * s;
  DoublePair sum = s, power = s;
  for (int n = 3; Matters(power, sum); n += 2) {
    power = power * square;
    sum = sum + power / n;
  }
  return Scaled(sum, 1) + kLn2 * (shift + exponent);
}

// Also of what is below the normal numbers.
DoublePair LogOf(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  return LogOf({fraction}, exponent);
}

// 2/sqrt(pi) e^(-x²) (x + 2x³/3 + 4x⁵/15 + ...), all terms of one sign, for 0 < x < 7.
DoublePair ErfOf(double x) {
  const DoublePair square = ExactProduct(x, x);
  DoublePair sum = {x}, term = {x};
  for (int n = 3; Matters(term, sum); n += 2) {
    term = term * square * 2.0 / n;
    sum = sum + term;
  }
  return kTwoOverRootPi * ExpOf(-square).Whole() * sum;
}

// Laplace's continued fraction, from its 60th part back, for 4 < x < 28.
double ErfcOfLarge(double x) {
  const DoublePair square = ExactProduct(x, x);
  DoublePair rest = {x};
  for (int n = 60; n > 0; --n) rest = DoublePair{0.5 * n} / rest + x;
  ScaledPair result = ExpOf(-square);
  result.value = result.value * kTwoOverRootPi / (rest * 2.0);
  return result.Rounded();
}

bool IsOdd(double whole) { return std::fabs(std::fmod(whole, 2)) == 1; }

}  // namespace

double Exp(double x) {
  if (IsSpecial(x)) return std::exp(x);
  if (std::fabs(x) > 750) return x < 0 ? 0 : kInfinity;
  return ExpOf({x}).Rounded();
}

double Expm1(double x) {
  if (IsSpecial(x)) return std::expm1(x);
  if (x < -100) return -1;
  return x > 100 ? Exp(x) : Expm1Of({x}).Rounded();
}

double Log(double x) {
  if (IsSpecial(x) || x < 0) return std::log(x);
  return LogOf(x).Rounded();
}

double Log1p(double x) {
  if (IsSpecial(x) || x <= -1) return std::log1p(x);
  return std::fabs(x) < 0x1p-60 ? x : LogOf(ExactSum(x, 1)).Rounded();
}

double Power(double base, double exponent) {
  if (IsSpecial(base) || IsSpecial(exponent) || base == 1) return std::pow(base, exponent);
  if (base < 0 && exponent != std::trunc(exponent)) return kNan;
  const double sign = base < 0 && IsOdd(exponent) ? -1 : 1;
  const DoublePair log = LogOf(std::fabs(base));
  const double estimate = log.high * exponent;
  if (std::fabs(estimate) > 750) return estimate < 0 ? sign * 0.0 : sign * kInfinity;
  return sign * ExpOf(log * exponent).Rounded();
}

double Cbrt(double x) {
  if (IsSpecial(x)) return x;
  return std::copysign(ExpOf(LogOf(std::fabs(x)) / 3.0).Rounded(), x);
}

double Tanh(double x) {
  if (IsSpecial(x)) return std::tanh(x);
  if (std::fabs(x) > 40) return std::copysign(1.0, x);
  const DoublePair e = Expm1Of({2 * std::fabs(x)});
  return std::copysign((e / (e + 2.0)).Rounded(), x);
}

double Erf(double x) {
  if (IsSpecial(x)) return std::erf(x);
  return std::copysign(std::fabs(x) > 6.5 ? 1.0 : ErfOf(std::fabs(x)).Rounded(), x);
}

double Erfc(double x) {
  if (IsSpecial(x)) return std::erfc(x);
  if (x < 4.5) return x < -6.5 ? 2 : (kOne - (x < 0 ? -ErfOf(-x) : ErfOf(x))).Rounded();
  return x > 28 ? 0 : ErfcOfLarge(x);
}

}  // namespace dragoman::reference
