// SPDX-License-Identifier: Apache-2.0
#include "passes/simplify_contractions.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(SimplifyContractions, ReversedKernelsAndPaddedInputsAreAttributes) {
  constexpr std::string_view kText = R"(module @m
func public @main(%x: tensor<2x5x4x3xf32>, %k: tensor<3x2x4x3xf32>) {
  %zero = constant() {value = dense<0>} : tensor<f32>
  %r = reverse(%k) {dimensions = [0, 1]} : tensor<3x2x4x3xf32>
  %p = pad(%x, %zero) {edge_padding_low = [0, 1, -1, 0], edge_padding_high = [0, 2, 0, 0],
    interior_padding = [0, 1, 0, 0]} : tensor<2x12x3x3xf32>
  %c = convolution(%p, %r) {window_strides = [1, 2], padding = [1, -1, 0, 2], lhs_dilation = [1, 2],
    rhs_dilation = [2, 1], window_reversal = [0, 1], input_batch_dimension = 0, input_feature_dimension = 3,
    input_spatial_dimensions = [1, 2], kernel_input_feature_dimension = 3, kernel_output_feature_dimension = 2,
    kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0, output_feature_dimension = 3,
    output_spatial_dimensions = [1, 2], feature_group_count = 1, batch_group_count = 1, precision = 0} :
    tensor<2x8x3x4xf32>
  return(%c)
})";
  ExpectSameMeaning(SimplifyContractions, kText, 1e-5);
  const std::string printed = RunForTest(SimplifyContractions, kText);
  EXPECT_NE(printed.find("window_reversal = [1, 0]"), std::string::npos) << printed;
  EXPECT_NE(printed.find("convolution(%0, %1)"), std::string::npos) << printed;
}

constexpr std::string_view kDilated = R"(module @m
func public @main(%x: tensor<2x5x4x3x6xf32>, %k: tensor<1x2x1x6x3xf32>) {{
  %c = convolution(%x, %k) {{window_strides = [{}, 1, 2], padding = [-1, 2, 1, 1, 0, 1], lhs_dilation = [3, 2, 2],
    rhs_dilation = [1, 1, 1], window_reversal = [1, 0, 0], input_batch_dimension = 0, input_feature_dimension = 4,
    input_spatial_dimensions = [1, 2, 3], kernel_input_feature_dimension = 3, kernel_output_feature_dimension = 4,
    kernel_spatial_dimensions = [0, 1, 2], output_batch_dimension = 0, output_feature_dimension = 1,
    output_spatial_dimensions = [2, 3, 4], feature_group_count = 1, batch_group_count = 1, precision = 0}} :
    tensor<2x3x{}x8x3xf32>
  return(%c)
}})";

TEST(SimplifyContractions, HolesOfInputsUnderOneTapAreHolesOfTheResult) {
  const std::string text = Format(kDilated, 1, 14);
  ExpectSameMeaning(SimplifyContractions, text, 1e-5);
  const std::string printed = RunForTest(SimplifyContractions, text);
  // A window of two taps, and one with a stride, keep theirs.
  EXPECT_NE(printed.find("lhs_dilation = [1, 2, 2]"), std::string::npos) << printed;
  EXPECT_NE(printed.find("interior_padding = [0, 0, 2, 0, 0]"), std::string::npos) << printed;
  EXPECT_EQ(RunForTest(SimplifyContractions, Format(kDilated, 3, 5)).find("pad("), std::string::npos);
}

std::string Dot(std::string_view lhs_transpose, std::string_view rest) {
  return Format("module @m\nfunc public @main(%x: tensor<2x3x4xf32>, %y: tensor<2x4x5xf32>) {{ {} {} }}", lhs_transpose,
                rest);
}

TEST(SimplifyContractions, TransposesOfDotsAreDimensionNumbers) {
  const std::string text = Dot("%t = transpose(%x) {permutation = [2, 0, 1]} : tensor<4x2x3xf32>", R"(
  %d = dot_general(%t, %y) {lhs_batching_dimensions = [1], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [0],
    rhs_contracting_dimensions = [1], precision = 0} : tensor<2x3x5xf32>
  %r = transpose(%d) {permutation = [0, 2, 1]} : tensor<2x5x3xf32>
  return(%r))");
  ExpectSameMeaning(SimplifyContractions, text, 1e-5);
  const std::string printed = RunForTest(SimplifyContractions, text);
  EXPECT_NE(printed.find("dot_general(%1, %0)"), std::string::npos) << printed;
  EXPECT_NE(printed.find("return(%4)"), std::string::npos) << printed;
}

