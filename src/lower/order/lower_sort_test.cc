// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/order/kinds.h"

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

// Long rows with a plain comparator go by keys.
TEST(LowerSort, SortsLongRowsByKeys) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  for (const char* dtype : {"f32", "si32", "bf16", "f16", "si8", "ui16", "i1"}) {
    for (const char* direction : {kLess, kGreater}) {
      if (direction == kLess && SizeBytes(*DTypeFromName(dtype)) == 4) continue;  // in the next test
      HeroTest test(fusion::GroupKind::kSort,
                    SortOf(Format("tensor<33000x{}>", dtype), Format("tensor<{}>", dtype), 0, direction));
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok());
      EXPECT_NE(lowered->dispatches[0].label.find("by keys"), std::string::npos);
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerSort, SortsLongRowsByWideRandomKeys) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  HeroTest test(fusion::GroupKind::kSort, SortOf("tensor<33000xf32>", "tensor<f32>", 0, kLess));
  test.SetUniform(0, -1e6, 1e6);
  test.ExpectMatches(profile);
  HeroTest integers(fusion::GroupKind::kSort, SortOf("tensor<70000xui32>", "tensor<ui32>", 0, kLess));
  std::vector<int64_t> values(70000);
  for (int64_t& value : values) value = integers.random();
  integers.SetInts(0, values);
  integers.ExpectMatches(profile);
}

TEST(LowerSort, SortsVeryLongRowsInLargerTiles) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  HeroTest test(fusion::GroupKind::kSort, SortOf("tensor<530001xui8>", "tensor<ui8>", 0, kLess));
  test.ExpectMatches(profile);
}

// As JAX compares floats: NaNs last and equal, zeros equal; the order of what was equal stays.
TEST(LowerSort, SortsLongRowsByCanonicalKeysStably) {
  const std::string compare =
      "%z = constant() {value = dense<0.0>} : tensor<f32> %n = constant() {value = dense<0x7fc00000>} : tensor<f32> "
      "%c = compare(%6, %z) {comparison_direction = 0, compare_type = 1} : tensor<i1> %d = select(%c, %z, %6) : "
      "tensor<f32> "
      "%e = compare(%6, %6) {comparison_direction = 1, compare_type = 1} : tensor<i1> %f = select(%e, %n, %d) : "
      "tensor<f32> "
      "%g = compare(%7, %z) {comparison_direction = 0, compare_type = 1} : tensor<i1> %h = select(%g, %z, %7) : "
      "tensor<f32> "
      "%i = compare(%7, %7) {comparison_direction = 1, compare_type = 1} : tensor<i1> %j = select(%i, %n, %h) : "
      "tensor<f32> "
      "%k = compare(%f, %j) {comparison_direction = 5, compare_type = 2} : tensor<i1> return(%k)";
  const std::string two =
      "(%0: tensor<40000xf32>, %1: tensor<40000xsi32>) { %3, %4 = sort(%0, %1) {dimension = 0, is_stable = 1} : "
      "tensor<40000xf32>, tensor<40000xsi32> (%6: tensor<f32>, %7: tensor<f32>, %8: tensor<si32>, %9: tensor<si32>) "
      "{ " +
      compare + " } return(%3, %4) }";
  const std::string one =
      "(%0: tensor<40000xf32>) { %3 = sort(%0) {dimension = 0, is_stable = 1} : tensor<40000xf32> "
      "(%6: tensor<f32>, %7: tensor<f32>) { " +
      compare + " } return(%3) }";
  const target::DeviceProfile profile = HeroProfiles()[1];
  for (const std::string& body : {two, one}) {
    HeroTest test(fusion::GroupKind::kSort, body);
    std::vector<double> values(40000);
    for (double& value : values) {
      const int pick = static_cast<int>(test.random() % 20);
      value = pick == 0 ? std::nan("") : pick == 1 ? -0.0 : pick == 2 ? INFINITY : pick - 10;
    }
    test.SetDoubles(0, values);
    std::vector<int64_t> order(40000);
    for (int i = 0; i < 40000; ++i) order[i] = i;
    if (test.inputs.size() > 1) test.SetInts(1, order);
    const auto lowered = LowerGroup(test.group, {profile});
    ASSERT_TRUE(lowered.ok());
    EXPECT_NE(lowered->dispatches[0].label.find("by keys"), std::string::npos);
    test.ExpectMatches(profile);
  }
}

