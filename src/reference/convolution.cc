// SPDX-License-Identifier: Apache-2.0
#include "reference/op_functions.h"
#include "reference/products.h"
#include "reference/windows.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// Where batch (or output feature), feature and spatial dimensions lie in one of the three arrays, as strides.
struct Layout {
  int64_t outer;    // batch of input and output, output feature of the kernel
  int64_t feature;  // feature of input and output, input feature of the kernel
  Dims spatial;
};

Layout StridesOf(const TensorType& type, int64_t outer, int64_t feature, const std::vector<int64_t>& spatial) {
  const Dims strides = RowMajorStrides(type.dims);
  Layout layout{strides[outer], strides[feature], {}};
  for (const int64_t d : spatial) layout.spatial.push_back(strides[d]);
  return layout;
}

struct Convolution {
  Window window;
  Dims input_extents;   // spatial
  Dims output_extents;  // spatial
  std::vector<int64_t> is_reversed;
  Layout input;
  Layout kernel;
  Layout output;
  int64_t num_batches;  // of the output
  int64_t num_output_features;
  int64_t features_per_group;  // input features of the kernel
  int64_t feature_groups;
  int64_t batch_groups;
};

Convolution Describe(const OpCall& call) {
  const ir::Attributes& a = call.op.attributes;
  const Dims& input = call.operands[0].type().dims;
  const Dims& kernel = call.operands[1].type().dims;
  const Dims& output = call.op.type().dims;
  const auto& kernel_spatial = a.Ints(AttrKey::kKernelSpatialDimensions);
  const int64_t output_feature = a.Int(AttrKey::kOutputFeatureDimension);
  Convolution c;
  for (size_t d = 0; d < kernel_spatial.size(); ++d) {
    c.window.push_back({.size = kernel[kernel_spatial[d]],
                        .stride = a.Ints(AttrKey::kWindowStrides)[d],
                        .base_dilation = a.Ints(AttrKey::kLhsDilation)[d],
                        .window_dilation = a.Ints(AttrKey::kRhsDilation)[d],
                        .padding_low = a.Ints(AttrKey::kPadding)[2 * d]});
    c.input_extents.push_back(input[a.Ints(AttrKey::kInputSpatialDimensions)[d]]);
    c.output_extents.push_back(output[a.Ints(AttrKey::kOutputSpatialDimensions)[d]]);
  }
  c.is_reversed = a.Ints(AttrKey::kWindowReversal);
  c.input = StridesOf(call.operands[0].type(), a.Int(AttrKey::kInputBatchDimension),
                      a.Int(AttrKey::kInputFeatureDimension), a.Ints(AttrKey::kInputSpatialDimensions));
  c.kernel = StridesOf(call.operands[1].type(), a.Int(AttrKey::kKernelOutputFeatureDimension),
                       a.Int(AttrKey::kKernelInputFeatureDimension), kernel_spatial);
  c.output = StridesOf(call.op.type(), a.Int(AttrKey::kOutputBatchDimension), output_feature,
                       a.Ints(AttrKey::kOutputSpatialDimensions));
  c.num_batches = output[a.Int(AttrKey::kOutputBatchDimension)];
  c.num_output_features = output[output_feature];
  c.features_per_group = kernel[a.Int(AttrKey::kKernelInputFeatureDimension)];
  c.feature_groups = a.Int(AttrKey::kFeatureGroupCount);
  c.batch_groups = a.Int(AttrKey::kBatchGroupCount);
  return c;
}

template <typename T>
class Evaluation {
 public:
  Evaluation(const Convolution& convolution, const OpCall& call)
      : c_(convolution), input_(Unpack<T>(call.operands[0])), kernel_(Unpack<T>(call.operands[1])) {}

  // The output element of a batch and an output feature at a spatial position.
  T At(int64_t batch, int64_t feature, const Dims& position) const {
    // Output features are divided among the groups; so are input features or, for batch groups, input batches.
    const int64_t feature_group = feature / (c_.num_output_features / c_.feature_groups);
    const int64_t batch_group = feature / (c_.num_output_features / c_.batch_groups);
    const int64_t input_base = (batch_group * c_.num_batches + batch) * c_.input.outer +
                               feature_group * c_.features_per_group * c_.input.feature;
    const int64_t kernel_base = feature * c_.kernel.outer;
    T sum{};
    ForEachIndex(SizesOf(c_.window), [&](const Dims& tap, int64_t) {
      const std::optional<int64_t> source = SourceOf(c_.window, position, tap, c_.input_extents, c_.input.spatial);
      if (!source.has_value()) return;
      const int64_t kernel_at = kernel_base + KernelOffset(tap);
      for (int64_t k = 0; k < c_.features_per_group; ++k) {
        sum += Product(input_[input_base + *source + k * c_.input.feature], kernel_[kernel_at + k * c_.kernel.feature]);
      }
    });
    return sum;
  }

 private:
  int64_t KernelOffset(const Dims& tap) const {
    int64_t offset = 0;
    for (size_t d = 0; d < tap.size(); ++d) {
      offset += (c_.is_reversed[d] != 0 ? c_.window[d].size - 1 - tap[d] : tap[d]) * c_.kernel.spatial[d];
    }
    return offset;
  }

  const Convolution& c_;
  std::vector<T> input_;
  std::vector<T> kernel_;
};

template <typename T>
Literal Convolve(const Convolution& c, const OpCall& call) {
  const Evaluation<T> evaluation(c, call);
  TensorWriter writer(call.op.type());
  ForEachIndex(c.output_extents, [&](const Dims& position, int64_t) {
    const int64_t spatial = LinearIndex(position, c.output.spatial);
    for (int64_t batch = 0; batch < c.num_batches; ++batch) {
      for (int64_t feature = 0; feature < c.num_output_features; ++feature) {
        const int64_t at = batch * c.output.outer + feature * c.output.feature + spatial;
        writer.Set(at, Give(evaluation.At(batch, feature, position)));
      }
    }
  });
  return std::move(writer).Finish();
}

}  // namespace

Results EvaluateConvolution(const OpCall& call) {
  const Convolution convolution = Describe(call);
  const auto convolve = [&]<typename T>() { return Convolve<T>(convolution, call); };
  return std::vector<Literal>{DRAGOMAN_WITH_SUM_TYPE(call.operands[0].type().dtype, convolve)};
}

}  // namespace dragoman::reference
