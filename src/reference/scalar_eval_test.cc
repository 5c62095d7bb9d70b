// SPDX-License-Identifier: Apache-2.0
#include "reference/scalar_eval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/arithmetic.h"

namespace dragoman::reference {
namespace {

ScalarContext On(DType operand, DType result) {
  ScalarContext context;
  context.operand = operand;
  context.result = result;
  return context;
}

int64_t Int(ScalarOp op, DType dtype, int64_t a, int64_t b = 0) {
  const Number operands[] = {Number::Of(a), Number::Of(b)};
  return RoundTo(dtype, FunctionOf(op)(On(dtype, dtype), operands)).integer;
}

double Float(ScalarOp op, double a, double b = 0, double c = 0) {
  const Number operands[] = {Number::Of(a), Number::Of(b), Number::Of(c)};
  return FunctionOf(op)(On(DType::kF32, DType::kF32), operands).value.real();
}

Number Convert(const Number& number, DType from, DType to) {
  return RoundTo(to, FunctionOf(ScalarOp::kConvert)(On(from, to), &number));
}

bool Compare(DType dtype, const Number& a, ComparisonDirection direction, const Number& b,
             ComparisonType type = ComparisonType::kFloat) {
  ScalarContext context = On(dtype, DType::kPred);
  context.direction = direction;
  context.comparison = type;
  const Number operands[] = {a, b};
  return FunctionOf(ScalarOp::kCompare)(context, operands).integer != 0;
}

TEST(ScalarEval, DividesIntegersByZeroAsXlaDoes) {
  EXPECT_EQ(Int(ScalarOp::kDivide, DType::kS32, 7, 0), -1);
  EXPECT_EQ(Int(ScalarOp::kDivide, DType::kU8, 7, 0), 255);
  EXPECT_EQ(Int(ScalarOp::kRemainder, DType::kS32, 7, 0), 7);
  EXPECT_EQ(Int(ScalarOp::kDivide, DType::kS64, INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(Int(ScalarOp::kRemainder, DType::kS64, INT64_MIN, -1), 0);
  EXPECT_EQ(Int(ScalarOp::kDivide, DType::kS32, -7, 2), -3);
  EXPECT_EQ(Int(ScalarOp::kRemainder, DType::kS32, -7, 2), -1);
  EXPECT_EQ(Int(ScalarOp::kDivide, DType::kU64, -2, 2), INT64_MAX);
}

TEST(ScalarEval, ShiftsBeyondTheWidth) {
  EXPECT_EQ(Int(ScalarOp::kShiftLeft, DType::kU32, 1, 32), 0);
  EXPECT_EQ(Int(ScalarOp::kShiftRightLogical, DType::kS8, -1, 4), 15);
  EXPECT_EQ(Int(ScalarOp::kShiftRightLogical, DType::kS8, -1, 8), 0);
  EXPECT_EQ(Int(ScalarOp::kShiftRightArithmetic, DType::kS8, -128, 100), -1);
  EXPECT_EQ(Int(ScalarOp::kShiftRightArithmetic, DType::kS8, 64, -1), 0);
  EXPECT_EQ(Int(ScalarOp::kShiftRightArithmetic, DType::kU8, 128, 1), 192);
}

TEST(ScalarEval, CountsBitsOfTheTypeOnly) {
  EXPECT_EQ(Int(ScalarOp::kCountLeadingZeros, DType::kS16, 1), 15);
  EXPECT_EQ(Int(ScalarOp::kCountLeadingZeros, DType::kS16, -1), 0);
  EXPECT_EQ(Int(ScalarOp::kCountLeadingZeros, DType::kU8, 0), 8);
  EXPECT_EQ(Int(ScalarOp::kPopcnt, DType::kS4, -1), 4);
  EXPECT_EQ(Int(ScalarOp::kNot, DType::kPred, 1), 0);
  EXPECT_EQ(Int(ScalarOp::kNot, DType::kU8, 1), 254);
}

TEST(ScalarEval, TakesIntegerPowers) {
  EXPECT_EQ(Int(ScalarOp::kPower, DType::kS32, 3, 5), 243);
  EXPECT_EQ(Int(ScalarOp::kPower, DType::kS32, 2, -1), 0);
  EXPECT_EQ(Int(ScalarOp::kPower, DType::kS32, -1, -3), -1);
  EXPECT_EQ(Int(ScalarOp::kPower, DType::kU8, 2, 8), 0);
}

TEST(ScalarEval, TreatsBooleansAsLogic) {
  EXPECT_EQ(Int(ScalarOp::kAdd, DType::kPred, 1, 1), 1);
  EXPECT_EQ(Int(ScalarOp::kMultiply, DType::kPred, 1, 0), 0);
  EXPECT_EQ(Int(ScalarOp::kMaximum, DType::kPred, 0, 1), 1);
}

TEST(ScalarEval, HandsNanOn) {
  EXPECT_TRUE(std::isnan(Float(ScalarOp::kMaximum, kNan, 1)));
  EXPECT_TRUE(std::isnan(Float(ScalarOp::kMinimum, 1, kNan)));
  EXPECT_TRUE(std::isnan(Float(ScalarOp::kClamp, 0, kNan, 1)));
  EXPECT_TRUE(std::isnan(Float(ScalarOp::kSign, kNan)));
  EXPECT_TRUE(std::signbit(Float(ScalarOp::kSign, -0.0)));
}

TEST(ScalarEval, ConvertsOutOfRangeToTheNearestAndNanToZero) {
  EXPECT_EQ(Convert(Number::Of(1e10), DType::kF32, DType::kS32).integer, INT32_MAX);
  EXPECT_EQ(Convert(Number::Of(-kInfinity), DType::kF32, DType::kS8).integer, -128);
  EXPECT_EQ(Convert(Number::Of(-3.7), DType::kF32, DType::kU8).integer, 0);
  EXPECT_EQ(Convert(Number::Of(300.0), DType::kF32, DType::kU8).integer, 255);
  EXPECT_EQ(Convert(Number::Of(1e30), DType::kF32, DType::kU64).integer, -1);
  EXPECT_EQ(Convert(Number::Of(kNan), DType::kF32, DType::kS32).integer, 0);
  EXPECT_EQ(Convert(Number::Of(-2.9), DType::kF32, DType::kS32).integer, -2);
  EXPECT_EQ(Convert(Number::Of(kNan), DType::kF32, DType::kPred).integer, 1);
}

TEST(ScalarEval, ConvertsWideIntegersWithOneRounding) {
  // Halfway between two f32 but for the last bit, which f64 cannot hold.
  const int64_t just_above_half = (int64_t{1} << 62) + (int64_t{1} << 38) + 1;
  EXPECT_EQ(Convert(Number::Of(just_above_half), DType::kS64, DType::kF32).value.real(),
            static_cast<double>(static_cast<float>(just_above_half)));
  EXPECT_EQ(Convert(Number::Of(-just_above_half), DType::kS64, DType::kF32).value.real(),
            static_cast<double>(static_cast<float>(-just_above_half)));
  EXPECT_EQ(Convert(Number::Of(int64_t{-1}), DType::kU64, DType::kF64).value.real(), 18446744073709551616.0);
  EXPECT_EQ(Convert(Number::Of(INT64_MAX), DType::kS64, DType::kF64).value.real(), 9223372036854775808.0);
}

TEST(ScalarEval, ComparesByTypeAndOrder) {
  using enum ComparisonDirection;
  EXPECT_FALSE(Compare(DType::kF32, Number::Of(kNan), kEq, Number::Of(kNan)));
  EXPECT_TRUE(Compare(DType::kF32, Number::Of(kNan), kNe, Number::Of(kNan)));
  EXPECT_TRUE(Compare(DType::kF32, Number::Of(-0.0), kEq, Number::Of(0.0)));
  EXPECT_TRUE(Compare(DType::kF32, Number::Of(-0.0), kLt, Number::Of(0.0), ComparisonType::kTotalOrder));
  EXPECT_TRUE(Compare(DType::kF32, Number::Of(kNan), kGt, Number::Of(kInfinity), ComparisonType::kTotalOrder));
  EXPECT_TRUE(Compare(DType::kF32, Number::Of(-kNan), kLt, Number::Of(-kInfinity), ComparisonType::kTotalOrder));
  EXPECT_TRUE(Compare(DType::kU64, Number::Of(int64_t{-1}), kGt, Number::Of(int64_t{1})));
  EXPECT_TRUE(Compare(DType::kS64, Number::Of(int64_t{-1}), kLt, Number::Of(int64_t{1})));
}

TEST(ScalarEval, RoundsHalvesBothWays) {
  EXPECT_EQ(Float(ScalarOp::kRoundNearestEven, 2.5), 2);
  EXPECT_EQ(Float(ScalarOp::kRoundNearestAfz, 2.5), 3);
  EXPECT_EQ(Float(ScalarOp::kRoundNearestAfz, -2.5), -3);
  EXPECT_EQ(Float(ScalarOp::kRemainder, -5, 3), -2);
}

TEST(ScalarEval, ReducesPrecisionToEncodableNumbers) {
  ScalarContext context = On(DType::kF32, DType::kF32);
  context.precision = {1, 5, 10, 15, true, true, false};
  const auto reduce = [&](double value) {
    const Number number = Number::Of(value);
    return FunctionOf(ScalarOp::kReducePrecision)(context, &number).value.real();
  };
  EXPECT_EQ(reduce(1.0 + 1.0 / 4096), 1.0);
  EXPECT_EQ(reduce(65504), 65504);
  EXPECT_EQ(reduce(65520), kInfinity);
  EXPECT_EQ(reduce(1e-6), 0);
  EXPECT_TRUE(std::isnan(reduce(kNan)));
}

TEST(ScalarEval, KeepsAccuracyNearZero) {
  const Number small = Number::Of(std::complex<double>(1e-12, 1e-12));
  const ScalarContext context = On(DType::kC128, DType::kC128);
  for (const ScalarOp op : {ScalarOp::kExponentialMinusOne, ScalarOp::kLogPlusOne}) {
    const std::complex<double> result = FunctionOf(op)(context, &small).value;
    EXPECT_NEAR(result.real() / 1e-12, 1, 1e-9);
    EXPECT_NEAR(result.imag() / 1e-12, 1, 1e-9);
  }
}

}  // namespace
}  // namespace dragoman::reference
