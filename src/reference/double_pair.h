// SPDX-License-Identifier: Apache-2.0
// Numbers of some 105 bits as sums of two f64 (Dekker's method). Only sums, products and quotients of f64 are used, so
// the results have the same bits on every system. Numbers stay well within f64's range.
#pragma once

#include <cmath>

namespace dragoman::reference {

struct DoublePair {
  double high = 0;
  double low = 0;  // at most half a unit in the last place of `high`

  constexpr double Rounded() const { return high + low; }
};

constexpr DoublePair ExactSum(double a, double b) {
  const double sum = a + b, part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

// Where `a` is not the smaller one.
constexpr DoublePair ExactSumOfOrdered(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

// The upper 26 bits and the rest.
constexpr DoublePair Halves(double a) {
  const double scaled = 0x1p27 * a + a;
  const double high = scaled - (scaled - a);
  return {high, a - high};
}

constexpr DoublePair ExactProduct(double a, double b) {
  const double product = a * b;
  const DoublePair x = Halves(a), y = Halves(b);
  return {product, ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

constexpr DoublePair operator-(DoublePair a) { return {-a.high, -a.low}; }

constexpr DoublePair operator+(DoublePair a, DoublePair b) {
  DoublePair sum = ExactSum(a.high, b.high);
  const DoublePair rest = ExactSum(a.low, b.low);
  sum = ExactSumOfOrdered(sum.high, sum.low + rest.high);
  return ExactSumOfOrdered(sum.high, sum.low + rest.low);
}
constexpr DoublePair operator+(DoublePair a, double b) { return a + DoublePair{b}; }
constexpr DoublePair operator-(DoublePair a, DoublePair b) { return a + -b; }

constexpr DoublePair operator*(DoublePair a, DoublePair b) {
  const DoublePair product = ExactProduct(a.high, b.high);
  return ExactSumOfOrdered(product.high, product.low + (a.high * b.low + a.low * b.high));
}
constexpr DoublePair operator*(DoublePair a, double b) { return a * DoublePair{b}; }

constexpr DoublePair operator/(DoublePair a, DoublePair b) {
  const double first = a.high / b.high;
  const DoublePair rest = a - b * first;
  const double second = rest.high / b.high;
  const double third = (rest - b * second).high / b.high;
  return ExactSumOfOrdered(first, second) + third;
}
constexpr DoublePair operator/(DoublePair a, double b) { return a / DoublePair{b}; }

inline DoublePair Scaled(DoublePair a, int exponent) {
  return {std::ldexp(a.high, exponent), std::ldexp(a.low, exponent)};
}

inline DoublePair SquareRoot(DoublePair a) {
  const double root = std::sqrt(a.high);
  return ExactSumOfOrdered(root, (a - ExactProduct(root, root)).high / (2 * root));
}

}  // namespace dragoman::reference
