// SPDX-License-Identifier: Apache-2.0
// Shape rules of collectives. How many devices take part is known only where groups are named.
#include <unordered_set>

#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

// Device numbers, each once; every group ends in -1.
Status ExpectGroups(const Op& op) {
  const std::vector<int64_t>& groups = op.attributes.Ints(AttrKey::kReplicaGroups);
  std::unordered_set<int64_t> seen;
  for (const int64_t device : groups) {
    RULE_EXPECT(device >= -1, "A group has the device {}.", device);
    RULE_EXPECT(device == -1 || seen.insert(device).second, "Device {} is in groups twice.", device);
  }
  RULE_EXPECT(groups.empty() || groups.back() == -1, "The last group of {} does not end in -1.", Info(op.code).name);
  return OkStatus();
}

// Two scalars to one. It may be wider than the operands.
Status ExpectCombiner(const Op& op) {
  const Block& region = *op.regions[0];
  RULE_EXPECT(region.arguments.size() == 2, "The region has {} arguments, expected 2.", region.arguments.size());
  const DType dtype = region.arguments[0]->type.dtype;
  return ExpectScalarRegion(region, {dtype, dtype}, {dtype});
}

// That `large` has a multiple of `small`'s extent in one dimension and the same ones elsewhere.
Status ExpectMultiple(const TensorType& small, const TensorType& large, int64_t dimension) {
  RULE_EXPECT(small.dtype == large.dtype && small.rank() == large.rank(), "{} does not fit {}.", small.ToString(),
              large.ToString());
  RULE_EXPECT(dimension >= 0 && dimension < small.rank(), "There is no dimension {} in {}.", dimension,
              small.ToString());
  for (int64_t d = 0; d < small.rank(); ++d) {
    const bool fits = d != dimension ? large.dims[d] == small.dims[d]
                                     : large.dims[d] == 0 || (small.dims[d] != 0 && large.dims[d] % small.dims[d] == 0);
    RULE_EXPECT(fits, "{} is not made of parts of {} along dimension {}.", large.ToString(), small.ToString(),
                dimension);
  }
  return OkStatus();
}

Status ExpectResultPerOperand(const Op& op) {
  RULE_EXPECT(op.results.size() == op.operands.size(), "{} has {} results for {} operands.", Info(op.code).name,
              op.results.size(), op.operands.size());
  return OkStatus();
}

}  // namespace

Types AllReduceTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectGroups(op));
  RETURN_IF_ERROR(ExpectCombiner(op));
  return OperandTypes(op);
}

Types AllGatherTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectGroups(op));
  RETURN_IF_ERROR(ExpectResultPerOperand(op));
  const int64_t dimension = op.attributes.Int(AttrKey::kAllGatherDim);
  for (size_t i = 0; i < op.operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectMultiple(op.operands[i]->type, op.results[i]->type, dimension));
  }
  return DeclaredTypes(op);
}

Types ReduceScatterTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectGroups(op));
  RETURN_IF_ERROR(ExpectCombiner(op));
  RETURN_IF_ERROR(ExpectResultPerOperand(op));
  const int64_t dimension = op.attributes.Int(AttrKey::kScatterDimension);
  for (size_t i = 0; i < op.operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectMultiple(op.results[i]->type, op.operands[i]->type, dimension));
  }
  return DeclaredTypes(op);
}

Types AllToAllTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectGroups(op));
  const int64_t split = op.attributes.Int(AttrKey::kSplitDimension);
  const int64_t concat = op.attributes.Int(AttrKey::kConcatDimension);
  const int64_t count = op.attributes.Int(AttrKey::kSplitCount);
  RULE_EXPECT(count > 0, "The split count is {}.", count);
  std::vector<TensorType> types = *OperandTypes(op);
  for (TensorType& type : types) {
    RULE_EXPECT(split >= 0 && concat >= 0 && split < type.rank() && concat < type.rank(),
                "{} has no dimension {} or {}.", type.ToString(), split, concat);
    RULE_EXPECT(type.dims[split] % count == 0, "{} cannot be split into {} parts.", type.ToString(), count);
    type.dims[split] /= count;
    type.dims[concat] *= count;
  }
  return types;
}

Types CollectivePermuteTypes(const Op& op) {
  const std::vector<int64_t>& pairs = op.attributes.Ints(AttrKey::kSourceTargetPairs);
  RULE_EXPECT(pairs.size() % 2 == 0, "{} numbers are no pairs of source and target.", pairs.size());
  std::unordered_set<int64_t> seen[2];
  for (size_t i = 0; i < pairs.size(); ++i) {
    RULE_EXPECT(pairs[i] >= 0 && seen[i % 2].insert(pairs[i]).second, "Device {} sends or receives twice.", pairs[i]);
  }
  return OperandTypes(op);
}

Types CollectiveBroadcastTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectGroups(op));
  return OperandTypes(op);
}

Types DeviceNumberTypes(const Op&) { return std::vector<TensorType>{{DType::kU32, {}}}; }

}  // namespace dragoman::ir
