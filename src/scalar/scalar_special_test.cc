// SPDX-License-Identifier: Apache-2.0
// Every pair of special numbers: zeros of both signs, infinities, NaN, the smallest and the largest, and what lies
// beside limits, against C's library, the sign of zeros included; literals as constants; complex infinities.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <functional>

#include "base/arithmetic.h"
#include "base/format.h"
#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

std::vector<double> SpecialFloats(DType dtype) {
  const bool is_f64 = dtype == DType::kF64;
  const double smallest = is_f64 ? 0x1p-1022 : 0x1p-126, largest = is_f64 ? 0x1.fffffffffffffp1023 : 0x1.fffffep127;
  std::vector<double> values;
  for (const double magnitude :
       {0.0, smallest, 1e-20, 0.25,  0.49999997, 0.5,       0.99999994, 1.0,        1.0000001, 1.5,     2.0,
        2.5, 3.0,      7.0,   100.0, 8388607.5,  8388609.0, 16777215.0, 16777216.0, 1e30,      largest, kInfinity}) {
    values.push_back(is_f64 ? magnitude : static_cast<float>(magnitude));
    values.push_back(-values.back());
  }
  values.push_back(kNan);
  return values;
}

bool IsSame(double actual, double expected, double units, DType dtype) {
  if (std::isnan(expected)) return std::isnan(actual);
  const double smallest = dtype == DType::kF64 ? 0x1p-1022 : 0x1p-126;
  // Below the smallest normal number there is zero; so may be what rounds to it.
  if (units > 0 && std::fabs(expected) <= smallest) return std::fabs(actual) <= smallest;
  if (actual == expected) return std::signbit(actual) == std::signbit(expected);
  // The number after the largest is infinity.
  const double largest = dtype == DType::kF64 ? 0x1.fffffffffffffp1023 : 0x1.fffffep127;
  if (units >= 1 && std::fabs(expected) == largest && std::isinf(actual))
    return std::signbit(actual) == std::signbit(expected);
  if (!std::isfinite(expected) || !std::isfinite(actual)) return false;
  const double unit = std::ldexp(1.0, std::ilogb(expected) - (dtype == DType::kF64 ? 52 : 23));
  return std::fabs(actual - expected) <= units * unit;
}

double Rounded(double value, DType dtype) { return dtype == DType::kF64 ? value : static_cast<float>(value); }

struct UnaryRow {
  ScalarOp op;
  double (*exact)(double);
  double units;
};
double Sign(double x) { return x == 0 || std::isnan(x) ? x : std::copysign(1.0, x); }
double ReciprocalRootOf(double x) { return x == 0 ? std::copysign(kInfinity, x) : 1 / std::sqrt(x); }
double LogisticOf(double x) { return 1 / (1 + std::exp(-x)); }
const UnaryRow kUnaryRows[] = {
    {ScalarOp::kAbs, std::fabs, 0},
    {ScalarOp::kCbrt, std::cbrt, 1.5},
    {ScalarOp::kCeil, std::ceil, 0},
    {ScalarOp::kErf, std::erf, 6},
    {ScalarOp::kErfc, std::erfc, 6},
    {ScalarOp::kExponential, std::exp, 1.5},
    {ScalarOp::kExponentialMinusOne, std::expm1, 2.5},
    {ScalarOp::kFloor, std::floor, 0},
    {ScalarOp::kLog, std::log, 1.5},
    {ScalarOp::kLogPlusOne, std::log1p, 2},
    {ScalarOp::kLogistic, LogisticOf, 3},
    {ScalarOp::kNegate, [](double x) { return -x; }, 0},
    {ScalarOp::kRoundNearestAfz, std::round, 0},
    {ScalarOp::kRoundNearestEven, std::nearbyint, 0},
    {ScalarOp::kRsqrt, ReciprocalRootOf, 2},
    {ScalarOp::kSign, Sign, 0},
    {ScalarOp::kSine, std::sin, 3},
    {ScalarOp::kCosine, std::cos, 3},
    {ScalarOp::kSqrt, std::sqrt, 1},  // correctly rounded but for rare cases
    {ScalarOp::kTan, std::tan, 5},
    {ScalarOp::kTanh, std::tanh, 5},
};