TEST(SimplifyContractions, ATransposeThatReordersFreeDimensionsStays) {
  const std::string text = Dot("%t = transpose(%x) {permutation = [1, 0, 2]} : tensor<3x2x4xf32>", R"(
  %d = dot_general(%t, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [2],
    rhs_contracting_dimensions = [1], precision = 0} : tensor<3x2x2x5xf32>
  return(%d))");
  EXPECT_NE(RunForTest(SimplifyContractions, text).find("dot_general(%2, %1)"), std::string::npos);
}

TEST(SimplifyContractions, TransposesReachProductsThroughConversionsAndUnitDimensions) {
  const std::string text = R"(module @m
func public @main(%x: tensor<2x3x4x1x6xf32>, %y: tensor<6x3x5xbf16>) {
  %t = transpose(%x) {permutation = [0, 4, 1, 3, 2]} : tensor<2x6x3x1x4xf32>
  %c = convert(%t) : tensor<2x6x3x1x4xbf16>
  %r = reshape(%c) : tensor<2x6x3x4xbf16>
  %d = dot_general(%r, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
    lhs_contracting_dimensions = [1, 2], rhs_contracting_dimensions = [0, 1], precision = 0} : tensor<2x4x5xf32>
  return(%d)
})";
  ExpectSameMeaning(SimplifyContractions, text, 1e-2);
  const std::string printed = RunForTest(SimplifyContractions, text);
  EXPECT_NE(printed.find("convert(%0)"), std::string::npos) << printed;
  EXPECT_NE(printed.find("lhs_contracting_dimensions = [3, 1]"), std::string::npos) << printed;
}

TEST(SimplifyContractions, TransposesMoveWhatIsNarrower) {
  const std::string text = R"(module @m
func public @main(%x: tensor<2x3xbf16>) {
  %t = transpose(%x) {permutation = [1, 0]} : tensor<3x2xbf16>
  %c = convert(%t) : tensor<3x2xf32>
  return(%c)
})";
  EXPECT_NE(RunForTest(SimplifyContractions, text).find("transpose(%0)"), std::string::npos);
}

std::string SumOfDot(std::string_view initial, std::string_view dimensions, std::string_view type) {
  return Format(R"(module @m
func public @main(%x: tensor<2x3x4x5xf32>, %y: tensor<3x2x4x6xf32>) {{
  %zero = constant() {{value = dense<{0}>}} : tensor<f32>
  %d = dot_general(%x, %y) {{lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [1, 0],
    lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [2], precision = 0}} : tensor<2x3x5x6xf32>
  %s = reduce(%d, %zero) {{dimensions = {1}}} : tensor<{2}xf32> (%a: tensor<f32>, %b: tensor<f32>) {{
    %c = add(%a, %b) : tensor<f32>
    return(%c)
  }}
  return(%s)
}})",
                initial, dimensions, type);
}

TEST(SimplifyContractions, SumsOverTheBatchAreContracted) {
  for (const auto& [dimensions, type] :
       {std::pair("[0, 1]", "5x6"), std::pair("[0]", "3x5x6"), std::pair("[1]", "2x5x6")}) {
    const std::string text = SumOfDot("0", dimensions, type);
    ExpectSameMeaning(SimplifyContractions, text, 1e-5);
    const std::string printed = RunForTest(SimplifyContractions, text);
    EXPECT_EQ(printed.find("reduce("), std::string::npos) << printed;
    EXPECT_NE(printed.find(Format("tensor<{}xf32>\n  return(", type)), std::string::npos) << printed;
  }
}

TEST(SimplifyContractions, OtherSumsOfProductsStay) {
  for (const std::string& text : {SumOfDot("1", "[0]", "3x5x6"), SumOfDot("0", "[0, 2]", "3x6")}) {
    EXPECT_NE(RunForTest(SimplifyContractions, text).find("reduce("), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace dragoman::passes
