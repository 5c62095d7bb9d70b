// SPDX-License-Identifier: Apache-2.0
// Long rows by keys and short ones by comparisons: what is hard about their data, not their kernels.
#include "lower/order/radix_sort.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

// Keys and the numbers of their elements, which show whether equal keys keep their order; in rows of `extent`, or one.
HeroTest NumberedSort(const std::string& dtype, int64_t count, bool is_descending, int64_t extent = 0) {
  const std::string dims = extent == 0 ? Format("{}", count) : Format("{}x{}", count / extent, extent);
  HeroTest test(
      fusion::GroupKind::kSort,
      Format("(%0: tensor<{1}x{0}>, %1: tensor<{1}xsi32>) {{ %2, %3 = sort(%0, %1) {{dimension = {3}, is_stable = 1}} "
             ": tensor<{1}x{0}>, tensor<{1}xsi32> (%a: tensor<{0}>, %b: tensor<{0}>, %c: tensor<si32>, %d: "
             "tensor<si32>) {{ %e = compare(%a, %b) {{comparison_direction = {2}, compare_type = 0}} : "
             "tensor<i1> return(%e) }} return(%2, %3) }}",
             dtype, dims, is_descending ? 3 : 5, extent == 0 ? 0 : 1));
  std::vector<int64_t> numbers(count);
  for (int64_t i = 0; i < count; ++i) numbers[i] = i;
  test.SetInts(1, numbers);
  return test;
}

struct KeyPattern {
  const char* name;
  int64_t (*key)(int64_t i, int64_t count);
};
const KeyPattern kKeyPatterns[] = {
    {"all equal", [](int64_t, int64_t) { return int64_t{77}; }},
    {"in order", [](int64_t i, int64_t count) { return i * 256 / count; }},
    {"backwards", [](int64_t i, int64_t count) { return 255 - i * 256 / count; }},
    {"two values in turn", [](int64_t i, int64_t) { return i % 2 * 255; }},
    {"one that is different", [](int64_t i, int64_t count) { return i == count - 1 ? int64_t{0} : int64_t{255}; }},
    {"high digits alone", [](int64_t i, int64_t) { return i * 7 % 16 * 16; }},
};

// Counts that fill their tiles and that leave one key in the last.
TEST(RadixSort, IsStableWhateverTheKeysAre) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  bool is_whole = false;
  for (const KeyPattern& pattern : kKeyPatterns) {
    is_whole = !is_whole;
    const int64_t count = is_whole ? 32768 : 33793;
    SCOPED_TRACE(Format("{} keys, {}", count, pattern.name));
    HeroTest test = NumberedSort("ui8", count, !is_whole);
    ASSERT_TRUE(SuitsRadixSort(count, profile));
    std::vector<int64_t> keys(count);
    for (int64_t i = 0; i < count; ++i) keys[i] = pattern.key(i, count);
    test.SetInts(0, keys);
    test.ExpectMatches(profile);
  }
}

TEST(RadixSort, IsTheSameAsSortingByComparisons) {
  const target::DeviceProfile by_keys = HeroProfiles()[1];
  target::DeviceProfile by_comparisons = by_keys;
  by_comparisons.shared_memory_bytes = 16384;
  const HeroTest test = NumberedSort("bf16", 32768, false);
  ASSERT_TRUE(SuitsRadixSort(32768, by_keys));
  ASSERT_FALSE(SuitsRadixSort(32768, by_comparisons));
  const std::vector<ir::Literal> first = test.Run(by_keys), second = test.Run(by_comparisons);
  ASSERT_EQ(first.size(), 2u);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(first[i].Dense() == second[i].Dense());
}

// Runs of one element to a thousand and more, on every device: equal keys, keys in order, and the other way round.
TEST(PermutationSort, IsStableWhateverTheKeysAre) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const int64_t count : {2, 255, 1500}) {
      for (const KeyPattern& pattern : kKeyPatterns) {
        SCOPED_TRACE(Format("{} keys, {}, on {}", count, pattern.name, profile.name));
        HeroTest test = NumberedSort("si32", count, count == 1500);
        std::vector<int64_t> keys(count);
        for (int64_t i = 0; i < count; ++i) keys[i] = pattern.key(i, count);
        test.SetInts(0, keys);
        test.ExpectMatches(profile);
      }
    }
  }
}

TEST(PermutationSort, SortsWideAndComplexOperandsAlongEveryDimension) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const int dimension : {0, 1, 2}) {
      for (const char* dtype : {"f64", "si64", "f16", "c64"}) {
        SCOPED_TRACE(Format("{} along {} on {}", dtype, dimension, profile.name));
        const HeroTest test(
            fusion::GroupKind::kSort,
            Format("(%0: tensor<9x7x5xf32>, %1: tensor<9x7x5x{0}>) {{ %2, %3 = sort(%0, %1) {{dimension = {1}, "
                   "is_stable = "
                   "1}} : tensor<9x7x5xf32>, tensor<9x7x5x{0}> (%a: tensor<f32>, %b: tensor<f32>, %c: tensor<{0}>, %d: "
                   "tensor<{0}>) {{ %e = compare(%a, %b) {{comparison_direction = 3, compare_type = 0}} : tensor<i1> "
                   "return(%e) }} return(%2, %3) }}",
                   dtype, dimension));
        ASSERT_NE(test.module, nullptr);
        test.ExpectMatches(profile);
      }
    }
  }
}

// Rows that fill their slots, and rows that do not; more workgroups than one.
TEST(RowSort, IsStableInEveryRow) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  for (const auto& [rows, extent] :
       {std::pair(300, 5), std::pair(130, 8), std::pair(70, 33), std::pair(3, 700), std::pair(2, 2048)}) {
    for (const bool is_descending : {false, true}) {
      SCOPED_TRACE(Format("{} rows of {}", rows, extent));
      HeroTest test = NumberedSort("si32", int64_t{rows} * extent, is_descending, extent);
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok());
      EXPECT_EQ(lowered->dispatches.size(), 1u);
      EXPECT_NE(lowered->dispatches[0].label.find("by keys"), std::string::npos);
      test.ExpectMatches(profile);
      std::vector<int64_t> keys(int64_t{rows} * extent);
      for (int64_t& key : keys) key = static_cast<int32_t>(test.random());
      test.SetInts(0, keys);
      test.ExpectMatches(profile);
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
