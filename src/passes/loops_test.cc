// SPDX-License-Identifier: Apache-2.0
// Passes over loops that work hand in hand: carried invariants, hoisting, sinking.
#include "passes/eliminate_dead_code.h"
#include "passes/hoist_loop_invariants.h"
#include "passes/simplify_control_flow.h"
#include "passes/sink_cheap_values.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// The weights %w are carried unchanged, through an inner loop, too; their transpose is made anew in each iteration.
constexpr std::string_view kLoop = R"(module @m
func public @main(%x: tensor<3x3xf32>, %w: tensor<3x3xf32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %one = constant() {value = dense<1>} : tensor<si32>
  %three = constant() {value = dense<3>} : tensor<si32>
  %i, %r, %v = while(%zero, %x, %w) : tensor<si32>, tensor<3x3xf32>, tensor<3x3xf32>
    (%a: tensor<si32>, %b: tensor<3x3xf32>, %c: tensor<3x3xf32>) {
    %go = compare(%a, %three) {comparison_direction = 5, compare_type = 0} : tensor<i1>
    return(%go)
  } (%a2: tensor<si32>, %b2: tensor<3x3xf32>, %c2: tensor<3x3xf32>) {
    %j, %w2 = while(%zero, %c2) : tensor<si32>, tensor<3x3xf32> (%d: tensor<si32>, %e: tensor<3x3xf32>) {
      %go2 = compare(%d, %a2) {comparison_direction = 5, compare_type = 0} : tensor<i1>
      return(%go2)
    } (%d2: tensor<si32>, %e2: tensor<3x3xf32>) {
      %n2 = add(%d2, %one) : tensor<si32>
      return(%n2, %e2)
    }
    %t = transpose(%w2) {permutation = [1, 0]} : tensor<3x3xf32>
    %f = add(%b2, %t) : tensor<3x3xf32>
    %ones = constant() {value = dense<1>} : tensor<3x3xf32>
    %g = add(%f, %ones) : tensor<3x3xf32>
    %n = add(%a2, %one) : tensor<si32>
    return(%n, %g, %w2)
  }
  return(%r, %v)
})";

TEST(SimplifyControlFlow, CarriedInvariantsAreCaptured) {
  ExpectSameMeaning(SimplifyControlFlow, kLoop);
  auto module = ParseForTest(kLoop);
  const target::DeviceProfile profile;
  ASSERT_TRUE(SimplifyControlFlow(*module, {profile}).ok());
  ASSERT_TRUE(EliminateDeadCode(*module, {profile}).ok());
  const std::string printed = ir::Print(*module);
  EXPECT_NE(printed.find("while(%2, %0) : tensor<si32>, tensor<3x3xf32>"), std::string::npos) << printed;
  EXPECT_NE(printed.find(", %1)\n}"), std::string::npos) << printed;
}

TEST(SimplifyControlFlow, ResultsOnWhichAllBranchesAgreeAreThatValue) {
  const std::string printed = RunForTest(SimplifyControlFlow, R"(module @m
func public @main(%x: tensor<f32>, %i: tensor<si32>) {
  %a, %b = case(%i) : tensor<f32>, tensor<f32> () {
    %n = negate(%x) : tensor<f32>
    return(%n, %x)
  } () {
    return(%x, %x)
  }
  return(%a, %b)
})");
  EXPECT_NE(printed.find("  return(%2, %0)\n}"), std::string::npos) << printed;
}

TEST(HoistLoopInvariants, WhatDoesNotDependOnTheLoopLeavesIt) {
  auto module = ParseForTest(kLoop);
  const target::DeviceProfile profile;
  ASSERT_TRUE(SimplifyControlFlow(*module, {profile}).ok());
  ASSERT_TRUE(EliminateDeadCode(*module, {profile}).ok());
  const std::string text = ir::Print(*module);
  ExpectSameMeaning(HoistLoopInvariants, text);
  const std::string printed = RunForTest(HoistLoopInvariants, text);
  EXPECT_LT(printed.find("transpose("), printed.find("while(")) << printed;
  EXPECT_LT(printed.find("dense<1>} : tensor<3x3xf32>"), printed.find("while(")) << printed;
  EXPECT_GT(printed.find("add("), printed.find("while(")) << printed;
}

TEST(SinkCheapValues, BodiesMakeTheirOwnSplatsAndBroadcasts) {
  constexpr std::string_view kText = R"(module @m
func public @main(%x: tensor<4xf32>, %p: tensor<f32>, %i: tensor<si32>) {
  %s = constant() {value = dense<2>} : tensor<4xf32>
  %d = constant() {value = dense<[1, 2, 3, 4]>} : tensor<4xf32>
  %b = broadcast_in_dim(%p) {broadcast_dimensions = []} : tensor<4xf32>
  %r = case(%i) : tensor<4xf32> () {
    %a = multiply(%x, %s) : tensor<4xf32>
    %c = add(%a, %b) : tensor<4xf32>
    %e = add(%c, %d) : tensor<4xf32>
    return(%e)
  } () {
    return(%s)
  }
  return(%r)
})";
  ExpectSameMeaning(SinkCheapValues, kText);
  const std::string printed = RunForTest(SinkCheapValues, kText);
  const std::string inside = printed.substr(printed.find("case("));
  EXPECT_NE(inside.find("dense<2>"), std::string::npos) << printed;
  EXPECT_NE(inside.find("broadcast_in_dim(%1)"), std::string::npos) << printed;
  EXPECT_EQ(inside.find("dense<[1, 2, 3, 4]>"), std::string::npos) << printed;
}

}  // namespace
}  // namespace dragoman::passes
