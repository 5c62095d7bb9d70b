// SPDX-License-Identifier: Apache-2.0
// Products on matrix units, interpreted, against the plain loops: shapes of several vendors, both layouts of each
// operand, edges, parts of K, groups, operands that are converted on their way.
#include "lower/product/matrix_product.h"

#include <gtest/gtest.h>

#include "base/arithmetic.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

using target::MatrixShape;

struct Unit {
  MatrixShape shape;
  int subgroup_size;
};
const Unit kNvidia = {{16, 16, 16, DType::kBF16, DType::kF32}, 32};
const Unit kAmd = {{16, 16, 16, DType::kF16, DType::kF32}, 64};
const Unit kAlchemist = {{8, 8, 16, DType::kBF16, DType::kF32}, 8};
const Unit kBattlemage = {{8, 16, 16, DType::kF16, DType::kF32}, 16};

ProductConfig Config(const Unit& unit, int tile_m, int tile_n, int tile_k, int rows, int columns) {
  ProductConfig config = TileTestConfig(tile_m, tile_n, tile_k, rows, columns);
  config.unit = TileUnit::kMatrix;
  config.matrix = unit.shape;
  config.subgroup_size = unit.subgroup_size;
  config.workgroup_size = tile_m / rows * (tile_n / columns) * unit.subgroup_size;
  return config;
}

std::vector<std::pair<std::string, ProductConfig>> Configs(DType input) {
  std::vector<std::pair<std::string, ProductConfig>> configs;
  for (Unit unit : {kNvidia, kAmd, kAlchemist, kBattlemage}) {
    unit.shape.input = input;
    unit.shape.accumulator = input == DType::kS8 ? DType::kS32 : DType::kF32;
    const std::string name = Format("{}x{}x{} of {}, ", unit.shape.m, unit.shape.n, unit.shape.k, unit.subgroup_size);
    // Of fewer words than invocations a tile would be written twice.
    const int least_k = input == DType::kS8 ? 32 : 16;
    configs.emplace_back(Format("{}32x32x{} ", name, least_k), Config(unit, 32, 32, least_k, 16, 16));
    configs.emplace_back(name + "32x32x32 ", Config(unit, 32, 32, 32, 32, 16));
  }
  return configs;
}

void ExpectRight(DType input, const ProductTest& test) {
  const Product product = test.Prepared();
  const ProductForm form = SimplifyProduct(product);
  const bool is_split = input == DType::kF32;
  ASSERT_EQ(is_split ? SplitInput(product, form) : MatrixInput(product, form), is_split ? DType::kBF16 : input);
  for (auto& [name, config] : Configs(is_split ? DType::kBF16 : input)) {
    ASSERT_TRUE(StripFits(config)) << name;
    if (is_split) config.unit = TileUnit::kSplitMatrix;
    test.ExpectRightWith(config, name);
    if (CeilDiv(form.extent(ProductAxis::kK), config.tile_k) % 2 == 0) {
      ProductConfig in_pairs = config;
      in_pairs.steps_at_once = 2;
      test.ExpectRightWith(in_pairs, name + "two steps at once ");
    }
    ProductConfig split = config;
    split.splits = 2;
    test.ExpectRightWith(split, name + "in two parts ");
  }
}

void ExpectDotRight(DType input, DType result, const Dims& lhs, const Dims& rhs, const DotDims& dims) {
  ExpectRight(input,
              ProductTest({input, lhs}, {input, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                return AppendDot(block, operands, dims, result);
              }));
}

void ExpectConvolutionRight(DType type, const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  ExpectRight(type,
              ProductTest({type, lhs}, {type, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                return AppendConvolution(block, operands, dims, type);
              }));
}

TEST(MatrixProduct, ComputesEveryLayoutOfTheOperands) {
  ExpectDotRight(DType::kBF16, DType::kF32, {32, 64}, {64, 32}, {{}, {}, {1}, {0}});
  ExpectDotRight(DType::kBF16, DType::kF32, {32, 64}, {32, 64}, {{}, {}, {1}, {1}});
  ExpectDotRight(DType::kBF16, DType::kF32, {64, 32}, {64, 32}, {{}, {}, {0}, {0}});
  ExpectDotRight(DType::kF16, DType::kF16, {64, 32}, {32, 64}, {{}, {}, {0}, {1}});
}

TEST(MatrixProduct, StoresOnlyWhatLiesInsideOfTheResult) {
  ExpectDotRight(DType::kBF16, DType::kBF16, {50, 34}, {34, 70}, {{}, {}, {1}, {0}});
  ExpectDotRight(DType::kF16, DType::kF32, {2, 38}, {6, 38}, {{}, {}, {1}, {1}});
  ExpectDotRight(DType::kF16, DType::kF32, {45, 34}, {45, 66}, {{}, {}, {0}, {0}});
}

TEST(MatrixProduct, ComputesBatches) {
  ExpectDotRight(DType::kBF16, DType::kF32, {3, 24, 40}, {3, 40, 36}, {{0}, {0}, {2}, {1}});
  // Attention's: batch and heads around the contraction.
  ExpectDotRight(DType::kBF16, DType::kBF16, {2, 20, 3, 16}, {2, 24, 3, 16}, {{0, 2}, {0, 2}, {3}, {3}});
}

