// SPDX-License-Identifier: Apache-2.0
// Narrow floats against all of their encodings, taken one by one.
#include "types/small_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/arithmetic.h"

namespace dragoman {
namespace {

constexpr DType kSmallFloats[] = {
    DType::kF4E2M1FN,      DType::kF6E2M3FN, DType::kF6E3M2FN,   DType::kF8E3M4, DType::kF8E4M3,
    DType::kF8E4M3B11FNUZ, DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ,
    DType::kBF16,          DType::kF16,      DType::kF8E8M0FNU,
};

class SmallFloats : public testing::TestWithParam<DType> {
 protected:
  const DType dtype = GetParam();
  const uint32_t count = 1u << Info(dtype).bits;
  double Decode(uint32_t bits) const { return DecodeSmallFloat(dtype, bits); }
  uint32_t Encode(double value) const { return EncodeSmallFloat(dtype, value); }
  bool HasSign() const { return SmallFloat(dtype)->sign_bits != 0; }
};
INSTANTIATE_TEST_SUITE_P(Types, SmallFloats, testing::ValuesIn(kSmallFloats),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(SmallFloats, EveryEncodingSurvives) {
  for (uint32_t bits = 0; bits < count; ++bits) {
    const double value = Decode(bits);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(Decode(Encode(value)))) << bits;
    } else {
      EXPECT_EQ(Encode(value), bits) << value;
    }
  }
}

TEST_P(SmallFloats, MagnitudesGrowWithTheirEncodings) {
  const uint32_t positive = HasSign() ? count / 2 : count;
  for (uint32_t bits = 1; bits < positive && std::isfinite(Decode(bits)); ++bits) {
    EXPECT_LT(Decode(bits - 1), Decode(bits)) << bits;
    if (!HasSign()) continue;
    EXPECT_EQ(Decode(bits | count / 2), -Decode(bits)) << bits;
  }
}

TEST_P(SmallFloats, RoundToTheNearestAndTiesToEven) {
  const uint32_t positive = HasSign() ? count / 2 : count;
  for (uint32_t bits = 0; bits + 1 < positive && std::isfinite(Decode(bits + 1)); ++bits) {
    const double low = Decode(bits), high = Decode(bits + 1), middle = low + (high - low) / 2;
    // Without a mantissa a tie lies between 1 and 2, of which 2 is the even one.
    const bool ties_up = !HasSign() || bits % 2 == 1;
    EXPECT_EQ(Encode(middle), bits + (ties_up ? 1 : 0)) << middle;
    EXPECT_EQ(Encode(std::nextafter(middle, low)), bits) << middle;
    EXPECT_EQ(Encode(std::nextafter(middle, high)), bits + 1) << middle;
  }
}

TEST_P(SmallFloats, BeyondTheLargestIsWhatTheFormatHas) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  double largest = 0, below = 0;
  for (uint32_t bits = 0; bits < count; ++bits) {
    if (!std::isfinite(Decode(bits)) || Decode(bits) <= largest) continue;
    below = largest;
    largest = Decode(bits);
  }
  // Half a step beyond, as if the format went on: there a tie goes up, for the largest is odd but for NaN's place.
  const double step = HasSign() ? largest - below : largest;
  for (const double value : {largest + step, largest * 4, 1e300, kInfinity}) {
    const double got = Decode(Encode(value));
    if (format.has_infinity) {
      EXPECT_EQ(got, kInfinity) << value;
    } else if (format.has_nan) {
      EXPECT_TRUE(std::isnan(got)) << value << " is " << got;
    } else {
      EXPECT_EQ(got, largest) << value;
      EXPECT_EQ(Decode(Encode(-value)), -largest) << value;
    }
  }
  EXPECT_EQ(Decode(Encode(largest + step * 0.49)), largest);
}

TEST_P(SmallFloats, SmallestNumbersAndZero) {
  double smallest = kInfinity;
  for (uint32_t bits = 0; bits < count; ++bits) {
    if (Decode(bits) > 0) smallest = std::min(smallest, Decode(bits));
  }
  if (!HasSign()) {  // nor a zero
    for (const double value : {smallest / 2, smallest / 4, 1e-300}) EXPECT_EQ(Decode(Encode(value)), smallest);
    for (const double value : {0.0, -0.0, -1.0, -1e-300, -kInfinity}) EXPECT_TRUE(std::isnan(Decode(Encode(value))));
    return;
  }
  const bool has_negative_zero = !SmallFloat(dtype)->nan_is_negative_zero;
  for (const double value : {0.0, smallest / 2, smallest / 4, 1e-300}) {
    EXPECT_EQ(Encode(value), 0u) << value;
    EXPECT_EQ(Encode(-value), has_negative_zero ? count / 2 : 0u) << value;
  }
  EXPECT_EQ(Decode(Encode(smallest * 0.51)), smallest);
}

TEST(SmallFloat, OverflowBecomesWhatTheTypeHasForIt) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(DecodeSmallFloat(DType::kF16, EncodeSmallFloat(DType::kF16, 65520)), infinity);
  EXPECT_EQ(DecodeSmallFloat(DType::kF16, EncodeSmallFloat(DType::kF16, 65519)), 65504);
  EXPECT_EQ(DecodeSmallFloat(DType::kF8E5M2, EncodeSmallFloat(DType::kF8E5M2, -1e9)), -infinity);
  EXPECT_EQ(DecodeSmallFloat(DType::kF8E4M3FN, EncodeSmallFloat(DType::kF8E4M3FN, 464)), 448);
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(DType::kF8E4M3FN, EncodeSmallFloat(DType::kF8E4M3FN, 465))));
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(DType::kF8E4M3FNUZ, EncodeSmallFloat(DType::kF8E4M3FNUZ, infinity))));
  EXPECT_EQ(DecodeSmallFloat(DType::kF4E2M1FN, EncodeSmallFloat(DType::kF4E2M1FN, 1e9)), 6);
  EXPECT_EQ(DecodeSmallFloat(DType::kF6E2M3FN, EncodeSmallFloat(DType::kF6E2M3FN, 1e9)), 7.5);
  EXPECT_EQ(DecodeSmallFloat(DType::kF6E3M2FN, EncodeSmallFloat(DType::kF6E3M2FN, -infinity)), -28);
}

TEST(SmallFloat, TheNearestOfAFiniteNumberIsFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const DType dtype : kSmallFloats) {
    const double largest = DecodeSmallFloat(dtype, EncodeNearestSmallFloat(dtype, 1e300));
    EXPECT_TRUE(std::isfinite(largest)) << Name(dtype);
    EXPECT_EQ(EncodeSmallFloat(dtype, largest), EncodeNearestSmallFloat(dtype, 1e300)) << Name(dtype);
    const bool has_infinity = SmallFloat(dtype)->has_infinity;
    EXPECT_EQ(DecodeSmallFloat(dtype, EncodeNearestSmallFloat(dtype, infinity)), has_infinity ? infinity : largest);
  }
  EXPECT_EQ(DecodeSmallFloat(DType::kF4E2M1FN, EncodeNearestSmallFloat(DType::kF4E2M1FN, -1e9)), -6);
  EXPECT_EQ(DecodeSmallFloat(DType::kF8E4M3FN, EncodeNearestSmallFloat(DType::kF8E4M3FN, 1e9)), 448);
  EXPECT_EQ(EncodeNearestSmallFloat(DType::kF8E8M0FNU, -2), 0u);
}

}  // namespace
}  // namespace dragoman