class SpecialNumbers : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, SpecialNumbers, testing::Values(DType::kF32, DType::kF64),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(SpecialNumbers, OfOneOperandGiveWhatCDoes) {
  const DType dtype = GetParam();
  const std::vector<double> x = SpecialFloats(dtype);
  for (const UnaryRow& row : kUnaryRows) {
    const std::vector<double> actual = RunScalar({row.op, {dtype}, dtype, {}}, {x});
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = Rounded(row.exact(x[i]), dtype);
      EXPECT_TRUE(IsSame(actual[i], expected, row.units, dtype))
          << Info(row.op).name << Format(" of {} is {}, expected {}", x[i], actual[i], expected);
    }
  }
}

struct BinaryRow {
  ScalarOp op;
  double (*exact)(double, double);
  double units;
};
// Of zeros of both signs either may be taken.
double Larger(double x, double y) { return std::isnan(x) || std::isnan(y) ? kNan : x < y ? y : x; }
double Smaller(double x, double y) { return std::isnan(x) || std::isnan(y) ? kNan : x <= y ? x : y; }
const BinaryRow kBinaryRows[] = {
    {ScalarOp::kAdd, [](double x, double y) { return x + y; }, 0},
    {ScalarOp::kSubtract, [](double x, double y) { return x - y; }, 0},
    {ScalarOp::kMultiply, [](double x, double y) { return x * y; }, 0},
    {ScalarOp::kDivide, [](double x, double y) { return x / y; }, 0},
    {ScalarOp::kRemainder, std::fmod, 0},
    {ScalarOp::kMaximum, Larger, 0},
    {ScalarOp::kMinimum, Smaller, 0},
    {ScalarOp::kPower, std::pow, 2},
    {ScalarOp::kAtan2, std::atan2, 2.5},
};

TEST_P(SpecialNumbers, OfTwoOperandsGiveWhatCDoes) {
  const DType dtype = GetParam();
  std::vector<double> x, y;
  for (const double a : SpecialFloats(dtype)) {
    for (const double b : SpecialFloats(dtype)) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  for (const BinaryRow& row : kBinaryRows) {
    const std::vector<double> actual = RunScalar({row.op, {dtype, dtype}, dtype, {}}, {x, y});
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = Rounded(row.exact(x[i], y[i]), dtype);
      EXPECT_TRUE(IsSame(actual[i], expected, row.units, dtype))
          << Info(row.op).name << Format(" of {}, {} is {}, expected {}", x[i], y[i], actual[i], expected);
    }
  }
}

// The nearest integer of the type, and 0 for NaN.
TEST_P(SpecialNumbers, BecomeIntegersUpToTheirEnds) {
  const DType from = GetParam();
  for (const DType to : {DType::kS2, DType::kU2, DType::kS4, DType::kU4, DType::kS8, DType::kU8, DType::kS16,
                         DType::kU16, DType::kS32, DType::kU32, DType::kS64, DType::kU64}) {
    const int bits = Info(to).bits - (IsSigned(to) ? 1 : 0);
    const double beyond = std::ldexp(1.0, bits), low = IsSigned(to) ? -beyond : 0;
    std::vector<double> x = SpecialFloats(from);
    for (const double limit : {beyond, -beyond, beyond - 1, low - 1}) {
      for (const double way : {-kInfinity, kInfinity}) {
        x.push_back(from == DType::kF64 ? std::nextafter(limit, way)
                                        : std::nextafter(static_cast<float>(limit), static_cast<float>(way)));
      }
      x.push_back(Rounded(limit, from));
    }
    const std::vector<double> actual = RunScalar({ScalarOp::kConvert, {from}, to, {}}, {x});
    for (size_t i = 0; i < x.size(); ++i) {
      const double whole = std::trunc(x[i]);
      // As a double the largest 64-bit integer is the number after it.
      const double largest = bits < 53 ? beyond - 1 : beyond;
      const double expected = std::isnan(whole) ? 0 : whole >= beyond ? largest : std::max(whole, low);
      EXPECT_EQ(actual[i], expected) << x[i] << " to " << Name(to);
    }
  }
}

