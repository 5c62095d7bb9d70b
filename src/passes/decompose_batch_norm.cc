// SPDX-License-Identifier: Apache-2.0
// Batch normalisation (Ioffe and Szegedy 2015) and its gradient, of StableHLO's batch_norm_* operations.
#include <algorithm>

#include "passes/decompose_rules.h"
#include "reference/evaluator.h"

namespace dragoman::passes {
namespace {

// Batch normalisation of one op: its operands in the type to compute in, which is f32 for narrower floats.
class BatchNorm {
 public:
  BatchNorm(const Op& op, Builder& builder)
      : op_(op), b_(builder), x_type_(op.operands[0]->type), feature_(op.attributes.Int(AttrKey::kFeatureIndex)) {
    dtype_ = x_type_.dtype == DType::kF64 ? DType::kF64 : DType::kF32;
    for (int64_t dim = 0; dim < x_type_.rank(); ++dim) {
      if (dim != feature_) others_.push_back(dim);
    }
    count_ =
        static_cast<double>(x_type_.num_elements()) / static_cast<double>(std::max<int64_t>(x_type_.dims[feature_], 1));
  }

  Value* Operand(int i) { return Computed(op_.operands[i]); }
  Value* AsResult(Value* value) { return Stored(value, x_type_.dtype); }
  // A vector of the features, at each element of x.
  Value* Wide(Value* vector) { return b_.Broadcast(vector, x_type_.dims, {feature_}); }
  Value* Sum(Value* value) { return b_.Sum(value, others_); }
  Value* Mean(Value* value) { return OverCount(Sum(value)); }
  // An empty sum over an empty count is NaN, as XLA's.
  Value* OverCount(Value* vector) { return b_.Divide(vector, b_.SplatLike(vector, count_)); }
  // 1 / sqrt(variance + epsilon)
  Value* InverseDeviation(Value* variance) {
    const double epsilon = reference::ElementAsDouble(op_.attributes.GetLiteral(AttrKey::kEpsilon), 0);
    return b_.Unary(OpCode::kRsqrt, b_.Add(variance, b_.SplatLike(variance, epsilon)));
  }
  Value* Centered(Value* x, Value* mean) { return b_.Subtract(x, Wide(mean)); }
  // Of what is centered.
  Value* Normalized(Value* centered, Value* variance, Value* scale, Value* offset) {
    Value* factor = b_.Multiply(InverseDeviation(variance), scale);
    return b_.Add(b_.Multiply(centered, Wide(factor)), Wide(offset));
  }
  Builder& builder() { return b_; }

 private:
  Value* Computed(Value* value) { return value->type.dtype == dtype_ ? value : b_.Convert(value, dtype_); }
  Value* Stored(Value* value, DType dtype) { return value->type.dtype == dtype ? value : b_.Convert(value, dtype); }

  const Op& op_;
  Builder& b_;
  const TensorType x_type_;
  const int64_t feature_;
  DType dtype_;
  std::vector<int64_t> others_;
  double count_;  // elements a feature
};

}  // namespace

StatusOr<Replacement> DecomposeBatchNormTraining(Op& op, RewriteContext& context) {
  BatchNorm norm(op, context.builder);
  Builder& b = norm.builder();
  Value* x = norm.Operand(0);
  Value* mean = norm.Mean(x);
  Value* centered = norm.Centered(x, mean);
  Value* variance = norm.Mean(b.Multiply(centered, centered));
  Value* result = norm.Normalized(centered, variance, norm.Operand(1), norm.Operand(2));
  return Replacement({norm.AsResult(result), norm.AsResult(mean), norm.AsResult(variance)});
}

StatusOr<Replacement> DecomposeBatchNormInference(Op& op, RewriteContext& context) {
  BatchNorm norm(op, context.builder);
  Value* centered = norm.Centered(norm.Operand(0), norm.Operand(3));
  return ReplaceWith(norm.AsResult(norm.Normalized(centered, norm.Operand(4), norm.Operand(1), norm.Operand(2))));
}

// With n elements a feature, d the inverse deviation, c the centered x and g the gradient:
//   offset: sum(g)   scale: d sum(g c)   x: scale d (g - sum(g) / n - c d^2 sum(g c) / n)
StatusOr<Replacement> DecomposeBatchNormGrad(Op& op, RewriteContext& context) {
  BatchNorm norm(op, context.builder);
  Builder& b = norm.builder();
  Value* centered = norm.Centered(norm.Operand(0), norm.Operand(2));
  Value* inverse = norm.InverseDeviation(norm.Operand(3));
  Value* gradient = norm.Operand(4);
  Value* sum = norm.Sum(gradient);
  Value* sum_of_products = norm.Sum(b.Multiply(gradient, centered));
  Value* slope = b.Multiply(norm.OverCount(sum_of_products), b.Multiply(inverse, inverse));
  Value* inner =
      b.Subtract(b.Subtract(gradient, norm.Wide(norm.OverCount(sum))), b.Multiply(centered, norm.Wide(slope)));
  Value* x = b.Multiply(norm.Wide(b.Multiply(norm.Operand(1), inverse)), inner);
  Value* scale = b.Multiply(inverse, sum_of_products);
  return Replacement({norm.AsResult(x), norm.AsResult(scale), norm.AsResult(sum)});
}

}  // namespace dragoman::passes
