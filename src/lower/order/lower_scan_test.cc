// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/order/kinds.h"

namespace dragoman::kernel {
namespace {

std::string ScanOf(const std::string& dims, const std::string& dtype, int dimension, bool is_reverse,
                   const std::string& op) {
  const std::string type = "tensor<" + dims + "x" + dtype + ">", element = "tensor<" + dtype + ">";
  return "(%0: " + type + ", %1: " + element + ") { %2 = scan(%0, %1) " +
         Format("{{dimension = {}, is_reverse = {}}} : ", dimension, is_reverse ? 1 : 0) + type + " (%3: " + element +
         ", %4: " + element + ") { %5 = " + op + "(%3, %4) : " + element + " return(%5) } return(%2) }";
}

TEST(LowerScan, AddsAlongRowsOfEveryLength) {
  for (const auto& profile : HeroProfiles()) {
    for (const int extent : {1, 2, 20, 33, 64, 100, 513, 1024, 2048, 2500, 9000}) {
      for (const bool is_reverse : {false, true}) {
        HeroTest test(fusion::GroupKind::kScan, ScanOf(Format("2x{}", extent), "f32", 1, is_reverse, "add"));
        test.ExpectMatches(profile);
      }
    }
  }
}

TEST(LowerScan, ScansManyRowsWithAWorkgroupEach) {
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kScan, ScanOf("130x2100", "si32", 1, false, "add"));
    test.ExpectMatches(profile);
  }
}

TEST(LowerScan, ScansOuterDimensions) {
  for (const auto& profile : HeroProfiles()) {
    for (const int dimension : {0, 1, 2}) {
      HeroTest test(fusion::GroupKind::kScan, ScanOf("5x70x40", "f32", dimension, true, "maximum"));
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerScan, TakesOtherTypesAndInitialValues) {
  for (const auto& profile : HeroProfiles()) {
    for (const auto& [dtype, op] : {std::pair("si32", "multiply"),
                                    {"ui8", "add"},
                                    {"i1", "or"},
                                    {"c64", "add"},
                                    {"si64", "add"},
                                    {"f16", "minimum"}}) {
      HeroTest test(fusion::GroupKind::kScan, ScanOf("2x2600", dtype, 1, false, op));
      test.ExpectMatches(profile);
    }
  }
}

// (a, b) then (c, d) is (c a, c b + d): associative, not commutative; so a scan in any other order would show.
TEST(LowerScan, KeepsTheOrderOfCombination) {
  const std::string type = "tensor<3x2500xsi32>";
  const std::string body =
      "(%0: " + type + ", %1: " + type + ", %2: tensor<si32>, %3: tensor<si32>) { %4, %5 = scan(%0, %1, %2, %3) " +
      "{dimension = 1, is_reverse = 0} : " + type + ", " + type +
      " (%a: tensor<si32>, %b: tensor<si32>, %c: tensor<si32>, %d: tensor<si32>) { %e = multiply(%c, %a) : "
      "tensor<si32> "
      "%f = multiply(%c, %b) : tensor<si32> %g = add(%f, %d) : tensor<si32> return(%e, %g) } return(%4, %5) }";
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kScan, body);
    test.ExpectMatches(profile);
  }
}

}  // namespace
}  // namespace dragoman::kernel
