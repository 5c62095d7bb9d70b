// SPDX-License-Identifier: Apache-2.0
#include "ir/fourier.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dragoman::ir {
namespace {

TEST(FourierRadices, AreFewAndEven) {
  EXPECT_EQ(FourierRadices(1024, 16), (std::vector<int>{16, 8, 8}));
  EXPECT_EQ(FourierRadices(1000, 16), (std::vector<int>{10, 10, 10}));
  EXPECT_EQ(FourierRadices(1000, 8), (std::vector<int>{8, 5, 5, 5}));
  EXPECT_EQ(FourierRadices(2197, 4), (std::vector<int>{13, 13, 13}));
  EXPECT_TRUE(FourierRadices(34, 16).empty());
  EXPECT_TRUE(FourierRadices(1, 16).empty());
}

TEST(FourierRadices, GiveEveryTwistAPlaceOfItsOwn) {
  for (int64_t length = 2; length <= 1100; ++length) {
    if (!HasFourierRadices(length)) continue;
    for (const int most_held : {4, 8, 16}) {
      std::vector<int> taken(NumTwists(length));
      int64_t done = 1;
      for (const int radix : FourierRadices(length, most_held)) {
        for (int64_t j = 1; j < radix; ++j) {
          for (int64_t k = 0; k < done; ++k) ++taken.at(TwistAt(done, j, k));
        }
        done *= radix;
      }
      EXPECT_EQ(done, length);
      EXPECT_EQ(std::count(taken.begin(), taken.end(), 1), NumTwists(length)) << length;
    }
  }
}

}  // namespace
}  // namespace dragoman::ir
