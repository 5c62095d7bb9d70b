// SPDX-License-Identifier: Apache-2.0
// The functions of angles.
#include <array>
#include <cmath>
#include <cstdint>

#include "reference/double_pair.h"
#include "reference/elementary.h"
#include "types/two_over_pi.h"

namespace dragoman::reference {
namespace {

constexpr DoublePair kPi = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
constexpr DoublePair kHalfPi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};

// x = quadrant * pi/2 + rest, |rest| at most pi/4; of the quadrant only its last two bits are meant.
struct Angle {
  DoublePair rest;
  uint32_t quadrant = 0;
};

using Words = std::array<uint32_t, 8>;  // of a fraction, the highest first

// Of 2/pi, from this bit after the point on; zeros before the point.
Words TwoOverPiFrom(int first_bit) {
  Words words;
  for (size_t i = 0; i < words.size(); ++i) {
    const int bit = first_bit + 32 * static_cast<int>(i) + 64;
    const auto word = [](int at) { return at < 2 ? uint64_t{0} : uint64_t{kTwoOverPiWords[at - 2]}; };
    words[i] = static_cast<uint32_t>((word(bit / 32) << 32 | word(bit / 32 + 1)) >> (32 - bit % 32));
  }
  return words;
}

// The fraction of factor * words, and the words `shift` up.
Words Multiply(uint64_t factor, const Words& words, size_t shift) {
  Words product{};
  uint64_t carry = 0;
  for (size_t i = words.size(); i-- > shift;) {
    carry += factor * words[i];
    product[i - shift] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return product;
}

Words Add(const Words& a, const Words& b) {
  Words sum;
  uint64_t carry = 0;
  for (size_t i = a.size(); i-- > 0;) {
    carry += uint64_t{a[i]} + b[i];
    sum[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return sum;
}

DoublePair ToPair(const Words& words, uint32_t flip) {
  DoublePair sum;
  for (size_t i = words.size(); i-- > 0;) sum = sum + std::ldexp(words[i] ^ flip, -32 * static_cast<int>(i + 1));
  return sum;
}

// Payne and Hanek: x is a whole number of 53 bits times 2^k. From 2/pi's bit k - 2 on the product's fraction is a
// fraction of four quadrants; the bits before give whole turns.
Angle Reduce(double x) {
  constexpr double kQuarterPi = kHalfPi.high / 2;
  if (std::fabs(x) < kQuarterPi) return {{x}, 0};
  int exponent = 0;
  const auto mantissa = static_cast<uint64_t>(std::ldexp(std::frexp(std::fabs(x), &exponent), 53));
  const Words window = TwoOverPiFrom(exponent - 53 - 2);
  const Words turns = Add(Multiply(mantissa & 0xffffffff, window, 0), Multiply(mantissa >> 32, window, 1));
  const Words fraction = Multiply(4, turns, 0);
  // From the upper half it is nearer to the next quadrant.
  const bool is_upper = fraction[0] >> 31 != 0;
  const DoublePair rest = kHalfPi * ToPair(fraction, is_upper ? ~0u : 0u);
  const uint32_t quadrant = (turns[0] >> 30) + (is_upper ? 1 : 0);
  return (x < 0) != is_upper ? Angle{-rest, x < 0 ? 0 - quadrant : quadrant}
                             : Angle{rest, x < 0 ? 0 - quadrant : quadrant};
}

constexpr int kMaxPower = 29;  // π/4 to it, divided by its factorial, is below 2^-111
constexpr std::array<DoublePair, kMaxPower + 1> kInverseFactorials = [] {
  std::array<DoublePair, kMaxPower + 1> inverses;
  DoublePair factorial = {1};
  for (int n = 0; n <= kMaxPower; ++n) {
    if (n > 1) factorial = factorial * n;
    inverses[n] = DoublePair{1} / factorial;
  }
  return inverses;
}();

// x^n/n! of the odd n, or of the even ones, with alternating signs, for |x| at most π/4; the last terms come first.
// From n = 16 on they are less than 2^-53 of the sum, and one f64 is enough for them.
DoublePair AngleSeries(DoublePair x, bool is_odd) {
  const DoublePair square = -(x * x);
  int n = is_odd ? kMaxPower : kMaxPower - 1;
  double last = 0;
  for (; n >= 16; n -= 2) last = last * square.high + kInverseFactorials[n].high;
  DoublePair sum = {last};
  for (; n >= 0; n -= 2) sum = sum * square + kInverseFactorials[n];
  return is_odd ? sum * x : sum;
}

DoublePair SineOf(const Angle& angle) {
  const bool is_cosine = (angle.quadrant & 1) != 0;
  const DoublePair value = AngleSeries(angle.rest, !is_cosine);
  return (angle.quadrant & 2) != 0 ? -value : value;
}

Angle QuarterOn(Angle angle) {
  ++angle.quadrant;
  return angle;
}

// Of 0 <= t <= 1: halved twice, then the series.
DoublePair AtanOf(DoublePair t) {
  for (int i = 0; i < 2; ++i) t = t / (SquareRoot(t * t + 1.0) + 1.0);
  const DoublePair square = -(t * t);
  DoublePair sum = t, power = t;
  for (int n = 3; std::fabs(power.high) > 0x1p-110 * sum.high; n += 2) {
    power = power * square;
    sum = sum + power / n;
  }
  return Scaled(sum, 2);
}

}  // namespace

double Sine(double x) {
  if (x == 0 || !std::isfinite(x)) return std::sin(x);
  return SineOf(Reduce(x)).Rounded();
}

double Cosine(double x) {
  if (!std::isfinite(x)) return std::cos(x);
  return SineOf(QuarterOn(Reduce(x))).Rounded();
}

double Tan(double x) {
  if (x == 0 || !std::isfinite(x)) return std::tan(x);
  const Angle angle = Reduce(x);
  return (SineOf(angle) / SineOf(QuarterOn(angle))).Rounded();
}

double Atan2(double y, double x) {
  if (y == 0 || x == 0 || !std::isfinite(y) || !std::isfinite(x)) return std::atan2(y, x);
  int y_exponent = 0, x_exponent = 0;
  const double y_fraction = std::frexp(std::fabs(y), &y_exponent), x_fraction = std::frexp(std::fabs(x), &x_exponent);
  const bool is_steep = std::fabs(y) > std::fabs(x);
  const int exponent = is_steep ? x_exponent - y_exponent : y_exponent - x_exponent;
  const DoublePair ratio = is_steep ? DoublePair{x_fraction} / y_fraction : DoublePair{y_fraction} / x_fraction;
  const bool is_tiny = exponent < -400;  // the angle is its tangent, which may be below the normal numbers
  DoublePair angle = is_tiny ? DoublePair{std::ldexp(ratio.Rounded(), exponent)} : AtanOf(Scaled(ratio, exponent));
  if (is_steep) angle = kHalfPi - angle;
  if (x < 0) angle = kPi - angle;
  return std::copysign(angle.Rounded(), y);
}

}  // namespace dragoman::reference
