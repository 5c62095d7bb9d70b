// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, feature by feature, in double precision.
#include <algorithm>
#include <cmath>

#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// The elements of x by their feature.
class Features {
 public:
  explicit Features(const OpCall& call)
      : dims_(call.operands[0].type().dims),
        feature_(call.op.attributes.Int(AttrKey::kFeatureIndex)),
        stride_(RowMajorStrides(dims_)[feature_]),
        epsilon_(TensorReader(call.op.attributes.GetLiteral(AttrKey::kEpsilon))[0].value.real()) {}

  int64_t count() const { return dims_[feature_]; }
  int64_t num_elements() const { return NumElements(dims_); }
  int64_t FeatureOf(int64_t linear) const { return linear / stride_ % count(); }
  double InverseDeviation(double variance) const { return 1 / std::sqrt(variance + epsilon_); }
  // The sum of term(element, feature) over each feature's elements.
  template <typename Term>
  std::vector<double> Sums(const Term& term) const {
    std::vector<double> sums(count(), 0.0);
    for (int64_t i = 0; i < num_elements(); ++i) sums[FeatureOf(i)] += term(i, FeatureOf(i));
    return sums;
  }
  template <typename Term>
  std::vector<double> Means(const Term& term) const {
    std::vector<double> means = Sums(term);
    const double n = static_cast<double>(num_elements()) / static_cast<double>(std::max<int64_t>(count(), 1));
    for (double& mean : means) mean /= n;
    return means;
  }

 private:
  const Dims dims_;
  const int64_t feature_;
  const int64_t stride_;
  const double epsilon_;
};

std::vector<double> Doubles(const Literal& literal) {
  const TensorReader reader(literal);
  std::vector<double> values;
  for (int64_t i = 0; i < literal.type().num_elements(); ++i) values.push_back(reader[i].value.real());
  return values;
}

Literal Written(const TensorType& type, const std::vector<double>& values) {
  TensorWriter writer(type);
  for (size_t i = 0; i < values.size(); ++i) writer.Set(static_cast<int64_t>(i), Number::Of(values[i]));
  return std::move(writer).Finish();
}

// One value a feature.
struct Moments {
  std::vector<double> mean, variance;
};
struct Affine {
  std::vector<double> scale, offset;
};

std::vector<double> Normalized(const Features& features, const std::vector<double>& x, const Moments& moments,
                               const Affine& affine) {
  std::vector<double> result(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t f = features.FeatureOf(static_cast<int64_t>(i));
    const double normal = (x[i] - moments.mean[f]) * features.InverseDeviation(moments.variance[f]);
    result[i] = normal * affine.scale[f] + affine.offset[f];
  }
  return result;
}

}  // namespace

Results EvaluateBatchNormTraining(const OpCall& call) {
  const Features features(call);
  const std::vector<double> x = Doubles(call.operands[0]);
  Moments moments;
  moments.mean = features.Means([&](int64_t i, int64_t) { return x[i]; });
  moments.variance =
      features.Means([&](int64_t i, int64_t f) { return (x[i] - moments.mean[f]) * (x[i] - moments.mean[f]); });
  const Affine affine{Doubles(call.operands[1]), Doubles(call.operands[2])};
  return std::vector<Literal>{Written(call.op.type(0), Normalized(features, x, moments, affine)),
                              Written(call.op.type(1), moments.mean), Written(call.op.type(2), moments.variance)};
}

Results EvaluateBatchNormInference(const OpCall& call) {
  const Affine affine{Doubles(call.operands[1]), Doubles(call.operands[2])};
  const Moments moments{Doubles(call.operands[3]), Doubles(call.operands[4])};
  const std::vector<double> result = Normalized(Features(call), Doubles(call.operands[0]), moments, affine);
  return std::vector<Literal>{Written(call.op.type(), result)};
}

Results EvaluateBatchNormGrad(const OpCall& call) {
  const Features features(call);
  const std::vector<double> x = Doubles(call.operands[0]), scale = Doubles(call.operands[1]),
                            mean = Doubles(call.operands[2]), variance = Doubles(call.operands[3]),
                            gradient = Doubles(call.operands[4]);
  const auto centered = [&](int64_t i, int64_t f) { return x[i] - mean[f]; };
  const auto product = [&](int64_t i, int64_t f) { return gradient[i] * centered(i, f); };
  const auto own = [&](int64_t i, int64_t) { return gradient[i]; };
  const std::vector<double> of_offset = features.Sums(own);
  std::vector<double> of_scale = features.Sums(product);
  const std::vector<double> mean_gradient = features.Means(own), mean_product = features.Means(product);
  std::vector<double> of_x(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t f = features.FeatureOf(static_cast<int64_t>(i));
    const double inverse = features.InverseDeviation(variance[f]);
    of_x[i] =
        scale[f] * inverse *
        (gradient[i] - mean_gradient[f] - centered(static_cast<int64_t>(i), f) * inverse * inverse * mean_product[f]);
  }
  for (size_t f = 0; f < of_scale.size(); ++f) of_scale[f] *= features.InverseDeviation(variance[f]);
  return std::vector<Literal>{Written(call.op.type(0), of_x), Written(call.op.type(1), of_scale),
                              Written(call.op.type(2), of_offset)};
}

}  // namespace dragoman::reference
