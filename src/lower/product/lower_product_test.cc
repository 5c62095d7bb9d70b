// SPDX-License-Identifier: Apache-2.0
// Products with what comes before and after them in their group.
#include "lower/product/lower_product.h"

#include <gtest/gtest.h>

#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

// Through split, tiled and direct kernels, and what the profiles choose.
void ExpectMatches(ProductGroup group) {
  if (group.module == nullptr) return;
  group.Evaluate();
  ASSERT_FALSE(group.expected.empty());
  ProductConfig split = TileTestConfig(8, 8, 4, 2, 4);
  split.splits = 2;
  const ProductConfig direct = DirectTestConfig(2, 4, ProductAxis::kM, ProductAxis::kN);
  std::vector<StatusOr<LoweredGroup>> all;
  for (const ProductConfig& config : {split, TileTestConfig(16, 16, 8, 8, 8), direct}) {
    all.push_back(group.LowerWith(config));
  }
  for (const target::DeviceProfile& profile : TestProfiles()) all.push_back(LowerGroup(group.group, {profile}));
  for (const auto& lowered : all) group.ExpectRight(lowered, 1e-5);
}

constexpr std::string_view kDot =
    "{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], "
    "rhs_contracting_dimensions = [0], precision = 0}";
constexpr std::string_view kSame3x3 =
    "window_strides = [1, 1], padding = [1, 1, 1, 1], lhs_dilation = [1, 1], rhs_dilation = [1, 1], window_reversal = "
    "[0, 0], input_batch_dimension = 0, input_feature_dimension = 3, input_spatial_dimensions = [1, 2], "
    "output_batch_dimension = 0, output_feature_dimension = 3, output_spatial_dimensions = [1, 2], "
    "kernel_spatial_dimensions = [0, 1], feature_group_count = 1, batch_group_count = 1, precision = 0, ";

TEST(LowerProduct, AddsBiasAndClampsInTheEpilogue) {
  ExpectMatches(
      ProductGroup(Format("(%0: tensor<12x20xf32>, %1: tensor<20x16xf32>, %2: tensor<16xf32>) {{"
                          "%3 = dot_general(%0, %1) {} : tensor<12x16xf32>"
                          "%4 = broadcast_in_dim(%2) {{broadcast_dimensions = [1]}} : tensor<12x16xf32>"
                          "%5 = add(%3, %4) : tensor<12x16xf32>"
                          "%6 = constant() {{value = dense<0.0>}} : tensor<12x16xf32>"
                          "%7 = maximum(%5, %6) : tensor<12x16xf32>"
                          "return(%7) }}",
                          kDot)));
}

TEST(LowerProduct, WritesSeveralOutputs) {
  ExpectMatches(
      ProductGroup(Format("(%0: tensor<7x9xf32>, %1: tensor<9x5xf32>, %2: tensor<7x5xf32>) {{"
                          "%3 = dot_general(%0, %1) {} : tensor<7x5xf32>"
                          "%4 = multiply(%3, %2) : tensor<7x5xf32>"
                          "%5 = reshape(%4) : tensor<35xf32>"
                          "%6 = convert(%4) : tensor<7x5xbf16>"
                          "return(%3, %4, %5, %6) }}",
                          kDot)));
}

TEST(LowerProduct, ReadsAFlippedAndTransposedKernelWhereItIs) {
  ExpectMatches(
      ProductGroup(Format("(%0: tensor<2x5x6x8xf32>, %1: tensor<3x3x4x8xf32>) {{"
                          "%2 = reverse(%1) {{dimensions = [0, 1]}} : tensor<3x3x4x8xf32>"
                          "%3 = transpose(%2) {{permutation = [0, 1, 3, 2]}} : tensor<3x3x8x4xf32>"
                          "%4 = convolution(%0, %3) {{{} kernel_input_feature_dimension = 2, "
                          "kernel_output_feature_dimension = 3}} : tensor<2x5x6x4xf32>"
                          "return(%4) }}",
                          kSame3x3)));
}

TEST(LowerProduct, FusesAroundAConvolution) {
  ExpectMatches(
      ProductGroup(Format("(%0: tensor<2x5x6x4xbf16>, %1: tensor<3x3x4x8xf32>, %2: tensor<8xf32>) {{"
                          "%3 = convert(%0) : tensor<2x5x6x4xf32>"
                          "%4 = convolution(%3, %1) {{{} kernel_input_feature_dimension = 2, "
                          "kernel_output_feature_dimension = 3}} : tensor<2x5x6x8xf32>"
                          "%5 = broadcast_in_dim(%2) {{broadcast_dimensions = [3]}} : tensor<2x5x6x8xf32>"
                          "%6 = subtract(%4, %5) : tensor<2x5x6x8xf32>"
                          "%7 = tanh(%6) : tensor<2x5x6x8xf32>"
                          "return(%7, %4) }}",
                          kSame3x3)));
}

TEST(LowerProduct, AddressesTensorsOf4GiBAndMore) {
  const ProductGroup test(
      Format("(%0: tensor<80000x20000xf32>, %1: tensor<20000x32000xf32>, %2: tensor<32000xf32>) {{"
             "%3 = dot_general(%0, %1) {} : tensor<80000x32000xf32>"
             "%4 = broadcast_in_dim(%2) {{broadcast_dimensions = [1]}} : tensor<80000x32000xf32>"
             "%5 = add(%3, %4) : tensor<80000x32000xf32>"
             "return(%3, %5) }}",
             kDot));
  for (const target::DeviceProfile& profile : TestProfiles()) {
    const auto lowered = LowerGroup(test.group, {profile});
    ASSERT_TRUE(lowered.ok()) << lowered.status().message();
    for (const Dispatch& dispatch : lowered->dispatches) {
      const Status verified = Verify(dispatch.kernel);
      EXPECT_TRUE(verified.ok()) << verified.message();
      EXPECT_NE(Print(dispatch.kernel).find("i64"), std::string::npos);
    }
  }
}

TEST(LowerProduct, RefusesAnEpilogueThatMovesElements) {
  const ProductGroup test(
      Format("(%0: tensor<4x6xf32>, %1: tensor<6x4xf32>) {{"
             "%2 = dot_general(%0, %1) {} : tensor<4x4xf32>"
             "%3 = transpose(%2) {{permutation = [1, 0]}} : tensor<4x4xf32>"
             "return(%3) }}",
             kDot));
  const auto lowered = LowerGroup(test.group, {VectorProfile()});
  EXPECT_EQ(lowered.status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace dragoman::kernel
