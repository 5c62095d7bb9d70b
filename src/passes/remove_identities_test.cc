// SPDX-License-Identifier: Apache-2.0
#include "passes/remove_identities.h"

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(RemoveIdentities, EveryKindGivesBackItsOperand) {
  EXPECT_EQ(RunForTest(RemoveIdentities, R"(module @m
func public @main(%x: tensor<2x1xf32>, %v: tensor<f32>, %i: tensor<si32>) {
  %a = convert(%x) : tensor<2x1xf32>
  %b = reshape(%a) : tensor<2x1xf32>
  %c = transpose(%b) {permutation = [0, 1]} : tensor<2x1xf32>
  %d = broadcast_in_dim(%c) {broadcast_dimensions = [0, 1]} : tensor<2x1xf32>
  %e = slice(%d) {start_indices = [0, 0], limit_indices = [2, 1], strides = [1, 1]} : tensor<2x1xf32>
  %f = pad(%e, %v) {edge_padding_low = [0, 0], edge_padding_high = [0, 0], interior_padding = [0, 3]} : tensor<2x1xf32>
  %g = concatenate(%f) {dimension = 0} : tensor<2x1xf32>
  %h = reverse(%g) {dimensions = [1]} : tensor<2x1xf32>
  %j = dynamic_slice(%h, %i, %i) {slice_sizes = [2, 1]} : tensor<2x1xf32>
  %k = dynamic_update_slice(%x, %j, %i, %i) : tensor<2x1xf32>
  %l = custom_call(%k) {call_target_name = "Sharding", backend_config = "", has_side_effect = 0} : tensor<2x1xf32>
  %m, %n = optimization_barrier(%l, %v) : tensor<2x1xf32>, tensor<f32>
  return(%m, %n)
})"),
            R"(module @m

func public @main(%0: tensor<2x1xf32>, %1: tensor<f32>, %2: tensor<si32>) {
  return(%0, %1)
}
)");
}

TEST(RemoveIdentities, WhatMovesElementsStays) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<2x2xf32>, %1: tensor<f32>) {
  %2 = transpose(%0) {permutation = [1, 0]} : tensor<2x2xf32>
  %3 = reverse(%2) {dimensions = [0]} : tensor<2x2xf32>
  %4 = broadcast_in_dim(%3) {broadcast_dimensions = [1, 0]} : tensor<2x2xf32>
  %5 = pad(%4, %1) {edge_padding_low = [1, 0], edge_padding_high = [-1, 0], interior_padding = [0, 0]} : tensor<2x2xf32>
  %6 = custom_call(%5) {call_target_name = "Unknown", backend_config = "", has_side_effect = 0} : tensor<2x2xf32>
  return(%6)
}
)";
  EXPECT_EQ(RunForTest(RemoveIdentities, text), text);
}

}  // namespace
}  // namespace dragoman::passes
