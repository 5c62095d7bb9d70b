// SPDX-License-Identifier: Apache-2.0
#include "passes/eliminate_common_subexpressions.h"

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(EliminateCommonSubexpressions, MergesEqualOpsWithEqualRegionsAndSeesOuterOnes) {
  EXPECT_EQ(RunForTest(EliminateCommonSubexpressions, R"(module @m
func public @main(%x: tensor<4xf32>, %i: tensor<si32>) {
  %z = constant() {value = dense<0>} : tensor<f32>
  %z2 = constant() {value = dense<0>} : tensor<f32>
  %a = reduce(%x, %z) {dimensions = [0]} : tensor<f32> (%p: tensor<f32>, %q: tensor<f32>) {
    %r = add(%p, %q) : tensor<f32>
    return(%r)
  }
  %b = reduce(%x, %z2) {dimensions = [0]} : tensor<f32> (%p2: tensor<f32>, %q2: tensor<f32>) {
    %r2 = add(%p2, %q2) : tensor<f32>
    return(%r2)
  }
  %c = case(%i) : tensor<f32> () {
    %n = negate(%a) : tensor<f32>
    return(%n)
  } () {
    %n2 = negate(%b) : tensor<f32>
    %z3 = constant() {value = dense<0>} : tensor<f32>
    %s = add(%n2, %z3) : tensor<f32>
    return(%s)
  }
  return(%c)
})"),
            R"(module @m

func public @main(%0: tensor<4xf32>, %1: tensor<si32>) {
  %2 = constant() {value = dense<0>} : tensor<f32>
  %3 = reduce(%0, %2) {dimensions = [0]} : tensor<f32> (%4: tensor<f32>, %5: tensor<f32>) {
    %6 = add(%4, %5) : tensor<f32>
    return(%6)
  }
  %7 = case(%1) : tensor<f32> () {
    %8 = negate(%3) : tensor<f32>
    return(%8)
  } () {
    %9 = negate(%3) : tensor<f32>
    %10 = add(%9, %2) : tensor<f32>
    return(%10)
  }
  return(%7)
}
)");
}

TEST(EliminateCommonSubexpressions, TellsApartWhatDiffers) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<2x2xf32>, %1: tensor<f32>, %2: tensor<2xsi64>) {
  %3 = constant() {value = dense<0>} : tensor<f32>
  %4 = constant() {value = dense<-0>} : tensor<f32>
  %5 = transpose(%0) {permutation = [1, 0]} : tensor<2x2xf32>
  %6 = transpose(%0) {permutation = [0, 1]} : tensor<2x2xf32>
  %7 = convert(%0) : tensor<2x2xf16>
  %8 = convert(%0) : tensor<2x2xbf16>
  %9 = reduce(%0, %3) {dimensions = [0]} : tensor<2xf32> (%10: tensor<f32>, %11: tensor<f32>) {
    %12 = subtract(%10, %11) : tensor<f32>
    return(%12)
  }
  %13 = reduce(%0, %3) {dimensions = [0]} : tensor<2xf32> (%14: tensor<f32>, %15: tensor<f32>) {
    %16 = subtract(%15, %14) : tensor<f32>
    return(%16)
  }
  %17 = rng(%1, %1, %2) {rng_distribution = 0} : tensor<2x2xf32>
  %18 = rng(%1, %1, %2) {rng_distribution = 0} : tensor<2x2xf32>
  return(%3, %4, %5, %6, %7, %8, %9, %13, %17, %18)
}
)";
  EXPECT_EQ(RunForTest(EliminateCommonSubexpressions, text), text);
}

}  // namespace
}  // namespace dragoman::passes
