// SPDX-License-Identifier: Apache-2.0
#include "element/pieces.h"

#include <gtest/gtest.h>

namespace dragoman::kernel {
namespace {

TEST(Pieces, MergeDigitsThatCountOn) {
  EXPECT_EQ(Simplified({{{8192, 8}, {512, 16}}}), RunsOf(512, 128));
  EXPECT_EQ(Simplified({{{8192, 1}, {512, 1}}}), Pieces{});
  const Pieces strided{{{524288, 8}, {64, 16}}};
  EXPECT_EQ(Simplified(strided), strided);
  EXPECT_EQ(strided.count(), 128);
}

TEST(Pieces, BecomeFewer) {
  EXPECT_EQ(Coarsened(RunsOf(8, 1024), 128), RunsOf(64, 128));
  EXPECT_EQ(Coarsened(RunsOf(8, 1024), 1024), RunsOf(8, 1024));
  EXPECT_EQ(Coarsened(RunsOf(8, 1024), 1), Pieces{});
  const Pieces update{{{524288, 8}, {8, 128}}};
  EXPECT_EQ(Coarsened(update, 128), (Pieces{{{524288, 8}, {64, 16}}}));
  EXPECT_EQ(Coarsened(update, 4), (Pieces{{{1048576, 4}}}));
}

TEST(Pieces, DoNotBecomeMoreOrUnequal) {
  EXPECT_FALSE(Coarsened(RunsOf(8, 12), 5).has_value());
  EXPECT_FALSE(Coarsened(RunsOf(8, 12), 24).has_value());
  EXPECT_FALSE(Coarsened({}, 2).has_value());
  EXPECT_FALSE(Coarsened({{{100, 3}, {10, 4}}}, 2).has_value()) << "two pieces would cut through a digit";
}

}  // namespace
}  // namespace dragoman::kernel
