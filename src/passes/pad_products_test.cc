// SPDX-License-Identifier: Apache-2.0
#include "passes/pad_products.h"

#include "base/format.h"
#include "passes/names.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

target::DeviceProfile WithMatrixUnits() {
  target::DeviceProfile profile;
  profile.cooperative_matrix = profile.vulkan_memory_model = profile.subgroup_basic = true;
  profile.matrix_shapes = {{16, 16, 16, DType::kF16, DType::kF32}, {16, 16, 16, DType::kBF16, DType::kF32}};
  profile.compute_units = 16;
  return profile;
}

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

std::string Dot(int64_t m, int64_t k, int64_t n, std::string_view type = "bf16", int precision = 0) {
  return Format(
      "module @m func public @main(%a: tensor<{0}x{1}x{4}>, %b: tensor<{1}x{2}x{4}>) {{\n"
      "%c = dot_general(%a, %b) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
      "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = {3}}} : tensor<{0}x{2}x{4}>\n"
      "return(%c) }}",
      m, k, n, precision, type);
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
  EXPECT_TRUE(IsPadded(Dot(1024, 768, 50257)));  // a vocabulary
  EXPECT_TRUE(IsPadded(Dot(1024, 767, 1024)));
  EXPECT_TRUE(IsPadded(Dot(1001, 767, 1001, "f16")));
  EXPECT_TRUE(IsPadded(Dot(1024, 767, 1024, "f32")));
  EXPECT_FALSE(IsPadded(Dot(1024, 768, 1024)));
  EXPECT_FALSE(IsPadded(Dot(1023, 768, 1024)));  // odd, but not innermost
  EXPECT_FALSE(IsPadded(Dot(1024, 767, 1024, "f32", 2)));
  EXPECT_FALSE(IsPadded(Dot(1024, 767, 1024, "f64")));
  EXPECT_FALSE(IsPadded(Dot(64, 63, 64)));     // does not pay
  EXPECT_FALSE(IsPadded(Dot(4, 767, 50257)));  // few rows
  EXPECT_FALSE(IsPadded(Dot(1024, 767, 1024), target::DeviceProfile()));
}

TEST(PadProducts, TakesConvolutionsOfThreeColours) {
  EXPECT_TRUE(IsPadded(Convolution(3, false)));
  EXPECT_TRUE(IsPadded(Convolution(3, true)));
  EXPECT_FALSE(IsPadded(Convolution(4, false)));
  EXPECT_FALSE(IsPadded(Convolution(1, false)));  // four times the work
  EXPECT_FALSE(IsPadded(Convolution(3, false, 8)));
}

// On a device of one compute unit small products are padded too.
TEST(PadProducts, KeepsResults) {
  target::DeviceProfile profile = WithMatrixUnits();
  profile.compute_units = 1;
  for (const std::string& text : {Dot(257, 515, 255, "f32"), Dot(256, 515, 256, "f32"), Dot(256, 512, 255, "f32"),
                                  Convolution(3, false, 24, 2), Convolution(3, true, 24, 2)}) {
    ExpectSameMeaning(PadProducts, text, 1e-6, profile);
  }
}

}  // namespace
}  // namespace dragoman::passes
