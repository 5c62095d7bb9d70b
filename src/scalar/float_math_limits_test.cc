// SPDX-License-Identifier: Apache-2.0
// Where the exact result rounds to a function's limit the function is that limit, and nowhere else: on a CPU and on a
// GPU, whether multiply-adds round once or twice, whether divisions are exact or go by way of the reciprocal.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/arithmetic.h"
#include "base/format.h"
#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

using Real = long double;

struct Limit {
  ScalarOp op;
  double limit;
  Real (*distance)(Real);     // of the exact result from the limit
  double near_f32, near_f64;  // about where it is reached
};

Real TanhDistance(Real x) { return 2 / (std::exp(2 * std::fabs(x)) + 1); }
Real LogisticDistance(Real x) { return 1 / (1 + std::exp(x)); }
Real ErfDistance(Real x) { return std::erfc(std::fabs(x)); }

const Limit kLimits[] = {
    {ScalarOp::kTanh, 1, TanhDistance, 9.01, 19.06},
    {ScalarOp::kTanh, -1, TanhDistance, -9.01, -19.06},
    {ScalarOp::kLogistic, 1, LogisticDistance, 17.33, 37.43},
    {ScalarOp::kErf, 1, ErfDistance, 3.92, 5.92},
    {ScalarOp::kErf, -1, ErfDistance, -3.92, -5.92},
    {ScalarOp::kExponentialMinusOne, -1, expl, -17.33, -37.43},
};

struct Arithmetic {
  const char* name;
  target::DeviceType device;
  bool fuses_fma;
  bool divides_by_reciprocal;
};
constexpr Arithmetic kArithmetics[] = {
    {"cpu", target::DeviceType::kCpu, true, false},
    {"gpu", target::DeviceType::kDiscreteGpu, true, false},
    {"coarse_gpu", target::DeviceType::kDiscreteGpu, false, true},
    {"coarse_gpu_with_fma", target::DeviceType::kDiscreteGpu, true, true},
};

class FloatLimits : public testing::TestWithParam<Arithmetic> {
 protected:
  static std::vector<double> Run(ScalarOp op, DType dtype, const std::vector<std::vector<double>>& x) {
    target::DeviceProfile profile = TestProfile();
    profile.type = GetParam().device;
    const ScalarRun run{op, std::vector<DType>(x.size(), dtype), dtype, {}};
    std::vector<std::vector<std::byte>> bytes;
    for (const auto& operand : x) bytes.push_back(EncodeReals(dtype, operand));
    return DecodeReals(
        dtype, RunScalarBytes(run, std::move(bytes), profile, GetParam().fuses_fma, GetParam().divides_by_reciprocal));
  }
};
INSTANTIATE_TEST_SUITE_P(Arithmetics, FloatLimits, testing::ValuesIn(kArithmetics),
                         [](const auto& info) { return std::string(info.param.name); });

// 0.5 % around the place where the limit is reached, and far beyond it.
std::vector<double> Around(double place, DType dtype) {
  std::vector<double> x;
  for (int i = -2000; i <= 2000; ++i) {
    const double value = place * (1 + i * 2.5e-6);
    x.push_back(dtype == DType::kF32 ? static_cast<float>(value) : value);
  }
  for (const double factor : {1.5, 2.0, 5.0, 20.0, 1e6, 1e30, kInfinity}) x.push_back(place * factor);
  return x;
}

TEST_P(FloatLimits, AreReachedWhereTheExactResultRoundsToThem) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const Limit& row : kLimits) {
      const std::vector<double> x = Around(dtype == DType::kF32 ? row.near_f32 : row.near_f64, dtype);
      const std::vector<double> actual = Run(row.op, dtype, {x});
      // Half of what separates 1 from the number below it.
      const Real half = dtype == DType::kF32 ? 0x1p-25L : 0x1p-54L;
      for (size_t i = 0; i < x.size(); ++i) {
        const Real distance = row.distance(x[i]) / half;
        if (std::fabs(distance - 1) < 2e-6) continue;
        ASSERT_EQ(actual[i] == row.limit, distance < 1)
            << Info(row.op).name << " on " << Name(dtype) << Format(" of {} is {}", x[i], actual[i]);
        ASSERT_LE(std::fabs(actual[i]), 1) << Info(row.op).name << " of " << x[i];
      }
    }
  }
}