// ---- Constants

TEST(ConstantScalar, IsWhatMemoryHolds) {
  for (const bool float16 : {false, true}) {
    target::DeviceProfile profile = TestProfile();
    profile.float16 = float16;
    for (int code = 0; code < static_cast<int>(DType::kToken); ++code) {
      const auto dtype = static_cast<DType>(code);
      const auto size = static_cast<size_t>(SizeBytes(dtype));
      // All bytes of small types, and runs of them for others; booleans are 0 and 1.
      std::vector<std::byte> bytes(256 * size);
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(IsPred(dtype) ? i % 2 : i * 37 / size % 256);
      if (IsInteger(dtype) && Info(dtype).bits < 8) {
        for (std::byte& byte : bytes) byte &= std::byte((1 << Info(dtype).bits) - 1);
      }
      const ir::Literal literal({dtype, {256}}, bytes);
      const DType real = RealPart(dtype);
      Builder b(profile);
      const int in = b.AddBuffer({.memory = real, .is_read = true});
      const int out = b.AddBuffer({.memory = DType::kPred, .is_written = true});
      const auto same = [&](V x, V y) {
        if (!IsFloatType(x.type)) return b.IEq(x, y);
        return b.Or(b.Compare(KOp::kFEq, x, y),
                    b.And(b.Convert(KOp::kIsNan, x, KType::kBool), b.Convert(KOp::kIsNan, y, KType::kBool)));
      };
      for (int64_t i = 0; i < 256; ++i) {
        const Scalar constant = ConstantScalar(b, literal, i);
        const int parts = IsComplex(dtype) ? 2 : 1;
        V is_same = same(constant.re, b.Load(in, b.I32(parts * i)));
        if (parts == 2) is_same = b.And(is_same, same(constant.im, b.Load(in, b.I32(2 * i + 1))));
        b.Store(out, b.I32(i), is_same);
      }
      std::vector<std::byte> result(256);
      std::vector<std::byte>* const buffers[] = {&bytes, &result};
      const Status status = Interpret(std::move(b).Finish(1), buffers, {}, 1);
      ASSERT_TRUE(status.ok()) << Name(dtype) << ": " << status.message();
      for (size_t i = 0; i < 256; ++i) EXPECT_EQ(result[i], std::byte{1}) << Name(dtype) << " " << i;
    }
  }
}

TEST(FlattenScalars, ComesBackAsItWas) {
  const target::DeviceProfile profile = TestProfile();
  Builder b(profile);
  const DType dtypes[] = {DType::kF32, DType::kC64, DType::kS32, DType::kC128};
  std::vector<Scalar> values;
  for (int lane = 0; lane < 3; ++lane) {
    for (const DType dtype : dtypes) {
      const KType type = LoadedType(RealPart(dtype), true);
      values.push_back({b.Zero(type), IsComplex(dtype) ? b.Float(type, lane) : V{}});
    }
  }
  const std::vector<V> parts = FlattenScalars(values);
  EXPECT_EQ(parts.size(), 3u * 6);
  const std::vector<Scalar> back = UnflattenScalars(parts, dtypes);
  ASSERT_EQ(back.size(), values.size());
  for (size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].re.id, values[i].re.id);
    EXPECT_EQ(back[i].im.id, values[i].im.id);
  }
  EXPECT_TRUE(UnflattenScalars({}, dtypes).empty());
}

// ---- Complex numbers of infinite or vanishing parts

using Complex = std::complex<double>;

const double kParts[] = {0.0, -0.0, 1.0, -2.0, kInfinity, -kInfinity, kNan};

