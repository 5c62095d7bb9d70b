// SPDX-License-Identifier: Apache-2.0
// A convolution as a product: the batch axis counts groups, M runs over images and places of the result, N over the
// output features of a group, K over the window and the input features of a group. No patch matrix is ever formed: the
// input's index is computed from the digits.
//
// A dilated input is zero but at every `dilation`-th position, so a place of the result sees every `dilation`-th tap of
// the window; which ones is its phase (window_phases.h). N runs over phases too, and none of the zeros is multiplied.
#include <algorithm>

#include "lower/product/kinds.h"
#include "lower/product/lower_product.h"
#include "lower/product/window_phases.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

constexpr int64_t kMostPhases = 64;  // of all dimensions

// A digit before all digits are ordered: what it adds to which dimension of each tensor.
struct DigitUse {
  ProductDigit digit;
  std::vector<std::pair<int, int64_t>> lhs;  // dimension, factor
  std::vector<std::pair<int, int64_t>> rhs;
  std::vector<std::pair<int, int64_t>> out;
};

class ConvolutionMapper {
 public:
  explicit ConvolutionMapper(const ir::Op& op) : op_(op) {}

  Product Map() {
    SetAxes();
    AddGroup();
    AddM();
    AddN();
    AddK();
    Product product;
    product.accumulator = AccumulatorType(Lhs().dtype, Rhs().dtype, op_.type().dtype);
    product.lhs = MapOf(op_.operands[0], &DigitUse::lhs);
    product.rhs = MapOf(op_.operands[1], &DigitUse::rhs);
    product.out = MapOf(op_.result(), &DigitUse::out);
    for (const DigitUse& use : uses_) product.digits.push_back(use.digit);
    SetWindow(product);
    return product;
  }

 private:
  const TensorType& Lhs() const { return op_.operands[0]->type; }
  const TensorType& Rhs() const { return op_.operands[1]->type; }
  int Dim(AttrKey key) const { return static_cast<int>(op_.attributes.Int(key)); }
  const std::vector<int64_t>& List(AttrKey key) const { return op_.attributes.Ints(key); }
  size_t num_spatial() const { return List(AttrKey::kInputSpatialDimensions).size(); }
  int LhsDim(size_t i) const { return static_cast<int>(List(AttrKey::kInputSpatialDimensions)[i]); }
  int RhsDim(size_t i) const { return static_cast<int>(List(AttrKey::kKernelSpatialDimensions)[i]); }
  int OutDim(size_t i) const { return static_cast<int>(List(AttrKey::kOutputSpatialDimensions)[i]); }
  bool IsReversed(size_t i) const { return List(AttrKey::kWindowReversal)[i] != 0; }
  int64_t RhsFactor(size_t i, int64_t factor) const { return IsReversed(i) ? -factor : factor; }

  void SetAxes() {
    int64_t phases = 1;
    for (size_t i = 0; i < num_spatial(); ++i) {
      WindowAxis axis;
      axis.results = op_.type().dims[OutDim(i)];
      axis.taps = Rhs().dims[RhsDim(i)];
      axis.input_result = List(AttrKey::kWindowStrides)[i];
      axis.input_tap = List(AttrKey::kRhsDilation)[i];
      axis.input_offset = -List(AttrKey::kPadding)[2 * i];
      axis.dilation = List(AttrKey::kLhsDilation)[i];
      axes_.push_back(InPhases(axis, kMostPhases / phases));
      phases *= axes_.back().phases;
    }
  }

  void AddGroup() {
    const int64_t feature_groups = op_.attributes.Int(AttrKey::kFeatureGroupCount);
    const int64_t batch_groups = op_.attributes.Int(AttrKey::kBatchGroupCount);
    groups_ = std::max(feature_groups, batch_groups);
    group_features_ = Rhs().dims[Dim(AttrKey::kKernelOutputFeatureDimension)] / groups_;
    DigitUse use{{ProductAxis::kBatch, groups_}, {}, {}, {}};
    if (feature_groups > 1) {
      const int64_t inputs = Rhs().dims[Dim(AttrKey::kKernelInputFeatureDimension)];
      use.lhs = {{Dim(AttrKey::kInputFeatureDimension), inputs}};
    } else {
      const int64_t images = Lhs().dims[Dim(AttrKey::kInputBatchDimension)] / batch_groups;
      use.lhs = {{Dim(AttrKey::kInputBatchDimension), images}};
    }
    use.rhs = {{Dim(AttrKey::kKernelOutputFeatureDimension), group_features_}};
    use.out = {{Dim(AttrKey::kOutputFeatureDimension), group_features_}};
    uses_.push_back(std::move(use));
  }