TEST(MatrixProduct, ComputesConvolutionsOfDilatedInputs) {
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.lhs_dilation = {2, 2};
  dims.padding = {2, 2, 2, 2};
  ExpectConvolutionRight(DType::kBF16, {2, 4, 3, 16}, {4, 4, 16, 8}, dims);
  dims.padding = {2, 1, 1, 2};
  ExpectConvolutionRight(DType::kF16, {2, 4, 3, 16}, {3, 3, 16, 8}, dims);
  dims.strides = {3, 1};  // stays dilated
  ExpectConvolutionRight(DType::kBF16, {2, 4, 3, 16}, {3, 3, 16, 8}, dims);
  ConvolutionDims gradient = {"b01f", "01oi", "b01f"};
  gradient.lhs_dilation = {2, 2};
  gradient.padding = {2, 1, 2, 1};
  gradient.reversal = {1, 1};
  ExpectConvolutionRight(DType::kBF16, {2, 3, 4, 8}, {3, 3, 16, 8}, gradient);
}

TEST(MatrixProduct, MultipliesIntegersInEveryLayout) {
  ExpectDotRight(DType::kS8, DType::kS32, {32, 64}, {64, 32}, {{}, {}, {1}, {0}});
  ExpectDotRight(DType::kS8, DType::kS32, {52, 36}, {72, 36}, {{}, {}, {1}, {1}});
  ExpectDotRight(DType::kS8, DType::kS32, {36, 44}, {36, 64}, {{}, {}, {0}, {0}});
  ExpectDotRight(DType::kS8, DType::kS32, {3, 24, 40}, {3, 40, 36}, {{0}, {0}, {2}, {1}});
  ExpectConvolutionRight(DType::kS8, {2, 5, 4, 16}, {3, 3, 16, 8}, {"b01f", "01io", "b01f"});
}

TEST(MatrixProduct, SplitsFloat32InEveryLayout) {
  ExpectDotRight(DType::kF32, DType::kF32, {32, 64}, {64, 32}, {{}, {}, {1}, {0}});
  ExpectDotRight(DType::kF32, DType::kF32, {64, 40}, {64, 36}, {{}, {}, {0}, {0}});
  ExpectDotRight(DType::kF32, DType::kF32, {50, 34}, {70, 34}, {{}, {}, {1}, {1}});
  ExpectConvolutionRight(DType::kF32, {2, 5, 4, 16}, {3, 3, 16, 8}, {"b01f", "01io", "b01f"});
}

TEST(MatrixProduct, SplitsFloat32BesideBF16) {
  const auto expect_right = [](DType lhs_type, DType rhs_type, const Dims& lhs, const Dims& rhs, const DotDims& dims) {
    const auto dot = [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
      return AppendDot(block, operands, dims, DType::kF32);
    };
    ExpectRight(DType::kF32, ProductTest({lhs_type, lhs}, {rhs_type, rhs}, dot));
  };
  expect_right(DType::kF32, DType::kBF16, {32, 64}, {64, 32}, {{}, {}, {1}, {0}});
  expect_right(DType::kBF16, DType::kF32, {64, 40}, {64, 36}, {{}, {}, {0}, {0}});
  // Attention's gradients: a batch and heads around the contraction, weights in f32.
  expect_right(DType::kF32, DType::kBF16, {2, 3, 20, 24}, {2, 24, 3, 16}, {{0, 1}, {0, 2}, {3}, {1}});
  expect_right(DType::kF32, DType::kBF16, {2, 3, 24, 20}, {2, 24, 3, 16}, {{0, 1}, {0, 2}, {2}, {1}});
}

// As single bf16 they would be wrong by 2^-9 of them.
TEST(MatrixProduct, SplitFloat32KeepsSixteenBits) {
  for (const DType other : {DType::kF32, DType::kBF16}) {
    ProductGroup group(
        Format("(%0: tensor<40x48xf32>, %1: tensor<48x36x{}>) {{ %2 = dot_general(%0, %1) {{lhs_batching_dimensions = "
               "[], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], "
               "precision = 0}} : tensor<40x36xf32> return(%2) }}",
               Name(other)));
    group.Evaluate();
    for (auto& [name, config] : Configs(DType::kBF16)) {
      SCOPED_TRACE(Format("{} beside {}", name, Name(other)));
      config.unit = TileUnit::kSplitMatrix;
      group.ExpectRight(group.LowerWith(config), 4e-5);
    }
  }
}

TEST(MatrixProduct, ConvertsOperandsOnTheirWayAndResultsAfterwards) {
  const std::string attributes =
      "{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], "
      "rhs_contracting_dimensions = [0], precision = 0}";
  for (const std::string type : {"bf16", "f16"}) {
    ProductGroup group(
        Format("(%0: tensor<40x48xf32>, %1: tensor<48x36x{0}>, %2: tensor<40x36x{0}>) {{ "
               "%3 = convert(%0) : tensor<40x48x{0}> "
               "%4 = dot_general(%3, %1) {1} : tensor<40x36x{0}> "
               "%5 = add(%4, %2) : tensor<40x36x{0}> return(%5) }}",
               type, attributes));
    ASSERT_NE(group.group.hero, nullptr);
    group.Evaluate();
    ASSERT_FALSE(group.expected.empty());
    for (auto& [name, config] : Configs(type == "bf16" ? DType::kBF16 : DType::kF16)) {
      SCOPED_TRACE(name);
      group.ExpectRight(group.LowerWith(config), 1e-2);
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
