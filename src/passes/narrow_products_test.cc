// SPDX-License-Identifier: Apache-2.0
#include "passes/narrow_products.h"

#include <limits>

#include "base/format.h"
#include "passes/names.h"
#include "passes/product_testing.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// Whether the products of `text` became products of f16, or bf16.
bool IsNarrowed(const std::string& text, const target::DeviceProfile& profile = WithMatrixUnits()) {
  auto module = ParseForTest(text);
  const auto result = NarrowProducts(*module, {profile});
  EXPECT_TRUE(result.ok() && ir::Verify(*module).ok()) << ir::Print(*module);
  if (!result->changed) return false;
  ir::Walk(module->main()->body, [&](const ir::Op* op) {
    if (op->code != OpCode::kDotGeneral && op->code != OpCode::kConvolution) return;
    EXPECT_EQ(SizeBytes(op->operands[0]->type.dtype), 2);
  });
  return true;
}

TEST(NarrowProducts, TakesLargeFloat32ProductsOfDefaultPrecision) {
  EXPECT_TRUE(IsNarrowed(DotProgram(1024, 1024, 1024)));
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024, 1)));  // HIGH
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024, 2)));  // HIGHEST
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024, 0, "f64")));
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024, 0, "f16")));  // as it is
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1023, 1024)));            // no pairs
  EXPECT_FALSE(IsNarrowed(DotProgram(64, 64, 64)));                  // does not pay
  EXPECT_FALSE(IsNarrowed(DotProgram(8, 1 << 14, 1 << 14)));         // few rows
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 0, 1024)));
}

// Two neighbours in memory of a and b, 2 each, are of different batches.
TEST(NarrowProducts, LeavesProductsWhoseInnermostDimensionIsABatch) {
  EXPECT_FALSE(IsNarrowed(R"(module @m
func public @main(%a: tensor<1024x1024x2xf32>, %b: tensor<1024x1024x2xf32>) {
  %c = dot_general(%a, %b) {lhs_batching_dimensions = [2], rhs_batching_dimensions = [2],
    lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1], precision = 0} : tensor<2x1024x1024xf32>
  return(%c)
})"));
}

TEST(NarrowProducts, DemandsTheHighestPrecisionWhereAsked) {
  auto module = ParseForTest(DotProgram(1024, 1024, 1024));
  const target::DeviceProfile profile = WithMatrixUnits();
  target::Options options;
  options.exact_products = true;
  const auto result = NarrowProducts(*module, {profile, options});
  ASSERT_TRUE(result.ok() && result->changed);
  EXPECT_NE(ir::Print(*module).find("precision = 2} : tensor<1024x1024xf32>"), std::string::npos);
}

TEST(NarrowProducts, LeavesDevicesWithoutMatrixUnitsAlone) {
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024), target::DeviceProfile()));
  target::DeviceProfile profile = WithMatrixUnits();
  profile.matrix_registers = 0;
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024), profile));
  profile = WithMatrixUnits();
  profile.matrix_shapes = {{16, 16, 16, DType::kF16, DType::kF16}};
  EXPECT_FALSE(IsNarrowed(DotProgram(1024, 1024, 1024), profile));
}

constexpr int kSize = 256;  // of square operands whose product pays on one compute unit

std::vector<ir::Literal> Evaluated(const ir::Module& module, const std::vector<ir::Literal>& inputs) {
  auto results = reference::Evaluate(module, "main", inputs);
  EXPECT_TRUE(results.ok()) << results.status().message();
  return *std::move(results);
}

// Square operands: a row of the first and a column of the second has a scale of up to 2^(+-spread).
std::vector<std::vector<double>> ScaledOperands(int spread) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> operands(2);
  for (int i = 0; i < kSize * kSize; ++i) {
    for (int side = 0; side < 2; ++side) {
      const int lane = side == 0 ? i / kSize : i % kSize;
      const int exponent = spread == 0 ? 0 : lane * 37 % (2 * spread) - spread;
      operands[side].push_back(static_cast<float>(std::ldexp(normal(random), exponent)));
    }
  }
  return operands;
}

// What the narrowed program computes of square operands.
ir::Literal NarrowProductOf(const std::vector<std::vector<double>>& operands) {
  auto module = ParseForTest(DotProgram(kSize, kSize, kSize));
  const auto result = NarrowProducts(*module, {WithMatrixUnits(1)});
  EXPECT_TRUE(result.ok() && result->changed);
  const TensorType type{DType::kF32, {kSize, kSize}};
  return Evaluated(
      *module, {reference::LiteralFromDoubles(type, operands[0]), reference::LiteralFromDoubles(type, operands[1])})[0];
}

// The largest error against float64, in units of the sum of the products' magnitudes.
double RelativeError(const ir::Literal& result, const std::vector<std::vector<double>>& operands) {
  double worst = 0;
  for (int i = 0; i < kSize * kSize; ++i) {
    double sum = 0, magnitude = 0;
    for (int k = 0; k < kSize; ++k) {
      const double product = operands[0][i / kSize * kSize + k] * operands[1][k * kSize + i % kSize];
      sum += product;
      magnitude += std::fabs(product);
    }
    worst = std::max(worst, std::fabs(reference::ElementAsDouble(result, i, false) - sum) / magnitude);
  }
  return worst;
}

