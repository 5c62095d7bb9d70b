// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "kernel/hero_testing.h"

namespace dragoman::kernel {
namespace {

std::string SortOf(const std::string& type, const std::string& element, int dimension, const char* direction) {
  return "(%0: " + type + ") { %1 = sort(%0) {dimension = " + std::to_string(dimension) + ", is_stable = 1} : " + type +
         " (%2: " + element + ", %3: " + element + ") { %4 = compare(%2, %3) {comparison_direction = " + direction +
         ", compare_type = 0" + "} : tensor<i1> return(%4) } return(%1) }";
}
constexpr const char* kLess = "5";
constexpr const char* kGreater = "3";

TEST(LowerSort, SortsRowsOfEveryLength) {
  for (const auto& profile : HeroProfiles()) {
    for (const int extent : {1, 2, 3, 7, 16, 100, 256, 257, 1000, 1024, 1025, 2500}) {
      HeroTest test(fusion::GroupKind::kSort, SortOf(Format("tensor<3x{}xf32>", extent), "tensor<f32>", 1, kLess));
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerSort, SortsAlongOuterDimensionsAndDownwards) {
  for (const auto& profile : HeroProfiles()) {
    for (const int dimension : {0, 1, 2}) {
      HeroTest test(fusion::GroupKind::kSort, SortOf("tensor<5x9x4xsi32>", "tensor<si32>", dimension, kGreater));
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerSort, IsStableAndCarriesOtherOperands) {
  for (const auto& profile : HeroProfiles()) {
    for (const int extent : {50, 3000}) {
      const std::string type = Format("tensor<{}x", extent);
      HeroTest test(
          fusion::GroupKind::kSort,
          "(%0: " + type + "f32>, %1: " + type + "si32>, %2: " + type + "bf16>) { %3, %4, %5 = sort(%0, %1, %2) " +
              "{dimension = 0, is_stable = 1} : " + type + "f32>, " + type + "si32>, " + type + "bf16> " +
              "(%6: tensor<f32>, %7: tensor<f32>, %8: tensor<si32>, %9: tensor<si32>, %a: tensor<bf16>, %b: " +
              "tensor<bf16>) { %c = compare(%6, %7) {comparison_direction = 5, compare_type = 0} : tensor<i1> "
              "return(%c) } " +
              "return(%3, %4, %5) }");
      std::vector<int64_t> order(extent);
      for (int i = 0; i < extent; ++i) order[i] = i;
      test.SetInts(1, order);
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerSort, ReadsWhatTheComparatorCaptures) {
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(
        fusion::GroupKind::kSort,
        "(%0: tensor<40xsi32>, %1: tensor<si32>) { %2 = sort(%0) {dimension = 0, is_stable = 1} : tensor<40xsi32> "
        "(%3: tensor<si32>, %4: tensor<si32>) { %5 = xor(%3, %1) : tensor<si32> %6 = xor(%4, %1) : tensor<si32> "
        "%7 = compare(%5, %6) {comparison_direction = 5, compare_type = 0} : tensor<i1> return(%7) } return(%2) }");
    test.SetInts(1, {5});
    test.ExpectMatches(profile);
  }
}

}  // namespace
}  // namespace dragoman::kernel
