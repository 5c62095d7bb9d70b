// SPDX-License-Identifier: Apache-2.0
#include "ir/access.h"

#include <gtest/gtest.h>

namespace dragoman::ir {
namespace {

// Of the op before the return, about its first operand.
bool Keeps(const std::string& body) {
  const auto module = Parse("module @m func public @main" + body);
  EXPECT_TRUE(module.ok()) << module.status().message();
  if (!module.ok()) return false;
  const Block& block = (*module)->main()->body;
  const Op& op = *block.ops[block.ops.size() - 2];
  return KeepsLinearIndex(op, op.operands[0]);
}

TEST(KeepsLinearIndex, IsTrueOfWhatOnlyChangesValuesShapesAndTypes) {
  EXPECT_TRUE(Keeps("(%x: tensor<2x3xf32>) { %y = negate(%x) : tensor<2x3xf32> return(%y) }"));
  EXPECT_TRUE(Keeps("(%x: tensor<2x3xf32>) { %y = reshape(%x) : tensor<6xf32> return(%y) }"));
  EXPECT_TRUE(Keeps("(%x: tensor<2x3xf32>) { %y = bitcast_convert(%x) : tensor<2x3xsi32> return(%y) }"));
  EXPECT_TRUE(
      Keeps("(%x: tensor<2x1x3xf32>) { %y = broadcast_in_dim(%x) {broadcast_dimensions = [1, 0, 3]} : "
            "tensor<1x2x1x3xf32> return(%y) }"));
}

TEST(KeepsLinearIndex, IsFalseOfWhatMovesElements) {
  EXPECT_FALSE(
      Keeps("(%x: tensor<3x3xf32>) { %y = broadcast_in_dim(%x) {broadcast_dimensions = [1, 0]} : "
            "tensor<3x3xf32> return(%y) }"));
  EXPECT_FALSE(
      Keeps("(%x: tensor<3xf32>) { %y = broadcast_in_dim(%x) {broadcast_dimensions = [1]} : "
            "tensor<3x3xf32> return(%y) }"));
  EXPECT_FALSE(Keeps("(%x: tensor<4xsi8>) { %y = bitcast_convert(%x) : tensor<si32> return(%y) }"));
  EXPECT_FALSE(Keeps("(%x: tensor<3xf32>) { %y = reverse(%x) {dimensions = [0]} : tensor<3xf32> return(%y) }"));
}

}  // namespace
}  // namespace dragoman::ir