class Spread : public testing::TestWithParam<int> {};

TEST_P(Spread, ErrorsAreThoseOfElevenBits) {
  const auto operands = ScaledOperands(GetParam());
  const double error = RelativeError(NarrowProductOf(operands), operands);
  EXPECT_LT(error, std::ldexp(1.0, -11));
  EXPECT_GT(error, std::ldexp(1.0, -20)) << "Nothing was rounded.";
}

INSTANTIATE_TEST_SUITE_P(Table, Spread, testing::Values(0, 3, 20, 60));

TEST(NarrowProducts, SpecialValuesReachTheResultsTheyReachInFloat32) {
  auto operands = ScaledOperands(0);
  const double inf = std::numeric_limits<double>::infinity();
  operands[0][0] = inf;                                               // row 0
  operands[0][kSize + 1] = std::numeric_limits<double>::quiet_NaN();  // row 1
  for (int k = 0; k < kSize; ++k) operands[0][2 * kSize + k] = 0;     // row 2
  operands[0][3 * kSize] = std::ldexp(1, 127);                        // row 3
  operands[0][4 * kSize] = std::ldexp(1, -149);                       // row 4, else small
  for (int k = 1; k < kSize; ++k) operands[0][4 * kSize + k] = 0;
  const ir::Literal result = NarrowProductOf(operands);
  for (int j = 0; j < kSize; ++j) {
    const auto at = [&](int row) { return reference::ElementAsDouble(result, row * kSize + j, false); };
    EXPECT_EQ(at(0), operands[1][j] > 0 ? inf : -inf);
    EXPECT_TRUE(std::isnan(at(1)));
    EXPECT_EQ(at(2), 0);
    const double large = std::ldexp(operands[1][j], 127);
    EXPECT_TRUE(std::fabs(large) >= std::ldexp(1, 127) ||
                std::fabs(at(3) - large) <= std::fabs(large) * std::ldexp(1, -10));
    EXPECT_LT(std::fabs(at(4)), std::ldexp(1, -120));
    EXPECT_TRUE(std::isfinite(at(5)));
  }
}

TEST(NarrowProducts, WhatWasWidenedIsTakenAsItIs) {
  const auto text = [](std::string_view a, std::string_view b) {
    return Format(
        "module @m func public @main(%x: tensor<32x64x{0}>, %y: tensor<64x32x{1}>) {{\n"
        "%a = convert(%x) : tensor<32x64xf32> %b = convert(%y) : tensor<64x32xf32>\n"
        "%c = dot_general(%a, %b) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
        "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0}} : tensor<32x32xf32>\n"
        "return(%c) }}",
        a, b);
  };
  EXPECT_TRUE(IsNarrowed(text("bf16", "bf16")));
  EXPECT_TRUE(IsNarrowed(text("f16", "f16")));
  EXPECT_FALSE(IsNarrowed(text("bf16", "f16")));  // too small to be scaled
  EXPECT_FALSE(IsNarrowed(text("si32", "si32")));
  ExpectSameMeaning(
      [](ir::Module& module, const target::CompileContext&) { return NarrowProducts(module, {WithMatrixUnits()}); },
      text("bf16", "bf16"), 1e-6);
}

// Batches in an order of their own, and results whose dimensions come from both operands.
TEST(NarrowProducts, ScalesFollowTheDimensionsOfTheResult) {
  ExpectSameMeaning(
      [](ir::Module& module, const target::CompileContext&) { return NarrowProducts(module, {WithMatrixUnits(1)}); },
      R"(module @m
func public @main(%a: tensor<256x3x2x256xf32>, %b: tensor<2x3x256x256xf32>) {
  %c = dot_general(%a, %b) {lhs_batching_dimensions = [1, 2], rhs_batching_dimensions = [1, 0],
    lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [2], precision = 0} : tensor<3x2x256x256xf32>
  return(%c)
})",
      0.1);
}

std::string Convolution(int groups, std::string_view kernel) {
  return Format(
      "module @m func public @main(%x: tensor<4x16x16x32xf32>, %w: tensor<{1}xf32>) {{\n"
      "%c = convolution(%x, %w) {{window_strides = [1, 1], padding = [1, 1, 1, 1], lhs_dilation = [1, 1], "
      "rhs_dilation = [1, 1], window_reversal = [0, 0], input_batch_dimension = 0, input_feature_dimension = 3, "
      "input_spatial_dimensions = [1, 2], kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3, "
      "kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0, output_feature_dimension = 3, "
      "output_spatial_dimensions = [1, 2], feature_group_count = {0}, batch_group_count = 1, precision = 0}} "
      ": tensor<4x16x16x64xf32>\nreturn(%c) }}",
      groups, kernel);
}

TEST(NarrowProducts, TakesConvolutionsOfOneGroup) {
  EXPECT_TRUE(IsNarrowed(Convolution(1, "3x3x32x64"), WithMatrixUnits(1)));
  EXPECT_FALSE(IsNarrowed(Convolution(2, "3x3x16x64"), WithMatrixUnits(1)));
  ExpectSameMeaning(
      [](ir::Module& module, const target::CompileContext&) { return NarrowProducts(module, {WithMatrixUnits(1)}); },
      Convolution(1, "3x3x32x64"), 0.1);
}

}  // namespace
}  // namespace dragoman::passes
