// SPDX-License-Identifier: Apache-2.0
// Products as index arithmetic: what the maps of dot_general and convolution say, before any kernel.
#include "lower/product/product.h"

#include <gtest/gtest.h>

#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

ProductTest DotOf(const Dims& lhs, const Dims& rhs, const DotDims& dims) {
  return ProductTest({DType::kF32, lhs}, {DType::kF32, rhs},
                     [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                       return AppendDot(block, operands, dims, DType::kF32);
                     });
}
ProductTest ConvolutionOf(const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  return ProductTest({DType::kF32, lhs}, {DType::kF32, rhs},
                     [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                       return AppendConvolution(block, operands, dims, DType::kF32);
                     });
}

// The linear index of an operand at digits, or -1 where it is zero.
int64_t Evaluate(const OperandMap& map, const Dims& digits) {
  int64_t linear = 0;
  for (const DimMap& dim : map.dims) {
    int64_t at = dim.offset;
    for (size_t d = 0; d < digits.size(); ++d) at += dim.factors[d] * digits[d];
    if (at < 0 || at % dim.dilation != 0 || at / dim.dilation >= dim.extent) return -1;
    linear = linear * dim.extent + at / dim.dilation;
  }
  return linear;
}

int64_t Evaluate(const LinearMap& map, const Dims& digits) {
  int64_t linear = map.offset;
  for (size_t d = 0; d < digits.size(); ++d) linear += map.factors[d] * digits[d];
  for (const PositionMap& position : map.positions) {
    int64_t at = position.offset;
    for (size_t d = 0; d < digits.size(); ++d) at += position.factors[d] * digits[d];
    if (at < 0 || at % position.dilation != 0 || at / position.dilation >= position.extent) return -1;
    linear += position.stride * (at / position.dilation);
  }
  return linear;
}

Dims ExtentsOfDigits(const std::vector<ProductDigit>& digits) {
  Dims extents;
  for (const ProductDigit& digit : digits) extents.push_back(digit.extent);
  return extents;
}

// What a form reads and writes, in the order of its digits, is what the product does in the order of its own.
void ExpectSameIndices(const ProductTest& test) {
  const Product product = test.Prepared();
  const ProductForm form = SimplifyProduct(product);
  std::vector<std::array<int64_t, 3>> original, simplified;
  ForEachIndex(ExtentsOfDigits(product.digits), [&](const Dims& at) {
    original.push_back({Evaluate(product.lhs, at), Evaluate(product.rhs, at), Evaluate(product.out, at)});
  });
  ForEachIndex(ExtentsOfDigits(form.digits), [&](const Dims& at) {
    simplified.push_back({Evaluate(form.lhs, at), Evaluate(form.rhs, at), Evaluate(form.out, at)});
  });
  EXPECT_TRUE(original == simplified);
  int64_t count = 1;
  for (const int64_t extent : form.extents) count *= extent;
  EXPECT_EQ(count, static_cast<int64_t>(original.size()));
  for (const ProductDigit& digit : form.digits) EXPECT_GT(digit.extent, 1);
  for (const auto& indices : original) EXPECT_GE(indices[2], 0);
}

TEST(Product, SimplifiedFormsReadAndWriteTheSame) {
  ExpectSameIndices(DotOf({5, 7}, {7, 3}, {{}, {}, {1}, {0}}));
  ExpectSameIndices(DotOf({2, 5, 3, 4}, {2, 6, 3, 4}, {{0, 2}, {0, 2}, {3}, {3}}));
  ExpectSameIndices(DotOf({4, 6, 1, 3}, {8, 1, 3}, {{}, {}, {2, 3}, {1, 2}}));
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.padding = {1, 1, 1, 1};
  ExpectSameIndices(ConvolutionOf({2, 4, 5, 3}, {3, 3, 3, 4}, dims));
  dims.strides = {2, 3};
  dims.lhs_dilation = {2, 1};
  dims.rhs_dilation = {1, 2};
  dims.reversal = {0, 1};
  ExpectSameIndices(ConvolutionOf({2, 5, 8, 3}, {3, 2, 3, 4}, dims));
  dims = {"b01f", "01io", "b01f"};
  dims.feature_groups = 3;
  ExpectSameIndices(ConvolutionOf({2, 4, 4, 6}, {2, 2, 2, 6}, dims));
  dims = {"f01b", "i01o", "01bf"};
  dims.batch_groups = 2;
  ExpectSameIndices(ConvolutionOf({3, 4, 4, 2}, {3, 3, 3, 4}, dims));
}