std::vector<Complex> ComplexResults(ScalarOp op, DType result, const std::vector<std::vector<Complex>>& operands) {
  std::vector<std::vector<double>> parts;
  for (const auto& operand : operands) {
    parts.emplace_back();
    for (const Complex& z : operand) parts.back().insert(parts.back().end(), {z.real(), z.imag()});
  }
  std::vector<std::vector<std::byte>> bytes;
  for (const auto& part : parts) bytes.push_back(EncodeReals(DType::kF64, part));
  const ScalarRun run{op, std::vector<DType>(operands.size(), DType::kC128), result, {}};
  const std::vector<double> flat = DecodeReals(DType::kF64, RunScalarBytes(run, std::move(bytes), TestProfile()));
  std::vector<Complex> results;
  const size_t step = IsComplex(result) ? 2 : 1;
  for (size_t i = 0; i < flat.size(); i += step) results.emplace_back(flat[i], step == 2 ? flat[i + 1] : 0);
  return results;
}

std::vector<Complex> AllComplex() {
  std::vector<Complex> all;
  for (const double re : kParts) {
    for (const double im : kParts) all.emplace_back(re, im);
  }
  return all;
}
bool IsInfinite(const Complex& z) { return std::isinf(z.real()) || std::isinf(z.imag()); }
bool IsFinite(const Complex& z) { return std::isfinite(z.real()) && std::isfinite(z.imag()); }

TEST(ScalarComplex, QuotientsOfInfinitiesAreThoseOfAnnexG) {
  std::vector<Complex> x, y;
  for (const Complex& a : AllComplex()) {
    for (const Complex& b : AllComplex()) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  const std::vector<Complex> quotient = ComplexResults(ScalarOp::kDivide, DType::kC128, {x, y});
  for (size_t i = 0; i < x.size(); ++i) {
    const std::string what = Format("({}, {}) / ({}, {}) = ({}, {})", x[i].real(), x[i].imag(), y[i].real(),
                                    y[i].imag(), quotient[i].real(), quotient[i].imag());
    if (IsInfinite(x[i]) && IsFinite(y[i])) {
      EXPECT_TRUE(IsInfinite(quotient[i])) << what;
    }
    if (IsFinite(x[i]) && IsInfinite(y[i])) {
      EXPECT_EQ(quotient[i], Complex(0, 0)) << what;
    }
    const bool is_number = !std::isnan(x[i].real()) && !std::isnan(x[i].imag()) && x[i] != Complex(0, 0);
    if (is_number && y[i] == Complex(0, 0)) {
      EXPECT_TRUE(IsInfinite(quotient[i])) << what;
    }
    if (!IsFinite(x[i]) || !IsFinite(y[i]) || y[i] == Complex(0, 0)) continue;
    EXPECT_LE(std::abs(quotient[i] - x[i] / y[i]), 1e-15) << what;
  }
}

TEST(ScalarComplex, LengthsRootsAndExponentialsOfInfinities) {
  const std::vector<Complex> x = AllComplex();
  const std::vector<Complex> length = ComplexResults(ScalarOp::kAbs, DType::kF64, {x});
  const std::vector<Complex> root = ComplexResults(ScalarOp::kSqrt, DType::kC128, {x});
  const std::vector<Complex> log = ComplexResults(ScalarOp::kLog, DType::kC128, {x});
  for (size_t i = 0; i < x.size(); ++i) {
    const std::string what = Format("({}, {})", x[i].real(), x[i].imag());
    const double expected = std::hypot(x[i].real(), x[i].imag());
    EXPECT_TRUE(length[i].real() == expected || (std::isnan(expected) && std::isnan(length[i].real()))) << what;
    if (std::isinf(x[i].imag())) {
      EXPECT_EQ(root[i], Complex(kInfinity, x[i].imag())) << what;
    }
    if (IsInfinite(x[i])) {
      EXPECT_EQ(log[i].real(), kInfinity) << what;
    }
    if (!IsFinite(x[i])) continue;
    EXPECT_LE(std::abs(root[i] - std::sqrt(x[i])), 1e-15) << what;
    EXPECT_EQ(std::signbit(root[i].imag()), std::signbit(x[i].imag())) << what;
    if (x[i] == Complex(0, 0)) {
      EXPECT_EQ(log[i].real(), -kInfinity) << what;
      EXPECT_EQ(log[i].imag(), std::atan2(x[i].imag(), x[i].real())) << what;
    } else {
      EXPECT_LE(std::abs(log[i] - std::log(x[i])), 1e-15) << what;
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
