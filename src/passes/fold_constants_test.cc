// SPDX-License-Identifier: Apache-2.0
#include "passes/fold_constants.h"

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(FoldConstants, SmallConstantsAreComputed) {
  const std::string printed = RunForTest(FoldConstants, R"(module @m
func public @main() {
  %a = constant() {value = dense<[1, 2, 3]>} : tensor<3xsi32>
  %b = constant() {value = dense<10>} : tensor<3xsi32>
  %c = add(%a, %b) : tensor<3xsi32>
  %z = constant() {value = dense<0>} : tensor<si32>
  %d = reduce(%c, %z) {dimensions = [0]} : tensor<si32> (%p: tensor<si32>, %q: tensor<si32>) {
    %s = add(%p, %q) : tensor<si32>
    return(%s)
  }
  return(%c, %d)
})");
  EXPECT_NE(printed.find("dense<[11, 12, 13]>"), std::string::npos) << printed;
  EXPECT_NE(printed.find("dense<36>"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("reduce("), std::string::npos) << printed;
}

TEST(FoldConstants, HugeSplatsStaySplats) {
  const std::string printed = RunForTest(FoldConstants, R"(module @m
func public @main() {
  %a = constant() {value = dense<4>} : tensor<1000x1000x1000xf32>
  %b = sqrt(%a) : tensor<1000x1000x1000xf32>
  %c = convert(%b) : tensor<1000x1000x1000xbf16>
  return(%c)
})");
  EXPECT_NE(printed.find("dense<2>} : tensor<1000x1000x1000xbf16>"), std::string::npos) << printed;
}

TEST(FoldConstants, NothingGrowsIntoALargeConstant) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = constant() {value = dense<[1, 2]>} : tensor<2xf32>
  %2 = broadcast_in_dim(%1) {broadcast_dimensions = [0]} : tensor<2x500xf32>
  %3 = iota() {iota_dimension = 0} : tensor<4xf32>
  %4 = negate(%3) : tensor<4xf32>
  return(%2, %4)
}
)";
  EXPECT_EQ(RunForTest(FoldConstants, text), text);
}

TEST(FoldConstants, RegionsThatCaptureValuesAreLeftAlone) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = constant() {value = dense<[1, 2]>} : tensor<2xf32>
  %2 = constant() {value = dense<0>} : tensor<f32>
  %3 = reduce(%1, %2) {dimensions = [0]} : tensor<f32> (%4: tensor<f32>, %5: tensor<f32>) {
    %6 = add(%4, %0) : tensor<f32>
    return(%6)
  }
  return(%3)
}
)";
  EXPECT_EQ(RunForTest(FoldConstants, text), text);
}

}  // namespace
}  // namespace dragoman::passes
