// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lower/product/kinds.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

ProductTest Convolution(const TensorType& lhs, const TensorType& rhs, const ConvolutionDims& dims, DType result) {
  return ProductTest(lhs, rhs, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendConvolution(block, operands, dims, result);
  });
}

void ExpectRight(const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  SCOPED_TRACE(dims.lhs + " x " + dims.rhs + " -> " + dims.out + " of " + ToString(lhs) + " and " + ToString(rhs));
  Convolution({DType::kF32, lhs}, {DType::kF32, rhs}, dims, DType::kF32).ExpectRightEverywhere();
}

ConvolutionDims Forward() { return {"b01f", "01io", "b01f"}; }

TEST(LowerConvolution, SlidesForward) {
  ExpectRight({2, 6, 5, 3}, {3, 3, 3, 4}, Forward());
  ConvolutionDims same = Forward();
  same.padding = {1, 1, 1, 1};
  ExpectRight({2, 6, 5, 4}, {3, 3, 4, 8}, same);
  ConvolutionDims strided = Forward();
  strided.strides = {2, 3};
  strided.padding = {0, 1, 1, 2};
  ExpectRight({2, 7, 8, 3}, {3, 2, 3, 5}, strided);
  ConvolutionDims dilated = Forward();
  dilated.rhs_dilation = {2, 3};
  dilated.padding = {2, 2, 3, 3};
  ExpectRight({1, 7, 8, 4}, {3, 3, 4, 4}, dilated);
  ExpectRight({3, 4, 4, 8}, {1, 1, 8, 4}, Forward());
}

TEST(LowerConvolution, TakesGradientsOfData) {
  ConvolutionDims dims = {"b01f", "01oi", "b01f"};
  dims.padding = {2, 2, 2, 2};
  ExpectRight({2, 4, 4, 8}, {3, 3, 4, 8}, dims);
  dims.lhs_dilation = {2, 2};
  dims.padding = {2, 1, 2, 1};
  ExpectRight({2, 3, 4, 4}, {3, 3, 8, 4}, dims);
  dims.lhs_dilation = {3, 2};
  dims.padding = {0, 3, -1, 2};
  ExpectRight({2, 3, 4, 4}, {2, 2, 3, 4}, dims);
  dims.lhs_dilation = {1, 1};
  dims.padding = {-1, -1, 1, -2};
  ExpectRight({2, 7, 8, 4}, {2, 2, 4, 4}, dims);
}

TEST(LowerConvolution, PutsPhasesOfADilatedInputTogether) {
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.lhs_dilation = {2, 2};
  dims.padding = {2, 2, 2, 2};
  ExpectRight({2, 4, 5, 8}, {4, 4, 8, 8}, dims);  // as many taps in each phase
  dims.padding = {1, 1, 3, 0};
  ExpectRight({2, 4, 4, 3}, {4, 3, 3, 5}, dims);
  dims.lhs_dilation = {3, 2};
  dims.padding = {-2, 4, -1, -2};
  ExpectRight({2, 5, 6, 4}, {3, 4, 4, 4}, dims);
  dims.lhs_dilation = {5, 4};
  dims.padding = {4, 4, 3, 6};
  ExpectRight({2, 3, 3, 4}, {2, 3, 4, 4}, dims);  // phases without any tap
  dims.lhs_dilation = {2, 3};
  dims.rhs_dilation = {1, 2};
  dims.reversal = {1, 1};
  ExpectRight({2, 3, 3, 4}, {3, 3, 4, 4}, dims);
  dims.strides = {3, 1};
  ExpectRight({2, 3, 3, 4}, {3, 3, 4, 4}, dims);
}

TEST(LowerConvolution, PutsPhasesOfGroupsAndOtherRanksTogether) {
  ConvolutionDims depthwise = {"b01f", "01io", "b01f"};
  depthwise.lhs_dilation = {2, 2};
  depthwise.padding = {2, 1, 1, 2};
  depthwise.feature_groups = 16;
  ExpectRight({2, 5, 4, 16}, {3, 3, 1, 16}, depthwise);
  depthwise.feature_groups = 2;
  ExpectRight({2, 5, 4, 16}, {3, 4, 8, 8}, depthwise);
  ConvolutionDims weights = {"f01b", "i01o", "01bf"};
  weights.batch_groups = 4;
  weights.lhs_dilation = {2, 2};
  weights.padding = {1, 2, 2, 1};
  ExpectRight({2, 3, 3, 4}, {2, 5, 6, 8}, weights);
  ConvolutionDims one = {"bf0", "oi0", "bf0"};
  one.lhs_dilation = {4};
  one.padding = {7, 5};
  ExpectRight({2, 3, 40}, {5, 3, 9}, one);
  ConvolutionDims three = {"b012f", "012io", "b012f"};
  three.lhs_dilation = {4, 4, 4};
  three.padding = {3, 4, 2, 2, 5, 1};
  ExpectRight({1, 3, 2, 2, 4}, {4, 5, 6, 4, 4}, three);
  three.lhs_dilation = {5, 5, 5};  // too many phases for all dimensions
  ExpectRight({1, 2, 2, 2, 4}, {5, 5, 6, 4, 4}, three);
}

TEST(LowerConvolution, TakesGradientsOfWeights) {
  ConvolutionDims dims = {"f01b", "i01o", "01bf"};
  ExpectRight({2, 6, 6, 3}, {2, 4, 4, 5}, dims);
  dims.padding = {1, 1, 1, 1};
  ExpectRight({2, 5, 5, 4}, {2, 5, 5, 8}, dims);
  dims.rhs_dilation = {2, 2};
  dims.padding = {0, 1, 1, 0};
  ExpectRight({2, 6, 6, 4}, {2, 3, 3, 4}, dims);
  ConvolutionDims transposed = {"f01b", "i01o", "01bf"};
  transposed.lhs_dilation = {2, 2};
  transposed.padding = {1, 2, 1, 2};
  ExpectRight({2, 3, 3, 4}, {2, 6, 6, 4}, transposed);
}