TEST(Product, HasAsFewDigitsAsItsMapsAllow) {
  const auto digits = [](const ProductTest& test) { return SimplifyProduct(test.Prepared()).digits.size(); };
  EXPECT_EQ(digits(DotOf({64, 32}, {32, 16}, {{}, {}, {1}, {0}})), 3u);
  EXPECT_EQ(digits(DotOf({1, 32}, {32, 16}, {{}, {}, {1}, {0}})), 2u);
  EXPECT_EQ(digits(DotOf({8, 9, 32}, {32, 16}, {{}, {}, {2}, {0}})), 3u);  // M of two dimensions
  EXPECT_EQ(digits(DotOf({8, 4, 32}, {4, 32, 16}, {{}, {}, {1, 2}, {0, 1}})), 3u);
  EXPECT_EQ(digits(DotOf({8, 4, 32}, {32, 4, 16}, {{}, {}, {1, 2}, {1, 0}})), 4u);
  const ConvolutionDims plain = {"b01f", "01io", "b01f"};
  EXPECT_EQ(digits(ConvolutionOf({8, 6, 6, 16}, {1, 1, 16, 32}, plain)), 3u);  // a 1x1 window is a matrix
  // Along the width and the channels a window is contiguous in the image.
  EXPECT_EQ(
      SimplifyProduct(ConvolutionOf({8, 6, 6, 16}, {3, 3, 16, 32}, plain).Prepared()).DigitsOf(ProductAxis::kK).size(),
      2u);
  ConvolutionDims padded = plain;
  padded.padding = {1, 1, 1, 1};
  EXPECT_EQ(
      SimplifyProduct(ConvolutionOf({8, 6, 6, 16}, {3, 3, 16, 32}, padded).Prepared()).DigitsOf(ProductAxis::kK).size(),
      3u);
}

// A dimension is looked at on its own only where it may leave the tensor or meet a hole.
TEST(Product, ChecksOnlyPositionsThatCanBeOutside) {
  const auto positions = [](ConvolutionDims dims, const Dims& lhs) {
    return SimplifyProduct(ConvolutionOf(lhs, {3, 3, 4, 8}, dims).Prepared()).lhs.positions.size();
  };
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 0u);
  dims.padding = {1, 0, 0, 0};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 1u);
  dims.padding = {1, 1, 0, 2};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 2u);
  dims.padding = {-1, -1, 0, 0};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 0u);
  dims.padding = {0, 0, 0, 0};
  dims.lhs_dilation = {2, 1};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 0u);  // each phase of the result sees elements alone
  dims.strides = {2, 1};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 1u);
  // A dilation that every position is a multiple of is none.
  dims.rhs_dilation = {2, 1};
  EXPECT_EQ(positions(dims, {2, 8, 8, 4}), 0u);
}

TEST(Product, NHoldsWhatIsContiguousInTheResult) {
  const ProductTest plain = DotOf({5, 7}, {7, 3}, {{}, {}, {1}, {0}});
  EXPECT_EQ(plain.Prepared().lhs.value->index, 0);
  ConvolutionDims last = {"b01f", "01io", "b01f"}, first = {"bf01", "01io", "bf01"};
  const ProductTest channels_last = ConvolutionOf({2, 6, 6, 4}, {3, 3, 4, 8}, last);
  const ProductTest channels_first = ConvolutionOf({2, 4, 6, 6}, {3, 3, 4, 8}, first);
  EXPECT_EQ(channels_last.Prepared().lhs.value, channels_last.hero->operands[0]);
  // The window is the left operand then, and its features are the rows.
  EXPECT_EQ(channels_first.Prepared().lhs.value, channels_first.hero->operands[1]);
  EXPECT_EQ(SimplifyProduct(channels_first.Prepared()).extent(ProductAxis::kM), 8);
  EXPECT_EQ(SimplifyProduct(channels_first.Prepared()).extent(ProductAxis::kN), 2 * 4 * 4);
}

