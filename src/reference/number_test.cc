// SPDX-License-Identifier: Apache-2.0
#include "reference/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dragoman::reference {
namespace {

constexpr DType kSmallFloats[] = {DType::kF6E2M3FN, DType::kF6E3M2FN,      DType::kF4E2M1FN,  DType::kF8E3M4,
                                  DType::kF8E4M3,   DType::kF8E4M3B11FNUZ, DType::kF8E4M3FN,  DType::kF8E4M3FNUZ,
                                  DType::kF8E5M2,   DType::kF8E5M2FNUZ,    DType::kF8E8M0FNU, DType::kBF16,
                                  DType::kF16};

uint32_t Encode(DType dtype, double value) { return EncodeSmallFloat(value, *SmallFloat(dtype)); }
double Decode(DType dtype, uint32_t bits) { return DecodeSmallFloat(bits, *SmallFloat(dtype)); }

TEST(SmallFloat, EveryEncodingSurvives) {
  for (const DType dtype : kSmallFloats) {
    for (uint32_t bits = 0; bits < 1u << Info(dtype).bits; ++bits) {
      const double value = Decode(dtype, bits);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(Decode(dtype, Encode(dtype, value)))) << Name(dtype) << " " << bits;
      } else {
        EXPECT_EQ(Encode(dtype, value), bits) << Name(dtype) << " " << value;
      }
    }
  }
}

TEST(SmallFloat, MidpointsRoundToTheEvenEncoding) {
  for (const DType dtype : kSmallFloats) {
    if (dtype == DType::kF8E8M0FNU) continue;
    const uint32_t num_positive = 1u << (Info(dtype).bits - 1);
    for (uint32_t bits = 0; bits + 1 < num_positive; ++bits) {
      const double low = Decode(dtype, bits);
      const double high = Decode(dtype, bits + 1);
      if (!std::isfinite(low) || !std::isfinite(high)) continue;
      const double middle = low + (high - low) / 2;
      EXPECT_EQ(Encode(dtype, middle), bits + bits % 2) << Name(dtype) << " " << middle;
      EXPECT_EQ(Encode(dtype, std::nextafter(middle, high)), bits + 1) << Name(dtype) << " " << middle;
      EXPECT_EQ(Encode(dtype, std::nextafter(middle, low)), bits) << Name(dtype) << " " << middle;
    }
  }
}

TEST(SmallFloat, OverflowBecomesWhatTheTypeHasForIt) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Decode(DType::kF16, Encode(DType::kF16, 65520)), infinity);
  EXPECT_EQ(Decode(DType::kF16, Encode(DType::kF16, 65519)), 65504);
  EXPECT_EQ(Decode(DType::kF8E5M2, Encode(DType::kF8E5M2, -1e9)), -infinity);
  EXPECT_EQ(Decode(DType::kF8E4M3FN, Encode(DType::kF8E4M3FN, 464)), 448);
  EXPECT_TRUE(std::isnan(Decode(DType::kF8E4M3FN, Encode(DType::kF8E4M3FN, 465))));
  EXPECT_TRUE(std::isnan(Decode(DType::kF8E4M3FNUZ, Encode(DType::kF8E4M3FNUZ, infinity))));
  EXPECT_EQ(Decode(DType::kF4E2M1FN, Encode(DType::kF4E2M1FN, 1e9)), 6);
  EXPECT_EQ(Decode(DType::kF6E2M3FN, Encode(DType::kF6E2M3FN, 1e9)), 7.5);
  EXPECT_EQ(Decode(DType::kF6E3M2FN, Encode(DType::kF6E3M2FN, -infinity)), -28);
}

TEST(SmallFloat, TypesWithoutNegativeZeroHaveNone) {
  EXPECT_EQ(Encode(DType::kF8E5M2FNUZ, -0.0), 0u);
  EXPECT_EQ(Encode(DType::kF8E5M2FNUZ, -1e-30), 0u);
  EXPECT_TRUE(std::isnan(Decode(DType::kF8E8M0FNU, Encode(DType::kF8E8M0FNU, 0))));
  EXPECT_TRUE(std::isnan(Decode(DType::kF8E8M0FNU, Encode(DType::kF8E8M0FNU, -2))));
}

TEST(Number, IntegersWrapToTheirType) {
  EXPECT_EQ(RoundTo(DType::kS8, Number::Of(int64_t{130})).integer, -126);
  EXPECT_EQ(RoundTo(DType::kU8, Number::Of(int64_t{-1})).integer, 255);
  EXPECT_EQ(RoundTo(DType::kS4, Number::Of(int64_t{8})).integer, -8);
  EXPECT_EQ(RoundTo(DType::kU2, Number::Of(int64_t{7})).integer, 3);
  EXPECT_EQ(RoundTo(DType::kPred, Number::Of(int64_t{2})).integer, 1);
}

TEST(Number, NarrowIntegersIgnoreTheBitsAboveThem) {
  const std::byte element{0xFE};
  EXPECT_EQ(LoaderOf(DType::kS4)(&element).integer, -2);
  EXPECT_EQ(LoaderOf(DType::kU4)(&element).integer, 14);
  EXPECT_EQ(LoaderOf(DType::kS2)(&element).integer, -2);
}

}  // namespace
}  // namespace dragoman::reference
