// SPDX-License-Identifier: Apache-2.0
#include "compiler/lowered_groups.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ir/ir.h"

namespace dragoman::compiler {
namespace {

// The groups of a function's block, planned and lowered; each result of the block becomes a group.
class LoweredGroupsTest : public testing::Test {
 protected:
  void Plan(const std::string& body) {
    auto parsed = ir::Parse("module @test\nfunc public @main" + body);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    module_ = *std::move(parsed);
    auto plan = fusion::PlanBlock(module_->main()->body, context_);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    plan_ = *std::move(plan);
    for (const fusion::Group& group : plan_.groups) {
      auto lowered = groups_.Lower(group);
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      lowered_.push_back(*std::move(lowered));
    }
  }

  bool Share(size_t a, size_t b) const {
    return lowered_[a].launches.at(0).kernel == lowered_[b].launches.at(0).kernel;
  }

  target::DeviceProfile profile_;
  target::CompileContext context_{profile_};
  LoweredGroups groups_{context_};
  std::unique_ptr<ir::Module> module_;
  fusion::Plan plan_;
  std::vector<Lowered> lowered_;
};

TEST_F(LoweredGroupsTest, EqualGroupsShareKernelsOverTheirOwnValues) {
  Plan(R"((%x: tensor<8x16xf32>, %y: tensor<16x8xf32>, %z: tensor<8x16xf32>, %w: tensor<16x8xf32>) {
  %a = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<8x8xf32>
  %b = dot_general(%z, %w) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<8x8xf32>
  return(%a, %b)
})");
  ASSERT_EQ(lowered_.size(), 2u);
  EXPECT_TRUE(Share(0, 1));
  for (size_t i = 0; i < 2; ++i) {
    const fusion::Group& group = plan_.groups[i];
    for (const kernel::Argument& argument : lowered_[i].launches[0].arguments) {
      const bool is_own =
          argument.value == group.inputs[0] || argument.value == group.inputs[1] || argument.value == group.outputs[0];
      EXPECT_TRUE(is_own);
    }
    EXPECT_EQ(lowered_[i].launches[0].arguments.size(), 3u);
  }
}

TEST_F(LoweredGroupsTest, OneValueReadTwiceIsNotTwoValues) {
  Plan(R"((%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) {
  %a = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<8x8xf32>
  %b = dot_general(%y, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<8x8xf32>
  return(%a, %b)
})");
  ASSERT_EQ(lowered_.size(), 2u);
  EXPECT_FALSE(Share(0, 1));
}

// A constant start is part of the kernel, another value is not, nor is another constant.
TEST_F(LoweredGroupsTest, ConstantInputsAreTheKernelsOwn) {
  Plan(
      R"((%x: tensor<8xf32>, %y: tensor<8xf32>, %z: tensor<8xf32>, %w: tensor<8xf32>, %u: tensor<2xf32>, %i: tensor<si32>) {
  %one = constant() {value = dense<1>} : tensor<si32>
  %three = constant() {value = dense<3>} : tensor<si32>
  %a = dynamic_update_slice(%x, %u, %one) : tensor<8xf32>
  %b = dynamic_update_slice(%y, %u, %i) : tensor<8xf32>
  %c = dynamic_update_slice(%z, %u, %three) : tensor<8xf32>
  %d = dynamic_update_slice(%w, %u, %one) : tensor<8xf32>
  return(%a, %b, %c, %d)
})");
  ASSERT_EQ(lowered_.size(), 4u);
  EXPECT_FALSE(Share(0, 1));
  EXPECT_FALSE(Share(0, 2));
  EXPECT_TRUE(Share(0, 3));
}

// "%name = reduce(...)" over `dimension`; names inside the region are its own.
std::string Reduce(const std::string& name, const std::string& of, const std::string& type, const std::string& by,
                   int dimension) {
  return "  %" + name + " = reduce(" + of + ") {dimensions = [" + std::to_string(dimension) + "]} : tensor<" + type +
         "> (%" + name + "p: tensor<f32>, %" + name + "q: tensor<f32>) {\n    %" + name + "s = " + by + "(%" + name +
         "p, %" + name + "q) : tensor<f32>\n    return(%" + name + "s)\n  }\n";
}

// Each reduce differs from the first in one thing.
TEST_F(LoweredGroupsTest, WhatDiffersSharesNothing) {
  Plan(R"((%x: tensor<8x8xf32>, %k: tensor<8x8xbf16>, %l: tensor<4x8xf32>) {
  %zero = constant() {value = dense<0.0>} : tensor<f32>
  %one = constant() {value = dense<1.0>} : tensor<f32>
  %w = convert(%k) : tensor<8x8xf32>
)" + Reduce("a", "%x, %zero", "8xf32", "add", 1) +
       Reduce("b", "%x, %zero", "8xf32", "add", 0) + Reduce("c", "%x, %zero", "8xf32", "maximum", 1) +
       Reduce("d", "%x, %one", "8xf32", "add", 1) + Reduce("e", "%l, %zero", "4xf32", "add", 1) +
       Reduce("f", "%w, %zero", "8xf32", "add", 1) + "  return(%a, %b, %c, %d, %e, %f)\n}");
  ASSERT_GE(lowered_.size(), 3u);
  for (size_t i = 0; i < lowered_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(Share(i, j)) << plan_.ToString();
  }
}

}  // namespace
}  // namespace dragoman::compiler
