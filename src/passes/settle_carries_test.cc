// SPDX-License-Identifier: Apache-2.0
#include "passes/settle_carries.h"

#include <vector>

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// Sums of what is carried: of %given in the first iteration, of %then in the others.
std::string Program(const char* condition, const char* next) {
  return std::string(R"(module @m
func public @main(%given: tensor<2xf32>, %then: tensor<2xf32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %limit = constant() {value = dense<5>} : tensor<si32>
  %step = constant() {value = dense<1>} : tensor<si32>
  %sum = constant() {value = dense<0>} : tensor<2xf32>
  %r, %s, %t = while(%zero, %sum, %given) {trip_count = 5} : tensor<si32>, tensor<2xf32>, tensor<2xf32> (%c: tensor<si32>, %cs: tensor<2xf32>, %ct: tensor<2xf32>) {
    %go = compare(%c, %limit) {comparison_direction = 5, compare_type = 0} : tensor<i1>
)") + condition +
         R"(
    return(%go)
  } (%i: tensor<si32>, %a: tensor<2xf32>, %v: tensor<2xf32>) {
    %n = add(%i, %step) : tensor<si32>
    %b = add(%a, %v) : tensor<2xf32>
    %w = add(%v, %v) : tensor<2xf32>
    return(%n, %b, )" +
         next + R"()
  }
  return(%s, %t)
})";
}

TEST(SettleCarries, TheBodyChoosesByTheCounter) {
  const std::string text = Program("", "%then");
  const std::string printed = RunForTest(SettleCarries, text);
  EXPECT_NE(printed.find("select("), std::string::npos) << printed;
  auto module = ParseForTest(text);
  ASSERT_TRUE(SettleCarries(*module, {target::DeviceProfile()}).ok());
  const std::vector<ir::Literal> arguments = {
      reference::LiteralFromDoubles({DType::kF32, {2}}, std::vector<double>{1, 10}),
      reference::LiteralFromDoubles({DType::kF32, {2}}, std::vector<double>{2, 20})};
  const auto results = reference::Evaluate(*module, "main", arguments);
  ASSERT_TRUE(results.ok()) << results.status().message();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reference::ElementAsDouble((*results)[0], i), i == 0 ? 9 : 90);
    EXPECT_EQ(reference::ElementAsDouble((*results)[1], i), i == 0 ? 2 : 20);
  }
}

TEST(SettleCarries, WhatChangesOrEndsTheLoopIsCarriedOn) {
  const std::string decides = R"(
    %small = constant() {value = dense<0>} : tensor<2xf32>
    %any = compare(%ct, %small) {comparison_direction = 3, compare_type = 1} : tensor<2xi1>)";
  for (const std::string& text : {Program("", "%w"), Program("", "%v"), Program(decides.c_str(), "%then")}) {
    EXPECT_EQ(RunForTest(SettleCarries, text).find("select("), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace dragoman::passes