TEST(LowerConvolution, TakesGroups) {
  ConvolutionDims depthwise = Forward();
  depthwise.feature_groups = 8;
  depthwise.padding = {1, 1, 1, 1};
  ExpectRight({2, 5, 4, 8}, {3, 3, 1, 8}, depthwise);
  ExpectRight({2, 5, 4, 8}, {3, 3, 1, 16}, depthwise);
  depthwise.feature_groups = 16;
  depthwise.padding = {0, 0, 1, 1};
  ExpectRight({2, 3, 8, 16}, {1, 3, 1, 16}, depthwise);
  ConvolutionDims grouped = Forward();
  grouped.feature_groups = 3;
  ExpectRight({2, 5, 4, 6}, {2, 2, 2, 12}, grouped);
  ConvolutionDims weights = {"f01b", "i01o", "01bf"};
  weights.batch_groups = 8;
  weights.padding = {1, 1, 1, 1};
  ExpectRight({2, 5, 4, 8}, {2, 5, 4, 8}, weights);
  weights.rhs_dilation = {2, 1};
  ExpectRight({2, 5, 4, 8}, {2, 2, 4, 16}, weights);
  ConvolutionDims data = {"b01f", "01oi", "b01f"};
  data.feature_groups = 4;
  ExpectRight({2, 5, 4, 8}, {2, 2, 8, 2}, data);
}

// Several results along a row, whose windows overlap.
TEST(LowerConvolution, LoadsOnceWhatSlidingWindowsShare) {
  target::DeviceProfile profile = VectorProfile();
  profile.compute_units = 1;
  ConvolutionDims depthwise = Forward();
  depthwise.feature_groups = 16;
  depthwise.padding = {0, 0, 1, 1};
  ConvolutionDims strided = depthwise;
  strided.strides = {1, 2};
  for (const auto& [dims, rows] : {std::pair{depthwise, 4}, std::pair{strided, 2}}) {
    const ProductTest test =
        Convolution({DType::kF32, {2, 16, 16, 16}}, {DType::kF32, {1, 3, 1, 16}}, dims, DType::kF32);
    const Product product = test.Prepared();
    const ProductConfig config = ChooseProductKernel(product, SimplifyProduct(product), {profile});
    EXPECT_TRUE(config.slides);
    EXPECT_EQ(config.rows, rows);
    test.ExpectRight(LowerGroup(test.group, {profile}), Format("{} along a row: ", rows));
  }
}

TEST(LowerConvolution, TakesOtherDimensionNumbers) {
  ConvolutionDims first = {"bf01", "01io", "bf01"};
  first.padding = {1, 1, 0, 1};
  ExpectRight({2, 4, 5, 6}, {3, 2, 4, 8}, first);
  ExpectRight({4, 2, 5, 6}, {2, 3, 4, 8}, {"fb01", "io01", "01bf"});
  ExpectRight({2, 4, 5, 6}, {8, 4, 3, 2}, {"bf01", "oi01", "bf01"});
  ExpectRight({3, 8}, {5, 8}, {"bf", "oi", "bf"});
}

TEST(LowerConvolution, TakesOneAndThreeDimensions) {
  ConvolutionDims one = {"b0f", "0io", "b0f"};
  one.padding = {2, 0};
  ExpectRight({3, 12, 4}, {3, 4, 8}, one);
  ConvolutionDims three = {"b012f", "012io", "b012f"};
  three.padding = {1, 1, 0, 1, 1, 0};
  three.strides = {1, 2, 1};
  ExpectRight({2, 3, 4, 5, 2}, {2, 3, 2, 2, 4}, three);
}

TEST(LowerConvolution, ReversesTheWindow) {
  ConvolutionDims dims = Forward();
  dims.reversal = {1, 0};
  dims.padding = {1, 1, 1, 1};
  ExpectRight({2, 5, 5, 4}, {3, 2, 4, 4}, dims);
  dims.reversal = {1, 1};
  dims.lhs_dilation = {2, 1};
  ExpectRight({2, 5, 5, 4}, {3, 2, 4, 4}, dims);
}

TEST(LowerConvolution, SeesOnlyPaddingWhereTheInputIsEmpty) {
  ConvolutionDims dims = {"b0f", "0io", "b0f"};
  dims.padding = {3, 3};
  ExpectRight({2, 0, 4}, {3, 4, 8}, dims);
}

TEST(LowerConvolution, TakesEveryElementType) {
  struct Row {
    DType operand;
    DType result;
  };
  const std::vector<Row> rows = {{DType::kF16, DType::kF16}, {DType::kBF16, DType::kBF16}, {DType::kBF16, DType::kF32},
                                 {DType::kS8, DType::kS32},  {DType::kC64, DType::kC64},   {DType::kF64, DType::kF64}};
  ConvolutionDims dims = Forward();
  dims.padding = {1, 1, 1, 0};
  ConvolutionDims dilated = dims;
  dilated.lhs_dilation = {2, 2};
  for (const Row& row : rows) {
    SCOPED_TRACE(Name(row.operand));
    Convolution({row.operand, {2, 4, 5, 4}}, {row.operand, {2, 3, 4, 8}}, dims, row.result).ExpectRightEverywhere();
    Convolution({row.operand, {2, 4, 5, 4}}, {row.operand, {4, 4, 4, 8}}, dilated, row.result).ExpectRightEverywhere();
  }
}

}  // namespace
}  // namespace dragoman::kernel
