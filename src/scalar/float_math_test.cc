// SPDX-License-Identifier: Apache-2.0
// How far the mathematical functions are from the truth (long double), in units in the last place. The bounds are what
// users may rely on, whether a device's multiply-add rounds once or twice.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/format.h"
#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

using Real = long double;

struct FloatFunction {
  ScalarOp op;
  Real (*exact)(Real);
  double low, high;
  double bound_f32, bound_f64;
};

Real Logistic(Real x) { return 1 / (1 + std::exp(-x)); }
Real ReciprocalRoot(Real x) { return 1 / std::sqrt(x); }

const FloatFunction kFloatFunctions[] = {
    {ScalarOp::kExponential, expl, -87, 88, 1.5, 1.5},
    {ScalarOp::kExponential, expl, -1, 1, 1.5, 1.5},
    {ScalarOp::kExponentialMinusOne, expm1l, -30, 88, 2, 2.5},
    {ScalarOp::kExponentialMinusOne, expm1l, -1, 1, 2, 2.5},
    {ScalarOp::kLog, logl, 0, 10, 1.5, 1.5},
    {ScalarOp::kLog, logl, 0.9, 1.1, 1.5, 1.5},
    {ScalarOp::kLog, logl, 0, 3e38, 1.5, 1.5},
    {ScalarOp::kLogPlusOne, log1pl, -1, 10, 2, 2},
    {ScalarOp::kLogPlusOne, log1pl, -1e-3, 1e-3, 2, 2},
    {ScalarOp::kSine, sinl, -10, 10, 2.5, 2.5},
    {ScalarOp::kSine, sinl, -1e8, 1e8, 3, 3},
    {ScalarOp::kCosine, cosl, -10, 10, 2.5, 2.5},
    {ScalarOp::kCosine, cosl, -1e12, 1e12, 3, 3},
    {ScalarOp::kTan, tanl, -10, 10, 4, 4},
    {ScalarOp::kTanh, tanhl, -12, 12, 5, 4},
    {ScalarOp::kTanh, tanhl, -25, 25, 5, 4},
    {ScalarOp::kTanh, tanhl, -0.5, 0.5, 4, 4},
    {ScalarOp::kLogistic, Logistic, -80, 80, 3, 3},
    {ScalarOp::kErf, erfl, -5, 5, 6, 3},
    {ScalarOp::kErfc, erfcl, -5, 9, 5, 6},
    {ScalarOp::kCbrt, cbrtl, -100, 100, 1.5, 1.5},
    {ScalarOp::kCbrt, cbrtl, -3e38, 3e38, 1.5, 1.5},
    {ScalarOp::kSqrt, sqrtl, 0, 100, 0.51, 0.51},
    {ScalarOp::kRsqrt, ReciprocalRoot, 0, 100, 2, 2},
};

struct TwoOperandFunction {
  ScalarOp op;
  Real (*exact)(Real, Real);
  double low, high;  // of operand 0; operand 1 is in [-20, 20]
  double bound;
};
Real Quotient(Real x, Real y) { return x / y; }
const TwoOperandFunction kTwoOperandFunctions[] = {
    {ScalarOp::kPower, powl, 0, 30, 2},           {ScalarOp::kPower, powl, 0.99, 1.01, 2},
    {ScalarOp::kAtan2, atan2l, -20, 20, 2.5},     {ScalarOp::kRemainder, fmodl, -1e6, 1e6, 0},
    {ScalarOp::kDivide, Quotient, -20, 20, 0.51},
};

std::vector<double> Pick(std::mt19937& random, double low, double high, DType dtype) {
  std::uniform_real_distribution<double> pick(low, high);
  std::vector<double> values(4000);
  for (double& value : values) value = dtype == DType::kF32 ? static_cast<float>(pick(random)) : pick(random);
  return values;
}

double UnitsOff(double actual, Real exact, DType dtype) {
  const double smallest = dtype == DType::kF32 ? 0x1p-126 : 0x1p-1022;
  const double largest = dtype == DType::kF32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
  if (actual == exact) return 0;
  if (std::fabs(exact) < smallest || std::fabs(exact) > largest) return 0;
  const int exponent = std::ilogb(exact);
  return static_cast<double>(std::fabs(actual - exact)) / std::ldexp(1.0, exponent - (dtype == DType::kF32 ? 23 : 52));
}

class FloatMath : public testing::TestWithParam<bool> {
 protected:
  const bool fuses_fma = GetParam();
  // The correction of quotients and roots counts on one rounding.
  double Bound(double bound) const { return fuses_fma || bound == 0 ? bound : std::max(bound, 1.0); }
};
INSTANTIATE_TEST_SUITE_P(FusedOrNot, FloatMath, testing::Bool());

TEST_P(FloatMath, FunctionsOfOneOperandKeepTheirBounds) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const FloatFunction& function : kFloatFunctions) {
      std::mt19937 random(3);
      const std::vector<double> x = Pick(random, function.low, function.high, dtype);
      const std::vector<double> actual = RunScalar({function.op, {dtype}, dtype, {}}, {x}, TestProfile(), fuses_fma);
      const double bound = Bound(dtype == DType::kF32 ? function.bound_f32 : function.bound_f64);
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_LE(UnitsOff(actual[i], function.exact(x[i]), dtype), bound)
            << Info(function.op).name << " on " << Name(dtype) << Format(" of {} is {}", x[i], actual[i]);
      }
    }
  }
}

TEST_P(FloatMath, FunctionsOfTwoOperandsKeepTheirBounds) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const TwoOperandFunction& function : kTwoOperandFunctions) {
      std::mt19937 random(3);
      const std::vector<double> x = Pick(random, function.low, function.high, dtype);
      const std::vector<double> y = Pick(random, -20, 20, dtype);
      const std::vector<double> actual =
          RunScalar({function.op, {dtype, dtype}, dtype, {}}, {x, y}, TestProfile(), fuses_fma);
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_LE(UnitsOff(actual[i], function.exact(x[i], y[i]), dtype), Bound(function.bound))
            << Info(function.op).name << " on " << Name(dtype) << Format(" of {}, {} is {}", x[i], y[i], actual[i]);
      }
    }
  }
}

TEST_P(FloatMath, AnglesOfAnySizeAreReducedExactly) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    std::mt19937 random(9);
    std::uniform_real_distribution<double> exponent(10, dtype == DType::kF32 ? 127 : 1023);
    std::vector<double> x(4000);
    for (double& value : x) value = std::exp2(exponent(random));
    // The f64 that is nearest to a multiple of pi/2, 2^-60.9 away from it.
    x[0] = 0x1.6ac5b262ca1ffp+849;
    x[1] = -0x1.fffffffffffffp+1023;
    x[2] = 0x1p1000;
    if (dtype == DType::kF32) {
      for (double& value : x) value = static_cast<float>(std::min(std::fabs(value), 0x1.fffffep127));
    }
    for (const auto& [op, exact] : {std::pair(ScalarOp::kSine, &sinl), std::pair(ScalarOp::kCosine, &cosl)}) {
      const std::vector<double> actual = RunScalar({op, {dtype}, dtype, {}}, {x}, TestProfile(), fuses_fma);
      for (size_t i = 0; i < x.size(); ++i) {
        // glibc reduces by as many bits of pi as it takes.
        const Real right = exact(static_cast<Real>(x[i]));
        ASSERT_LE(UnitsOff(actual[i], right, dtype), 3.5) << Info(op).name << " of " << x[i];
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
