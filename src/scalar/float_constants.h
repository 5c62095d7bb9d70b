// SPDX-License-Identifier: Apache-2.0
// Coefficients of FloatMath's approximations, lowest power first: near-minimax fits made in 40 digits. Each row's
// comment in FloatConstants says what is approximated.
#pragma once

#include <span>

namespace dragoman::kernel {

struct FloatConstants {
  int mantissa_bits;
  int exponent_bias;
  double magic;  // 1.5 * 2^mantissa_bits: adding it rounds to an integer, kept in the low bits
  double smallest_normal;
  double ln2_high, ln2_low;  // the high part times any exponent is exact
  double exp_min, exp_max;   // where exp leaves the normal numbers
  double expm1_min;          // where expm1 is -1
  double pio2[4];            // pi/2 in parts, all but the last short: their products with the quadrant are exact
  double angle_limit;        // up to here they suffice
  double pi_high, pi_low;
  double erfc_center, erfc_max;
  std::span<const double> exp;    // (e^r - 1 - r) / r^2, |r| <= ln 2 / 2
  std::span<const double> log;    // (log(1+f) - f + f^2/2) / f^3
  std::span<const double> sin;    // (sin(r)/r - 1) / r^2 in r^2, |r| <= pi/4
  std::span<const double> cos;    // (cos(r) - 1 + r^2/2) / r^4 in r^2
  std::span<const double> atanh;  // 2 (atanh(s)/s - 1) / s^2 in s^2
  std::span<const double> atan;   // (atan(q)/q - 1) / q^2 in q^2, |q| <= 1
  std::span<const double> erfc;   // (1 + 2a) e^(a^2) erfc(a) in (a - center) / (a + center), a >= 0
};
const FloatConstants& ConstantsF32();
const FloatConstants& ConstantsF64();

extern const std::span<const double> kErfSmallF64;       // erf(x)/x in x^2, x^2 <= 1/2
extern const std::span<const double> kTanhNumeratorF32;  // tanh(x)/x in x^2, |x| <= 9.02
extern const std::span<const double> kTanhDenominatorF32;
extern const std::span<const double> kErfNumeratorF32;  // erf(x)/x in x^2, |x| <= 3.925
extern const std::span<const double> kErfDenominatorF32;

}  // namespace dragoman::kernel
