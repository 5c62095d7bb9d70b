// SPDX-License-Identifier: Apache-2.0
// Shape rules of data and movement ops.
#include "ir/shape_rules.h"

namespace dragoman::ir {

Types ConstantTypes(const Op& op) {
  const Literal& literal = op.attributes.GetLiteral(AttrKey::kValue);
  const auto size = static_cast<int64_t>(literal.bytes().size());
  RULE_EXPECT(size == literal.type().size_bytes() || size == SizeBytes(literal.type().dtype),
              "The literal of {} holds {} bytes.", literal.type().ToString(), size);
  return std::vector<TensorType>{literal.type()};
}

Types IotaTypes(const Op& op) {
  const int64_t dimension = op.attributes.Int(AttrKey::kIotaDimension);
  RULE_EXPECT(dimension >= 0 && dimension < op.type().rank(), "iota_dimension {} is not in {}.", dimension,
              op.type().ToString());
  return DeclaredTypes(op);
}

Types BitcastConvertTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const TensorType& to = op.type();
  const int from_bits = Info(from.dtype).bits;
  const int to_bits = Info(to.dtype).bits;
  const TensorType& longer = from_bits < to_bits ? from : to;
  const TensorType& shorter = from_bits < to_bits ? to : from;
  if (from_bits == to_bits) {
    RULE_EXPECT(from.dims == to.dims, "The shapes of {} and {} differ.", from.ToString(), to.ToString());
    return DeclaredTypes(op);
  }
  const int ratio = std::max(from_bits, to_bits) / std::min(from_bits, to_bits);
  Dims expected = shorter.dims;
  expected.push_back(ratio);
  RULE_EXPECT(longer.dims == expected, "The bits of {} and {} do not match.", from.ToString(), to.ToString());
  return DeclaredTypes(op);
}

Types BroadcastInDimTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const TensorType& to = op.type();
  const auto& dimensions = op.attributes.Ints(AttrKey::kBroadcastDimensions);
  RULE_EXPECT(static_cast<int>(dimensions.size()) == from.rank(), "broadcast_dimensions has {} entries for {}.",
              dimensions.size(), from.ToString());
  RETURN_IF_ERROR(ExpectDimensions(dimensions, to.rank(), "broadcast_dimensions"));
  for (size_t i = 0; i < dimensions.size(); ++i) {
    RULE_EXPECT(from.dims[i] == 1 || from.dims[i] == to.dims[dimensions[i]],
                "Dimension {} of {} does not broadcast to dimension {} of {}.", i, from.ToString(), dimensions[i],
                to.ToString());
  }
  return std::vector<TensorType>{{from.dtype, to.dims}};
}

Types ReshapeTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  RULE_EXPECT(from.num_elements() == op.type().num_elements(), "{} and {} differ in element count.", from.ToString(),
              op.type().ToString());
  return std::vector<TensorType>{{from.dtype, op.type().dims}};
}

Types TransposeTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const auto& permutation = op.attributes.Ints(AttrKey::kPermutation);
  RULE_EXPECT(static_cast<int>(permutation.size()) == from.rank(), "permutation has {} entries for {}.",
              permutation.size(), from.ToString());
  RETURN_IF_ERROR(ExpectDimensions(permutation, from.rank(), "permutation"));
  TensorType to{from.dtype, {}};
  for (const int64_t dimension : permutation) to.dims.push_back(from.dims[dimension]);
  return std::vector<TensorType>{to};
}

Types ReverseTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  RETURN_IF_ERROR(ExpectDimensions(op.attributes.Ints(AttrKey::kDimensions), from.rank(), "dimensions"));
  return std::vector<TensorType>{from};
}

Types ConcatenateTypes(const Op& op) {
  TensorType to = op.operands[0]->type;
  const int64_t dimension = op.attributes.Int(AttrKey::kDimension);
  RULE_EXPECT(dimension >= 0 && dimension < to.rank(), "dimension {} is not in {}.", dimension, to.ToString());
  for (size_t i = 1; i < op.operands.size(); ++i) {
    TensorType operand = op.operands[i]->type;
    RULE_EXPECT(operand.rank() == to.rank(), "Operand {} is {}, expected rank {}.", i, operand.ToString(), to.rank());
    const int64_t extent = std::exchange(operand.dims[dimension], to.dims[dimension]);
    RULE_EXPECT(operand == to, "Operand {} is {}, which does not fit the first.", i, op.operands[i]->type.ToString());
    to.dims[dimension] += extent;
  }
  return std::vector<TensorType>{to};
}

Types SliceTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const auto& starts = op.attributes.Ints(AttrKey::kStartIndices);
  const auto& limits = op.attributes.Ints(AttrKey::kLimitIndices);
  const auto& strides = op.attributes.Ints(AttrKey::kStrides);
  const size_t rank = from.dims.size();
  RULE_EXPECT(starts.size() == rank && limits.size() == rank && strides.size() == rank,
              "start_indices, limit_indices and strides have {}, {} and {} entries for {}.", starts.size(),
              limits.size(), strides.size(), from.ToString());
  TensorType to{from.dtype, {}};
  for (size_t i = 0; i < rank; ++i) {
    RULE_EXPECT(starts[i] >= 0 && starts[i] <= limits[i] && limits[i] <= from.dims[i] && strides[i] > 0,
                "The slice [{}:{}:{}] is not in dimension {} of {}.", starts[i], limits[i], strides[i], i,
                from.ToString());
    to.dims.push_back((limits[i] - starts[i] + strides[i] - 1) / strides[i]);
  }
  return std::vector<TensorType>{to};
}

Types PadTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const TensorType& value = op.operands[1]->type;
  RULE_EXPECT(value.rank() == 0 && value.dtype == from.dtype, "The padding value is {} for {}.", value.ToString(),
              from.ToString());
  const auto& low = op.attributes.Ints(AttrKey::kEdgePaddingLow);
  const auto& high = op.attributes.Ints(AttrKey::kEdgePaddingHigh);
  const auto& interior = op.attributes.Ints(AttrKey::kInteriorPadding);
  const size_t rank = from.dims.size();
  RULE_EXPECT(low.size() == rank && high.size() == rank && interior.size() == rank,
              "The paddings have {}, {} and {} entries for {}.", low.size(), high.size(), interior.size(),
              from.ToString());
  TensorType to{from.dtype, {}};
  for (size_t i = 0; i < rank; ++i) {
    RULE_EXPECT(interior[i] >= 0, "The interior padding {} is negative.", interior[i]);
    const int64_t extent = low[i] + from.dims[i] + std::max<int64_t>(from.dims[i] - 1, 0) * interior[i] + high[i];
    RULE_EXPECT(extent >= 0, "Padding leaves extent {} in dimension {} of {}.", extent, i, from.ToString());
    to.dims.push_back(extent);
  }
  return std::vector<TensorType>{to};
}

}  // namespace dragoman::ir