  // In the order of the result's dimensions, so that its digits merge.
  void AddM() {
    std::vector<DigitUse> uses;
    const int batch = Dim(AttrKey::kOutputBatchDimension);
    uses.push_back(
        {{ProductAxis::kM, op_.type().dims[batch]}, {{Dim(AttrKey::kInputBatchDimension), 1}}, {}, {{batch, 1}}});
    for (size_t i = 0; i < num_spatial(); ++i) {
      const WindowAxis& axis = axes_[i];
      uses.push_back(
          {{ProductAxis::kM, axis.results}, {{LhsDim(i), axis.input_result}}, {}, {{OutDim(i), axis.result_step}}});
    }
    std::sort(uses.begin(), uses.end(),
              [](const DigitUse& a, const DigitUse& b) { return a.out[0].first < b.out[0].first; });
    uses_.insert(uses_.end(), uses.begin(), uses.end());
  }

  // Phases before features, so that what a workgroup computes has one phase where there are many features.
  void AddN() {
    for (size_t i = 0; i < num_spatial(); ++i) {
      const WindowAxis& axis = axes_[i];
      uses_.push_back({{ProductAxis::kN, axis.phases},
                       {},
                       {{RhsDim(i), RhsFactor(i, axis.tap_phase)}},
                       {{OutDim(i), axis.result_phase}}});
    }
    uses_.push_back({{ProductAxis::kN, group_features_},
                     {},
                     {{Dim(AttrKey::kKernelOutputFeatureDimension), 1}},
                     {{Dim(AttrKey::kOutputFeatureDimension), 1}}});
  }

  // In the order of the kernel's dimensions, so that its digits merge.
  void AddK() {
    std::vector<DigitUse> uses;
    const int feature = Dim(AttrKey::kKernelInputFeatureDimension);
    uses.push_back(
        {{ProductAxis::kK, Rhs().dims[feature]}, {{Dim(AttrKey::kInputFeatureDimension), 1}}, {{feature, 1}}, {}});
    for (size_t i = 0; i < num_spatial(); ++i) {
      const WindowAxis& axis = axes_[i];
      uses.push_back({{ProductAxis::kK, axis.taps},
                      {{LhsDim(i), axis.input_tap}},
                      {{RhsDim(i), RhsFactor(i, axis.tap_step)}},
                      {}});
    }
    std::sort(uses.begin(), uses.end(),
              [](const DigitUse& a, const DigitUse& b) { return a.rhs[0].first < b.rhs[0].first; });
    uses_.insert(uses_.end(), uses.begin(), uses.end());
  }

  OperandMap MapOf(const ir::Value* value, std::vector<std::pair<int, int64_t>> DigitUse::*side) const {
    OperandMap map;
    map.value = value;
    for (const int64_t extent : value->type.dims) {
      map.dims.push_back({extent, 0, 1, std::vector<int64_t>(uses_.size(), 0)});
    }
    for (size_t d = 0; d < uses_.size(); ++d) {
      for (const auto& [dim, factor] : uses_[d].*side) map.dims[dim].factors[d] += factor;
    }
    return map;
  }

  void SetWindow(Product& product) const {
    for (size_t i = 0; i < num_spatial(); ++i) {
      const WindowAxis& axis = axes_[i];
      DimMap& lhs = product.lhs.dims[LhsDim(i)];
      lhs.offset = axis.input_offset;
      lhs.dilation = axis.dilation;
      DimMap& rhs = product.rhs.dims[RhsDim(i)];
      rhs.offset = IsReversed(i) ? rhs.extent - 1 - axis.tap_offset : axis.tap_offset;
      product.out.dims[OutDim(i)].offset = axis.result_offset;
    }
  }

  const ir::Op& op_;
  int64_t groups_ = 1;
  int64_t group_features_ = 1;
  std::vector<WindowAxis> axes_;  // one a spatial dimension
  std::vector<DigitUse> uses_;
};

}  // namespace

Product ConvolutionProduct(const ir::Op& op) { return ConvolutionMapper(op).Map(); }

StatusOr<LoweredGroup> LowerConvolution(const fusion::Group& group, const target::CompileContext& context) {
  return LowerProduct(group, context, ConvolutionProduct(*group.hero));
}

}  // namespace dragoman::kernel
