// SPDX-License-Identifier: Apache-2.0
#include "base/checked.h"

#include <gtest/gtest.h>

#include <vector>

namespace dragoman {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();

// Around everything at which a sum or product begins to overflow.
std::vector<int64_t> Numbers() {
  std::vector<int64_t> numbers;
  for (const int64_t middle : {int64_t{0}, kMax / 3, kMin / 3, kMax / 2, kMin / 2, int64_t{3037000500},
                               int64_t{1} << 32, -(int64_t{1} << 31), kMax - 3, kMin + 3}) {
    for (int64_t offset = -3; offset <= 3; ++offset) numbers.push_back(middle + offset);
  }
  return numbers;
}

std::optional<int64_t> Narrow(__int128 wide) {
  return wide < kMin || wide > kMax ? std::nullopt : std::optional(static_cast<int64_t>(wide));
}

TEST(Checked, AgreesWithTwiceAsManyBits) {
  for (const int64_t a : Numbers()) {
    for (const int64_t b : Numbers()) {
      const auto sum = Narrow(static_cast<__int128>(a) + b), product = Narrow(static_cast<__int128>(a) * b);
      ASSERT_EQ(CheckedAdd(a, b), sum) << a << " + " << b;
      ASSERT_EQ(plain::CheckedAdd(a, b), sum) << a << " + " << b;
      ASSERT_EQ(CheckedMultiply(a, b), product) << a << " * " << b;
      ASSERT_EQ(plain::CheckedMultiply(a, b), product) << a << " * " << b;
    }
  }
}

static_assert(CheckedMultiply(kMin, -1) == std::nullopt && CheckedAdd(kMax, 1) == std::nullopt);

}  // namespace
}  // namespace dragoman
