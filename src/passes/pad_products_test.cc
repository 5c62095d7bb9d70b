// SPDX-License-Identifier: Apache-2.0
#include "passes/pad_products.h"

#include "base/format.h"
#include "passes/names.h"
#include "passes/product_testing.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

bool IsPadded(const std::string& text, const target::DeviceProfile& profile = WithMatrixUnits()) {
  auto module = ParseForTest(text);
  const auto result = PadProducts(*module, {profile});
  EXPECT_TRUE(result.ok() && ir::Verify(*module).ok()) << ir::Print(*module);
  if (!result->changed) return false;
  ir::Walk(module->main()->body, [&](const ir::Op* op) {
    if (op->code != OpCode::kDotGeneral && op->code != OpCode::kConvolution) return;
    for (const Value* operand : op->operands) EXPECT_EQ(operand->type.dims.back() % 4, 0) << ir::Print(*module);
  });
  return true;
}

// A forward convolution of `channels` colours, or the gradient of its kernel.
std::string Convolution(int64_t channels, bool is_gradient, int64_t pixels = 64, int64_t images = 32) {
  const auto attributes = [](std::string_view input, std::string_view kernel, std::string_view output) {
    return Format(
        "{{window_strides = [1, 1], padding = [0, 0, 0, 0], precision = 0, lhs_dilation = [1, 1], rhs_dilation = [1, "
        "1], window_reversal = [0, 0], {}, {}, {}, feature_group_count = 1, batch_group_count = 1}}",
        input, kernel, output);
  };
  if (is_gradient) {
    return Format(
        "module @m func public @main(%a: tensor<{4}x{0}x{0}x{1}xf32>, %b: tensor<{4}x{2}x{2}x64xf32>) {{\n"
        "%c = convolution(%a, %b) {3} : tensor<{1}x7x7x64xf32>\nreturn(%c) }}",
        pixels, channels, pixels - 6,
        attributes("input_batch_dimension = 3, input_feature_dimension = 0, input_spatial_dimensions = [1, 2]",
                   "kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 3, "
                   "kernel_spatial_dimensions = [1, 2]",
                   "output_batch_dimension = 0, output_feature_dimension = 3, output_spatial_dimensions = [1, 2]"),
        images);
  }
  return Format(
      "module @m func public @main(%a: tensor<{4}x{0}x{0}x{1}xf32>, %b: tensor<7x7x{1}x64xf32>) {{\n"
      "%c = convolution(%a, %b) {3} : tensor<{4}x{2}x{2}x64xf32>\nreturn(%c) }}",
      pixels, channels, pixels - 6,
      attributes("input_batch_dimension = 0, input_feature_dimension = 3, input_spatial_dimensions = [1, 2]",
                 "kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3, "
                 "kernel_spatial_dimensions = [0, 1]",
                 "output_batch_dimension = 0, output_feature_dimension = 3, output_spatial_dimensions = [1, 2]"),
      images);
}

TEST(PadProducts, TakesLargeProductsWhoseInnermostDimensionsAreOdd) {
  EXPECT_TRUE(IsPadded(DotProgram(1024, 768, 50257, 0, "bf16")));  // a vocabulary
  EXPECT_TRUE(IsPadded(DotProgram(1024, 767, 1024, 0, "bf16")));
  EXPECT_TRUE(IsPadded(DotProgram(1001, 767, 1001, 0, "f16")));
  EXPECT_TRUE(IsPadded(DotProgram(1024, 767, 1024)));
  EXPECT_FALSE(IsPadded(DotProgram(1024, 768, 1024, 0, "bf16")));
  EXPECT_FALSE(IsPadded(DotProgram(1023, 768, 1024, 0, "bf16")));  // odd, but not innermost
  EXPECT_FALSE(IsPadded(DotProgram(1024, 767, 1024, 2)));
  EXPECT_FALSE(IsPadded(DotProgram(1024, 767, 1024, 0, "f64")));
  EXPECT_FALSE(IsPadded(DotProgram(64, 63, 64, 0, "bf16")));     // does not pay
  EXPECT_FALSE(IsPadded(DotProgram(4, 767, 50257, 0, "bf16")));  // few rows
  EXPECT_FALSE(IsPadded(DotProgram(1024, 767, 1024, 0, "bf16"), target::DeviceProfile()));
}

TEST(PadProducts, TakesConvolutionsOfThreeColours) {
  EXPECT_TRUE(IsPadded(Convolution(3, false)));
  EXPECT_TRUE(IsPadded(Convolution(3, true)));
  EXPECT_FALSE(IsPadded(Convolution(4, false)));
  EXPECT_FALSE(IsPadded(Convolution(1, false)));  // four times the work
  EXPECT_FALSE(IsPadded(Convolution(3, false, 8)));
}

TEST(PadProducts, RowsAreThoseOfOneBatch) {
  const auto batches = [](int64_t columns) {
    return Format(
        "module @m func public @main(%a: tensor<64x512x{0}xbf16>, %b: tensor<64x512x512xbf16>) {{\n"
        "%c = dot_general(%a, %b) {{lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], "
        "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1], precision = 0}} : "
        "tensor<64x{0}x512xbf16>\n"
        "return(%c) }}",
        columns);
  };
  EXPECT_TRUE(IsPadded(batches(17)));
  EXPECT_FALSE(IsPadded(batches(13)));
}

TEST(PadProducts, WhatIsSummedOverIsPaddedOnceForBothOperands) {
  auto module = ParseForTest(R"(module @m func public @main(%a: tensor<1024x767xbf16>, %b: tensor<1024x767xbf16>) {
    %c = dot_general(%a, %b) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
      lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1], precision = 0} : tensor<1024x1024xbf16>
    return(%c)
  })");
  const auto result = PadProducts(*module, {WithMatrixUnits()});
  ASSERT_TRUE(result.ok() && result->changed);
  int num_pads = 0;
  ir::Walk(module->main()->body, [&](const ir::Op* op) { num_pads += op->code == OpCode::kPad ? 1 : 0; });
  EXPECT_EQ(num_pads, 2);
}

// On a device of one compute unit small products are padded too.
TEST(PadProducts, KeepsResults) {
  target::DeviceProfile profile = WithMatrixUnits();
  profile.compute_units = 1;
  const std::string batches = R"(module @m func public @main(%a: tensor<2x3x161x63xf32>, %b: tensor<63x2x160x3xf32>) {
    %c = dot_general(%a, %b) {lhs_batching_dimensions = [0], rhs_batching_dimensions = [1],
      lhs_contracting_dimensions = [3, 1], rhs_contracting_dimensions = [0, 3], precision = 0} : tensor<2x161x160xf32>
    return(%c)
  })";
  const std::string square = R"(module @m func public @main(%a: tensor<161x259xf32>) {
    %c = dot_general(%a, %a) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
      lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1], precision = 0} : tensor<161x161xf32>
    return(%c)
  })";
  for (const std::string& text :
       {batches, square, DotProgram(257, 515, 255), DotProgram(256, 515, 256), DotProgram(256, 512, 255),
        Convolution(3, false, 24, 2), Convolution(3, true, 24, 2)}) {
    ExpectSameMeaning(PadProducts, text, 1e-6, profile);
  }
}

}  // namespace
}  // namespace dragoman::passes
