// SPDX-License-Identifier: Apache-2.0
#include "types/small_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dragoman {
namespace {

constexpr DType kSmallFloats[] = {DType::kF6E2M3FN, DType::kF6E3M2FN,      DType::kF4E2M1FN,  DType::kF8E3M4,
                                  DType::kF8E4M3,   DType::kF8E4M3B11FNUZ, DType::kF8E4M3FN,  DType::kF8E4M3FNUZ,
                                  DType::kF8E5M2,   DType::kF8E5M2FNUZ,    DType::kF8E8M0FNU, DType::kBF16,
                                  DType::kF16};

TEST(SmallFloat, EveryEncodingSurvives) {
  for (const DType dtype : kSmallFloats) {
    for (uint32_t bits = 0; bits < 1u << Info(dtype).bits; ++bits) {
      const double value = DecodeSmallFloat(dtype, bits);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(DecodeSmallFloat(dtype, EncodeSmallFloat(dtype, value)))) << Name(dtype) << " " << bits;
      } else {
        EXPECT_EQ(EncodeSmallFloat(dtype, value), bits) << Name(dtype) << " " << value;
      }
    }
  }
}

TEST(SmallFloat, MidpointsRoundToTheEvenEncoding) {
  for (const DType dtype : kSmallFloats) {
    if (dtype == DType::kF8E8M0FNU) continue;
    const uint32_t num_positive = 1u << (Info(dtype).bits - 1);
    for (uint32_t bits = 0; bits + 1 < num_positive; ++bits) {
      const double low = DecodeSmallFloat(dtype, bits);
      const double high = DecodeSmallFloat(dtype, bits + 1);
      if (!std::isfinite(low) || !std::isfinite(high)) continue;
      const double middle = low + (high - low) / 2;
      EXPECT_EQ(EncodeSmallFloat(dtype, middle), bits + bits % 2) << Name(dtype) << " " << middle;
      EXPECT_EQ(EncodeSmallFloat(dtype, std::nextafter(middle, high)), bits + 1) << Name(dtype) << " " << middle;
      EXPECT_EQ(EncodeSmallFloat(dtype, std::nextafter(middle, low)), bits) << Name(dtype) << " " << middle;
    }
  }
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

TEST(SmallFloat, TypesWithoutNegativeZeroHaveNone) {
  EXPECT_EQ(EncodeSmallFloat(DType::kF8E5M2FNUZ, -0.0), 0u);
  EXPECT_EQ(EncodeSmallFloat(DType::kF8E5M2FNUZ, -1e-30), 0u);
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(DType::kF8E8M0FNU, EncodeSmallFloat(DType::kF8E8M0FNU, 0))));
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(DType::kF8E8M0FNU, EncodeSmallFloat(DType::kF8E8M0FNU, -2))));
}

TEST(SmallFloat, PowersOfTwoBelowTheLeastBecomeIt) {
  EXPECT_EQ(EncodeSmallFloat(DType::kF8E8M0FNU, 0x1p-127), 0u);
  EXPECT_EQ(EncodeSmallFloat(DType::kF8E8M0FNU, 0x1p-300), 0u);
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