std::string FirstOf(int64_t kept, const Dims& dims, int dimension, const std::string& dtype, const char* direction) {
  Dims result = dims;
  result[dimension] = kept;
  const auto type = [](const Dims& of, const std::string& element) {
    return TensorType{*DTypeFromName(element), of}.ToString();
  };
  return Format(
      "(%0: {0}, %1: {1}) {{ %2, %3 = sort(%0, %1) {{dimension = {4}, is_stable = 1, limit_indices = [{5}]}} : {2}, "
      "{3} "
      "(%a: tensor<{6}>, %b: tensor<{6}>, %c: tensor<si32>, %d: tensor<si32>) {{ %e = compare(%a, %b) "
      "{{comparison_direction = {7}, compare_type = 1}} : tensor<i1> return(%e) }} return(%2, %3) }}",
      type(dims, dtype), type(dims, "si32"), type(result, dtype), type(result, "si32"), dimension, kept, dtype,
      direction);
}

// Short rows, one chunk, several chunks, several rounds, too many to choose; equal keys, which keep their order.
TEST(LowerSort, KeepsTheFirstOfEachRow) {
  for (const auto& profile : HeroProfiles()) {
    for (const auto& [kept, extent] :
         {std::pair(3, 20), std::pair(1, 512), std::pair(64, 600), std::pair(100, 1024), std::pair(7, 1025),
          std::pair(100, 4400), std::pair(64, 9000), std::pair(1200, 1500)}) {
      SCOPED_TRACE(Format("{} of {}", kept, extent));
      HeroTest test(fusion::GroupKind::kSort, FirstOf(kept, {2, extent}, 1, "f32", kGreater));
      std::vector<int64_t> order(2 * extent);
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
      test.SetInts(1, order);
      test.ExpectMatches(profile);
      test.SetUniform(0, -1e9, 1e9);
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerSort, KeepsTheFirstWhateverTheKeysAre) {
  for (const auto& profile : HeroProfiles()) {
    for (const char* dtype : {"f16", "bf16", "si8", "ui8", "si16", "ui32", "si32", "f64", "si64", "i1"}) {
      SCOPED_TRACE(dtype);
      for (const char* direction : {kLess, kGreater}) {
        HeroTest test(fusion::GroupKind::kSort, FirstOf(33, {2, 700, 2}, 1, dtype, direction));
        test.ExpectMatches(profile);
      }
    }
    HeroTest largest(fusion::GroupKind::kSort, FirstOf(9, {1, 5000}, 1, "ui32", kLess));
    std::vector<int64_t> values(5000, 0xffffffff);
    for (int i = 4990; i < 4997; ++i) values[i] = i % 2 == 0 ? 0xfffffffe : 0;
    largest.SetInts(0, values);
    largest.ExpectMatches(profile);
  }
}

// NaNs and zeros of both signs, as the comparator orders them.
TEST(LowerSort, KeepsTheFirstInTotalOrder) {
  for (const auto& profile : HeroProfiles()) {
    std::string body = FirstOf(80, {2, 900}, 1, "f32", kGreater);
    body.replace(body.find("compare_type = 1"), 16, "compare_type = 2");
    HeroTest test(fusion::GroupKind::kSort, body);
    std::vector<double> values(1800);
    for (double& value : values) {
      const int pick = static_cast<int>(test.random() % 20);
      value = pick == 0 ? std::nan("") : pick == 1 ? -0.0 : pick == 2 ? INFINITY : pick - 10;
    }
    test.SetDoubles(0, values);
    const auto lowered = LowerGroup(test.group, {profile});
    ASSERT_TRUE(lowered.ok());
    EXPECT_NE(lowered->dispatches[0].label.find("by keys"), std::string::npos);
    test.ExpectMatches(profile);
  }
}

TEST(LowerSort, KeepsTheFirstOfOneLongRow) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  for (const int kept : {5, 1000, 2000}) {  // in two rounds, in several, and by sorting all
    HeroTest test(fusion::GroupKind::kSort, FirstOf(kept, {40000}, 0, "si32", kGreater));
    test.ExpectMatches(profile);
  }
}

}  // namespace
}  // namespace dragoman::kernel
