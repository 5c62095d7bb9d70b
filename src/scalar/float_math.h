// SPDX-License-Identifier: Apache-2.0
// Mathematical functions on floats, built from additions, products and bit operations. Drivers' own exp, log, sin, cos
// and pow are too coarse on many devices; these are within a few units in the last place on all of them, and where the
// exact result rounds to a function's limit (tanh's 1, expm1's -1) they are that limit, whatever the device's division
// gives; nowhere else. Results below the smallest normal number are zero. SPIR-V has no such functions for f64 at all.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernel/builder.h"

namespace dragoman::kernel {

struct FloatConstants;

class FloatMath {
 public:
  // `type` is kF32 or kF64, and so are all values below.
  FloatMath(Builder& builder, KType type);

  Builder& b() { return b_; }
  KType type() const { return type_; }
  V Const(double value) { return b_.Float(type_, value); }

  V Neg(V x) { return b_.Unary(KOp::kFNeg, x); }
  V Abs(V x) { return b_.Unary(KOp::kFAbs, x); }
  V Less(V x, V y) { return b_.Compare(KOp::kFLt, x, y); }
  V LessOrEqual(V x, V y) { return b_.Compare(KOp::kFLe, x, y); }
  V Equal(V x, V y) { return b_.Compare(KOp::kFEq, x, y); }
  V IsNan(V x) { return b_.Convert(KOp::kIsNan, x, KType::kBool); }
  V IsNegative(V x);  // the sign bit
  V CopySign(V magnitude, V sign);

  // Correctly rounded but for rare cases, where the device's are within 2.5 units only.
  V Divide(V x, V y);
  V Sqrt(V x);

  V Rsqrt(V x);
  V Cbrt(V x);
  // `low`, when given, is added to x below its last place.
  V Exp(V x, V low = {});
  V Expm1(V x);
  V Log(V x);
  V Log1p(V x);
  V Power(V x, V y);
  V Sin(V x);
  V Cos(V x);
  V Tan(V x);
  V Tanh(V x);
  V Logistic(V x);
  V Erf(V x);
  V Erfc(V x);
  V Atan2(V y, V x);
  V Hypot(V x, V y);
  V Remainder(V x, V y);  // C's fmod
  V RoundHalfAway(V x);
  V Sign(V x);
  V Maximum(V x, V y);
  V Minimum(V x, V y);
  V TotalOrder(V x);  // an integer that compares, signed, as IEEE 754's total order

 private:
  // x = mantissa * 2^exponent, mantissa - 1 = fraction in [sqrt(1/2) - 1, sqrt(2) - 1].
  struct Split {
    V fraction;
    V exponent;
    V exponent_bits;  // as integer
  };
  // x = n * step + rest.
  struct Nearest {
    V n;
    V bits;  // n in the low bits of an integer
  };
  struct Angle {
    V rest;      // in [-pi/4, pi/4]
    V quadrant;  // kI32, low two bits
  };
  struct SinCos {
    V sin;
    V cos;
    V quadrant;
  };

  V Bits(V x) { return b_.Bitcast(x, bits_); }
  V FromBits(V x) { return b_.Bitcast(x, type_); }
  V Integer(int64_t value) { return b_.Int(bits_, value); }
  int64_t BitsOf(double value) const;
  V Horner(V x, std::span<const double> coefficients);
  V ProductError(V x, V y, V product);
  Nearest RoundToNearest(V x, double per_step);
  V ExpTail(V r);  // exp(r) - 1 - r for small r
  Split SplitNormal(V x);
  V LogTail(V fraction);  // log(1 + f) - f for a split's fraction
  V Finite(V x, V result);
  V RationalOdd(V x, std::span<const double> numerator, std::span<const double> denominator, double limit);
  std::pair<V, V> WithReciprocal(V x, V y);
  V Quotient(V x, V y);  // the device's own, of any y
  V Refine(V quotient, V x, V y, V inverse);
  std::optional<double> DivisorWithInverse(V y) const;
  Angle ReduceAngle(V x);
  Angle ReduceLargeAngle(V x);
  std::vector<V> TwoOverPiFrom(V first_bit, int count, int first_word_bits);
  std::vector<V> MultiplyWords(std::span<const V> factor, std::span<const V> number);
  SinCos SinCosOf(V x);
  V KeepZero(V x, V result);  // for odd functions with a period
  V PowerOfMagnitude(V a, V y);

  Builder& b_;
  const KType type_;
  const KType bits_;
  const FloatConstants& k_;
};

}  // namespace dragoman::kernel