TEST(Product, LoadsVectorsWhereEverythingElseIsAMultipleOfThem) {
  // lhs [m, k] along K, and rhs [k, n] along N
  for (const auto& [m, k, n, along_k, along_n] : {std::tuple{5, 8, 12, 8, 4},
                                                  {5, 6, 12, 2, 4},
                                                  {5, 7, 12, 1, 4},
                                                  {5, 16, 6, 8, 2},
                                                  {5, 16, 9, 8, 1},
                                                  {5, 24, 24, 8, 8}}) {
    const ProductTest test = DotOf({m, k}, {k, n}, {{}, {}, {1}, {0}});
    const ProductForm form = SimplifyProduct(test.Prepared());
    const int k_digit = form.DigitsOf(ProductAxis::kK).back(), n_digit = form.DigitsOf(ProductAxis::kN).back();
    SCOPED_TRACE(Format("{}x{}x{}", m, n, k));
    EXPECT_EQ(VectorWidth(form, form.lhs, k_digit, 8), along_k);
    EXPECT_EQ(VectorWidth(form, form.lhs, k_digit), std::min(along_k, 4));
    EXPECT_EQ(VectorWidth(form, form.rhs, n_digit, 8), std::min(along_n, n % 8 == 0 ? 8 : 4));
    EXPECT_EQ(VectorWidth(form, form.rhs, k_digit), 1);  // strided
  }
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.padding = {1, 1, 1, 1};
  for (const auto& [channels, width] : {std::pair{64, 4}, {6, 2}, {3, 1}}) {
    const ProductTest test = ConvolutionOf({2, 8, 8, channels}, {3, 3, channels, 16}, dims);
    const ProductForm form = SimplifyProduct(test.Prepared());
    EXPECT_EQ(VectorWidth(form, form.lhs, form.DigitsOf(ProductAxis::kK).back()), width) << channels;
  }
  // Along the image a window moves in and out of padding.
  ConvolutionDims planes = {"bf01", "oi01", "bf01"};
  planes.padding = {1, 1, 1, 1};
  const ProductTest test = ConvolutionOf({2, 4, 8, 8}, {16, 4, 3, 3}, planes);
  const ProductForm form = SimplifyProduct(test.Prepared());
  for (const int digit : form.DigitsOf(ProductAxis::kN)) EXPECT_EQ(VectorWidth(form, form.rhs, digit), 1);
}

// An image that is cropped starts at the crop.
TEST(Product, LoadsVectorsOnlyFromWhereTheyAreAligned) {
  for (const auto& [crop, width] : {std::pair{0, 4}, {1, 1}, {2, 2}, {4, 4}}) {
    ConvolutionDims dims = {"bf0", "oi0", "bf0"};
    dims.padding = {-crop, crop - 8};
    const ProductTest test = ConvolutionOf({2, 4, 16}, {8, 4, 1}, dims);
    const ProductForm form = SimplifyProduct(test.Prepared());
    EXPECT_EQ(VectorWidth(form, form.rhs, form.DigitsOf(ProductAxis::kN).back()), width) << crop;
  }
}

TEST(Product, AccumulatesInTheTypeThatHoldsAllThree) {
  const struct {
    DType lhs, rhs, result, accumulator;
  } rows[] = {{DType::kF32, DType::kF32, DType::kF32, DType::kF32},
              {DType::kBF16, DType::kBF16, DType::kBF16, DType::kF32},
              {DType::kF16, DType::kF16, DType::kF32, DType::kF32},
              {DType::kF8E5M2, DType::kF8E4M3FN, DType::kF32, DType::kF32},
              {DType::kF32, DType::kF64, DType::kF32, DType::kF64},
              {DType::kF32, DType::kF32, DType::kF64, DType::kF64},
              {DType::kS8, DType::kS8, DType::kS32, DType::kS32},
              {DType::kU8, DType::kS8, DType::kF32, DType::kF32},
              {DType::kS8, DType::kS8, DType::kS64, DType::kS64},
              {DType::kU64, DType::kU64, DType::kU64, DType::kS64},
              {DType::kPred, DType::kPred, DType::kPred, DType::kS32},
              {DType::kC64, DType::kC64, DType::kC64, DType::kC64},
              {DType::kC64, DType::kF64, DType::kC64, DType::kC128},
              {DType::kC128, DType::kC128, DType::kC128, DType::kC128}};
  for (const auto& row : rows) {
    EXPECT_EQ(AccumulatorType(row.lhs, row.rhs, row.result), row.accumulator)
        << Name(row.lhs) << ", " << Name(row.rhs) << " to " << Name(row.result);
  }
}

}  // namespace
}  // namespace dragoman::kernel
