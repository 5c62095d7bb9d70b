// SPDX-License-Identifier: Apache-2.0
#include "passes/carry_random_state.h"

#include <cmath>
#include <set>

#include "base/format.h"
#include "passes/decompose.h"
#include "passes/inline_calls.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// What main, which takes nothing, gives with that seed.
std::vector<ir::Literal> Draw(std::string_view text, int64_t seed) {
  auto module = ParseForTest(text);
  const target::DeviceProfile profile;
  for (const auto pass : {CarryRandomState, Decompose, InlineCalls}) {
    const auto result = pass(*module, {profile});
    EXPECT_TRUE(result.ok()) << result.status().message();
    const Status verified = ir::Verify(*module);
    EXPECT_TRUE(verified.ok()) << verified.message();
  }
  EXPECT_TRUE(module->main()->parameters.back().is_random_seed);
  const ir::Literal state = reference::LiteralFromInts({DType::kU64, {2}}, std::vector<int64_t>{seed, 0});
  const std::vector<ir::Literal> inputs = {state};
  auto results = reference::Evaluate(*module, "main", inputs);
  EXPECT_TRUE(results.ok()) << results.status().message();
  return results.ok() ? *std::move(results) : std::vector<ir::Literal>();
}

struct Moments {
  double mean, variance, smallest, largest;
};
Moments MomentsOf(const ir::Literal& literal) {
  const auto n = static_cast<double>(literal.type().num_elements());
  Moments moments{0, 0, INFINITY, -INFINITY};
  for (int64_t i = 0; i < literal.type().num_elements(); ++i) {
    const double x = reference::ElementAsDouble(literal, i);
    moments.mean += x / n;
    moments.variance += x * x / n;
    moments.smallest = std::min(moments.smallest, x);
    moments.largest = std::max(moments.largest, x);
  }
  moments.variance -= moments.mean * moments.mean;
  return moments;
}

constexpr std::string_view kFloats = R"(module @m
func public @main() {
  %a = constant() {value = dense<[-1]>} : tensor<f32>
  %b = constant() {value = dense<[3]>} : tensor<f32>
  %n = constant() {value = dense<[4096]>} : tensor<1xsi64>
  %u = rng(%a, %b, %n) {rng_distribution = 1} : tensor<4096xf32>
  %v = rng(%a, %b, %n) {rng_distribution = 2} : tensor<4096xf32>
  return(%u, %v)
})";

TEST(CarryRandomState, DrawsOfBothDistributions) {
  const auto results = Draw(kFloats, 5);
  ASSERT_EQ(results.size(), 2u);
  const Moments uniform = MomentsOf(results[0]), normal = MomentsOf(results[1]);
  EXPECT_GE(uniform.smallest, -1);
  EXPECT_LT(uniform.largest, 3);
  EXPECT_NEAR(uniform.mean, 1, 0.1);
  EXPECT_NEAR(uniform.variance, 16.0 / 12, 0.1);
  EXPECT_NEAR(normal.mean, -1, 0.2);
  EXPECT_NEAR(normal.variance, 9, 0.9);
}

TEST(CarryRandomState, GivesEqualNumbersForEqualSeedsAlone) {
  const auto first = Draw(kFloats, 5), second = Draw(kFloats, 5), other = Draw(kFloats, 6);
  EXPECT_EQ(first[0], second[0]);
  EXPECT_FALSE(first[0] == other[0]);
}

TEST(CarryRandomState, DrawsIntegersOfEveryWidth) {
  for (const char* type : {"si8", "ui8", "si16", "ui32", "si32", "si64", "ui64"}) {
    const auto results = Draw(Format(R"(module @m
func public @main() {{
  %a = constant() {{value = dense<[3]>}} : tensor<{0}>
  %b = constant() {{value = dense<[9]>}} : tensor<{0}>
  %n = constant() {{value = dense<[10, 10]>}} : tensor<2xsi64>
  %u = rng(%a, %b, %n) {{rng_distribution = 1}} : tensor<10x10x{0}>
  return(%u)
}})",
                                     type),
                              1);
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 100; ++i) seen.insert(reference::ElementAsInt(results[0], i));
    EXPECT_EQ(seen, (std::set<int64_t>{3, 4, 5, 6, 7, 8})) << type;
  }
}

// Each iteration, each call and what comes after the loop draws anew.
TEST(CarryRandomState, IsCarriedThroughLoopsBranchesAndCalls) {
  const auto results = Draw(R"(module @m
func @draw() {
  %a = constant() {value = dense<[0]>} : tensor<f32>
  %b = constant() {value = dense<[1]>} : tensor<f32>
  %n = constant() {value = dense<[]>} : tensor<0xsi64>
  %u = rng(%a, %b, %n) {rng_distribution = 1} : tensor<f32>
  return(%u)
}
func public @main() {
  %zero = constant() {value = dense<[0]>} : tensor<si32>
  %one = constant() {value = dense<[1]>} : tensor<si32>
  %three = constant() {value = dense<[3]>} : tensor<si32>
  %none = constant() {value = dense<[0]>} : tensor<3xf32>
  %i, %all = while(%zero, %none) : tensor<si32>, tensor<3xf32> (%j: tensor<si32>, %x: tensor<3xf32>) {
    %p = compare(%j, %three) {comparison_direction = 5, compare_type = 3} : tensor<i1>
    return(%p)
  } (%jj: tensor<si32>, %xx: tensor<3xf32>) {
    %c = case(%zero) : tensor<f32> () {
      %d = call() {callee = "draw"} : tensor<f32>
      return(%d)
    }
    %e = reshape(%c) : tensor<1xf32>
    %y = dynamic_update_slice(%xx, %e, %jj) : tensor<3xf32>
    %k = add(%jj, %one) : tensor<si32>
    return(%k, %y)
  }
  %f = call() {callee = "draw"} : tensor<f32>
  %g = call() {callee = "draw"} : tensor<f32>
  return(%all, %f, %g)
})",
                            3);
  ASSERT_EQ(results.size(), 3u);
  std::set<double> seen;
  for (int64_t i = 0; i < 3; ++i) seen.insert(reference::ElementAsDouble(results[0], i));
  seen.insert(reference::ElementAsDouble(results[1], 0));
  seen.insert(reference::ElementAsDouble(results[2], 0));
  EXPECT_EQ(seen.size(), 5u);
}

TEST(CarryRandomState, RefusesADrawInAReductionByName) {
  auto module = ParseForTest(R"(module @m
func public @main(%x: tensor<4xf32>, %a: tensor<f32>) {
  %r = reduce(%x, %a) {dimensions = [0]} : tensor<f32> (%p: tensor<f32>, %q: tensor<f32>) {
    %n = constant() {value = dense<[]>} : tensor<0xsi64>
    %u = rng(%p, %q, %n) {rng_distribution = 1} : tensor<f32>
    return(%u)
  }
  return(%r)
})");
  const target::DeviceProfile profile;
  const auto result = CarryRandomState(*module, {profile});
  EXPECT_EQ(result.status().code(), StatusCode::kUnimplemented);
  EXPECT_NE(result.status().message().find("rng is not supported inside of reduce"), std::string::npos);
}

}  // namespace
}  // namespace dragoman::passes
