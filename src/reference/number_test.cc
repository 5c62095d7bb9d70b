// SPDX-License-Identifier: Apache-2.0
#include "reference/number.h"

#include <gtest/gtest.h>

namespace dragoman::reference {
namespace {

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
