// SPDX-License-Identifier: Apache-2.0
// Shape rules of batch normalisation: x of any rank, and vectors with one value for each of its features.
#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

// x and the vectors at `first` to `last` of the operands.
StatusOr<TensorType> FeatureType(const Op& op, size_t first, size_t last) {
  const TensorType& x = op.operands[0]->type;
  const int64_t feature = op.attributes.Int(AttrKey::kFeatureIndex);
  RULE_EXPECT(IsFloat(x.dtype) && feature >= 0 && feature < x.rank(), "{} has no features in dimension {}.",
              x.ToString(), feature);
  const TensorType& epsilon = op.attributes.GetLiteral(AttrKey::kEpsilon).type();
  RULE_EXPECT(epsilon == (TensorType{DType::kF32, {}}), "The epsilon is {}.", epsilon.ToString());
  const TensorType vector{x.dtype, {x.dims[feature]}};
  for (size_t i = first; i <= last; ++i) {
    const TensorType& type = op.operands[i]->type;
    RULE_EXPECT(type == vector, "Operand {} is {}, expected {}.", i, type.ToString(), vector.ToString());
  }
  return vector;
}

}  // namespace

Types BatchNormTrainingTypes(const Op& op) {
  ASSIGN_OR_RETURN(const TensorType vector, FeatureType(op, 1, 2));
  return std::vector<TensorType>{op.operands[0]->type, vector, vector};
}

Types BatchNormInferenceTypes(const Op& op) {
  RETURN_IF_ERROR(FeatureType(op, 1, 4).status());
  return std::vector<TensorType>{op.operands[0]->type};
}

Types BatchNormGradTypes(const Op& op) {
  ASSIGN_OR_RETURN(const TensorType vector, FeatureType(op, 1, 3));
  const TensorType& x = op.operands[0]->type;
  RULE_EXPECT(op.operands[4]->type == x, "The gradient is {} for {}.", op.operands[4]->type.ToString(), x.ToString());
  return std::vector<TensorType>{x, vector, vector};
}

}  // namespace dragoman::ir