TEST_P(FloatLimits, OverflowsAndVanishesWhereTheExactResultDoes) {
  const std::vector<double> x = {88.72283, 88.7229, 200, kInfinity, -87.3365, -87.34, -200, -kInfinity};
  const std::vector<double> exp = Run(ScalarOp::kExponential, DType::kF32, {x});
  const double expected[] = {0, kInfinity, kInfinity, kInfinity, 0, 0, 0, 0};
  for (size_t i = 0; i < x.size(); ++i) {
    if (i == 0 || i == 4) {
      EXPECT_NEAR(exp[i] / std::exp(static_cast<double>(static_cast<float>(x[i]))), 1, 3e-7) << x[i];
    } else {
      EXPECT_EQ(exp[i], expected[i]) << x[i];
    }
  }
  for (const double value : Run(ScalarOp::kLogistic, DType::kF32, {{-104, -200, -kInfinity}})) EXPECT_EQ(value, 0);
}

// Devices that divide by way of the reciprocal lose that of the largest numbers.
TEST_P(FloatLimits, QuotientsOfTheLargestNumbersAreKept) {
  const std::vector<double> y = {1e38, 3e38, -3e38, 1e38, 2e38, 3.4e38};
  const std::vector<double> x = {3e38, 1e38, 3e38, 2.5e38, -3.3e38, 3.39e38};
  const std::vector<double> quotient = Run(ScalarOp::kDivide, DType::kF32, {y, x});
  const std::vector<double> angle = Run(ScalarOp::kAtan2, DType::kF32, {y, x});
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(quotient[i], y[i] / x[i], 1e-6) << y[i] << " / " << x[i];
    EXPECT_NEAR(angle[i], std::atan2(y[i], x[i]), 1e-6) << y[i] << ", " << x[i];
  }
}

std::vector<double> DividedBy(double divisor, DType dtype, const std::vector<double>& x, const Arithmetic& arithmetic) {
  constexpr int kWorkgroup = 8;
  target::DeviceProfile profile = TestProfile();
  profile.type = arithmetic.device;
  Builder b(profile);
  const int in = b.AddBuffer({.memory = dtype, .is_read = true}),
            out = b.AddBuffer({.memory = dtype, .is_written = true});
  const V i = b.GlobalIndex(kWorkgroup);
  const Scalar operands[] = {{b.Load(in, i), {}}, {b.Float(LoadedType(dtype, true), divisor), {}}};
  const auto quotient = EmitScalarOp(b, ScalarOp::kDivide, {dtype, dtype}, operands);
  EXPECT_TRUE(quotient.ok());
  b.Store(out, i, quotient->re);
  Kernel kernel = std::move(b).Finish(kWorkgroup);
  if (arithmetic.divides_by_reciprocal) kernel = CoarseDivision(std::move(kernel)).Run();
  std::vector<std::byte> operand = EncodeReals(dtype, x), result(operand.size());
  std::vector<std::byte>* bound[] = {&operand, &result};
  const auto workgroups = static_cast<uint32_t>(x.size() / kWorkgroup);
  EXPECT_TRUE(Interpret(kernel, bound, {}, workgroups, {.fuses_fma = arithmetic.fuses_fma}).ok());
  return DecodeReals(dtype, result);
}

// By a constant: exact where multiply-adds round once; infinities, NaN and zeros as ever.
TEST_P(FloatLimits, QuotientsByConstantsAreExact) {
  for (const double divisor : {0.9, 3.0, -7.0, 0.1, 49.0, 1e-30, 1e30, 8.0, 1.0, 3e38, 1e-38, 0.0, kInfinity}) {
    std::vector<double> x = {0, -0.0, kInfinity, -kInfinity, std::nan(""), 1e-30, 3e38, -3e38};
    for (int i = 0; i < 1000; ++i) x.push_back(std::ldexp(1.0 + i * 0.000977, i % 40 - 20));
    const float rounded = static_cast<float>(divisor);
    const std::vector<double> quotients = DividedBy(divisor, DType::kF32, x, GetParam());
    for (size_t i = 0; i < x.size(); ++i) {
      const float exact = static_cast<float>(x[i]) / rounded;
      const bool is_small = std::fabs(exact) < 0x1p-126f;
      SCOPED_TRACE(Format("{} / {}", x[i], divisor));
      if (std::isnan(exact)) {
        EXPECT_TRUE(std::isnan(quotients[i]));
      } else if (std::isinf(exact) || exact == 0) {
        EXPECT_EQ(quotients[i], exact);
        EXPECT_EQ(std::signbit(quotients[i]), std::signbit(exact));
      } else if (!is_small) {
        EXPECT_NEAR(quotients[i] / exact, 1, GetParam().fuses_fma ? 0 : 2.5e-7);
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
