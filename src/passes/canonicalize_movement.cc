// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "passes/canonicalize_rules.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

// A movement of equal elements gives such elements again.
Replacement MoveSplat(Op& op, Builder& builder) {
  if (!IsSplatConstant(op.operands[0])) return kKeep;
  return ReplaceWith(builder.Constant(ConstantOf(op.operands[0])->Reshaped(op.type().dims)));
}

Replacement SplatIfAllEqual(Op& op, Builder& builder) {
  const ir::Literal& literal = op.attributes.GetLiteral(AttrKey::kValue);
  const auto size = static_cast<size_t>(SizeBytes(literal.type().dtype));
  const std::vector<std::byte>& bytes = literal.bytes();
  if (bytes.size() <= size) return kKeep;
  if (!std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(), bytes.begin())) return kKeep;
  return ReplaceWith(builder.Constant(ir::Literal(literal.type(), {bytes.begin(), bytes.begin() + size})));
}

Replacement IotaOfOne(Op& op, Builder& builder) {
  if (op.type().dims[op.attributes.Int(AttrKey::kIotaDimension)] != 1) return kKeep;
  return ReplaceWith(builder.Splat(op.type(), 0));
}

// --- broadcast_in_dim

Replacement BroadcastOfBroadcast(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kBroadcastInDim);
  if (inner == nullptr) return kKeep;
  std::vector<int64_t> dimensions;
  for (const int64_t d : inner->attributes.Ints(AttrKey::kBroadcastDimensions)) {
    dimensions.push_back(op.attributes.Ints(AttrKey::kBroadcastDimensions)[d]);
  }
  return ReplaceWith(builder.Broadcast(inner->operands[0], op.type().dims, std::move(dimensions)));
}

bool IsIncreasing(const std::vector<int64_t>& list) { return std::is_sorted(list.begin(), list.end()); }

// The operand without its dimensions of extent 1: they lie anywhere in the result alike.
Replacement BroadcastOfUnits(Op& op, Builder& builder) {
  Value* operand = op.operands[0];
  const std::vector<int64_t> kept = NonUnitDims(operand->type.dims);
  if (kept.size() == operand->type.dims.size()) return kKeep;
  Dims squeezed;
  std::vector<int64_t> dimensions;
  for (const int64_t d : kept) {
    squeezed.push_back(operand->type.dims[d]);
    dimensions.push_back(op.attributes.Ints(AttrKey::kBroadcastDimensions)[d]);
  }
  return ReplaceWith(builder.Broadcast(builder.Reshape(operand, squeezed), op.type().dims, std::move(dimensions)));
}

Replacement BroadcastThatAddsUnits(Op& op, Builder& builder) {
  const bool keeps_elements = op.operands[0]->type.num_elements() == op.type().num_elements();
  if (!keeps_elements || !IsIncreasing(op.attributes.Ints(AttrKey::kBroadcastDimensions))) return kKeep;
  return ReplaceWith(builder.Reshape(op.operands[0], op.type().dims));
}

// --- reshape

Replacement ReshapeOfReshape(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kReshape);
  if (inner == nullptr) return kKeep;
  return ReplaceWith(builder.Reshape(inner->operands[0], op.type().dims));
}

Replacement ReshapeOfConstant(Op& op, Builder& builder) {
  const ir::Literal* literal = ConstantOf(op.operands[0]);
  if (literal == nullptr) return kKeep;
  return ReplaceWith(builder.Constant(literal->Reshaped(op.type().dims)));
}

Replacement ReshapeToSameShape(Op& op, Builder&) {
  return op.operands[0]->type == op.type() ? ReplaceWith(op.operands[0]) : kKeep;
}

// A reshape that adds or drops dimensions of extent 1 keeps the broadcast; so does any reshape of a scalar's broadcast.
Replacement ReshapeOfBroadcast(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kBroadcastInDim);
  if (inner == nullptr) return kKeep;
  Value* source = inner->operands[0];
  if (source->type.rank() == 0) return ReplaceWith(builder.Broadcast(source, op.type().dims, {}));
  const Dims& from = inner->type().dims;
  if (!SameButUnits(from, op.type().dims)) return kKeep;
  const std::vector<int64_t> from_kept = NonUnitDims(from);
  const std::vector<int64_t> to_kept = NonUnitDims(op.type().dims);
  std::vector<int64_t> dimensions;
  for (const int64_t d : inner->attributes.Ints(AttrKey::kBroadcastDimensions)) {
    const auto found = std::find(from_kept.begin(), from_kept.end(), d);
    if (found == from_kept.end()) return kKeep;
    dimensions.push_back(to_kept[static_cast<size_t>(found - from_kept.begin())]);
  }
  return ReplaceWith(builder.Broadcast(source, op.type().dims, std::move(dimensions)));
}

// --- transpose

Replacement TransposeOfTranspose(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kTranspose);
  if (inner == nullptr) return kKeep;
  std::vector<int64_t> permutation;
  for (const int64_t d : op.attributes.Ints(AttrKey::kPermutation)) {
    permutation.push_back(inner->attributes.Ints(AttrKey::kPermutation)[d]);
  }
  return ReplaceWith(builder.Transpose(inner->operands[0], std::move(permutation)));
}

Replacement TransposeOfUnits(Op& op, Builder& builder) {
  std::vector<int64_t> moved;
  for (const int64_t d : op.attributes.Ints(AttrKey::kPermutation)) {
    if (op.operands[0]->type.dims[d] != 1) moved.push_back(d);
  }
  if (!IsIncreasing(moved)) return kKeep;
  return ReplaceWith(builder.Reshape(op.operands[0], op.type().dims));
}

Replacement TransposeOfBroadcast(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kBroadcastInDim);
  if (inner == nullptr) return kKeep;
  const auto& permutation = op.attributes.Ints(AttrKey::kPermutation);
  std::vector<int64_t> dimensions;
  for (const int64_t d : inner->attributes.Ints(AttrKey::kBroadcastDimensions)) {
    dimensions.push_back(std::find(permutation.begin(), permutation.end(), d) - permutation.begin());
  }
  if (!IsIncreasing(dimensions)) return kKeep;
  return ReplaceWith(builder.Broadcast(inner->operands[0], op.type().dims, std::move(dimensions)));
}

// --- slice, pad, concatenate, reverse

Replacement SliceOfSlice(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kSlice);
  if (inner == nullptr) return kKeep;
  Attributes attributes = op.attributes;
  std::vector<int64_t> starts, limits, strides;
  for (size_t d = 0; d < op.type().dims.size(); ++d) {
    const int64_t outer_stride = op.attributes.Ints(AttrKey::kStrides)[d];
    const int64_t inner_stride = inner->attributes.Ints(AttrKey::kStrides)[d];
    const int64_t start = inner->attributes.Ints(AttrKey::kStartIndices)[d] +
                          op.attributes.Ints(AttrKey::kStartIndices)[d] * inner_stride;
    starts.push_back(start);
    strides.push_back(outer_stride * inner_stride);
    limits.push_back(start + (op.type().dims[d] - 1) * strides.back() + 1);
  }
  attributes.Set(AttrKey::kStartIndices, std::move(starts));
  attributes.Set(AttrKey::kLimitIndices, std::move(limits));
  attributes.Set(AttrKey::kStrides, std::move(strides));
  return ReplaceWith(builder.Make(OpCode::kSlice, {inner->operands[0]}, std::move(attributes))->result());
}

// Where the slice lies in one operand alone.
Replacement SliceOfConcatenate(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kConcatenate);
  if (inner == nullptr) return kKeep;
  const int64_t dimension = inner->attributes.Int(AttrKey::kDimension);
  std::vector<int64_t> starts = op.attributes.Ints(AttrKey::kStartIndices);
  std::vector<int64_t> limits = op.attributes.Ints(AttrKey::kLimitIndices);
  int64_t begin = 0;
  for (Value* operand : inner->operands) {
    const int64_t end = begin + operand->type.dims[dimension];
    if (starts[dimension] >= begin && limits[dimension] <= end) {
      starts[dimension] -= begin;
      limits[dimension] -= begin;
      if (operand->type == op.type()) return ReplaceWith(operand);
      Attributes attributes = op.attributes;
      attributes.Set(AttrKey::kStartIndices, std::move(starts));
      attributes.Set(AttrKey::kLimitIndices, std::move(limits));
      return ReplaceWith(builder.Make(OpCode::kSlice, {operand}, std::move(attributes))->result());
    }
    begin = end;
  }
  return kKeep;
}

// Where the slice takes whole rows of what is broadcast, wherever it starts: all places along the other dimensions hold
// the same.
Replacement SliceOfBroadcast(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kBroadcastInDim);
  if (inner == nullptr) return kKeep;
  const auto& dimensions = inner->attributes.Ints(AttrKey::kBroadcastDimensions);
  for (size_t i = 0; i < dimensions.size(); ++i) {
    const int64_t extent = inner->operands[0]->type.dims[i];
    if (extent != 1 && op.type().dims[dimensions[i]] != extent) return kKeep;
  }
  return ReplaceWith(builder.Broadcast(inner->operands[0], op.type().dims, dimensions));
}

Replacement SliceOfAll(Op& op, Builder&) {
  return op.operands[0]->type == op.type() ? ReplaceWith(op.operands[0]) : kKeep;
}

Replacement ConcatenateOfEmpty(Op& op, Builder& builder) {
  std::vector<Value*> operands;
  std::copy_if(op.operands.begin(), op.operands.end(), std::back_inserter(operands),
               [](const Value* operand) { return operand->type.num_elements() != 0; });
  if (operands.size() == op.operands.size()) return kKeep;
  if (operands.size() == 1) return ReplaceWith(operands[0]);
  return ReplaceWith(builder.Concatenate(std::move(operands), op.attributes.Int(AttrKey::kDimension)));
}

Replacement ConcatenateOfOneSplat(Op& op, Builder& builder) {
  const ir::Literal* first = ConstantOf(op.operands[0]);
  for (const Value* operand : op.operands) {
    if (!IsSplatConstant(operand) || ConstantOf(operand)->bytes() != first->bytes()) return kKeep;
  }
  return ReplaceWith(builder.Constant(first->Reshaped(op.type().dims)));
}

Replacement PadOfNothing(Op& op, Builder& builder) {
  if (op.operands[0]->type.num_elements() != 0) return kKeep;
  return ReplaceWith(builder.Fill(op.operands[1], op.type().dims));
}

Replacement PadOfSameSplat(Op& op, Builder& builder) {
  if (!IsSplatConstant(op.operands[0]) || !IsSplatConstant(op.operands[1])) return kKeep;
  if (ConstantOf(op.operands[0])->bytes() != ConstantOf(op.operands[1])->bytes()) return kKeep;
  return ReplaceWith(builder.Constant(ConstantOf(op.operands[1])->Reshaped(op.type().dims)));
}

Replacement PadThatCuts(Op& op, Builder& builder) {
  const Dims& from = op.operands[0]->type.dims;
  std::vector<int64_t> starts, limits;
  for (size_t d = 0; d < from.size(); ++d) {
    const int64_t low = op.attributes.Ints(AttrKey::kEdgePaddingLow)[d];
    const int64_t high = op.attributes.Ints(AttrKey::kEdgePaddingHigh)[d];
    const bool cuts = low <= 0 && high <= 0 && (op.attributes.Ints(AttrKey::kInteriorPadding)[d] == 0 || from[d] <= 1);
    if (!cuts || from[d] + low + high < 0) return kKeep;
    starts.push_back(-low);
    limits.push_back(from[d] + high);
  }
  if (op.operands[0]->type == op.type()) return ReplaceWith(op.operands[0]);
  return ReplaceWith(builder.Slice(op.operands[0], std::move(starts), std::move(limits)));
}

Replacement ReverseOfReverse(Op& op, Builder& builder) {
  const Op* inner = DefinedBy(op.operands[0], OpCode::kReverse);
  if (inner == nullptr) return kKeep;
  const auto& outer_dims = op.attributes.Ints(AttrKey::kDimensions);
  const auto& inner_dims = inner->attributes.Ints(AttrKey::kDimensions);
  std::vector<int64_t> dimensions;
  for (int64_t d = 0; d < op.type().rank(); ++d) {
    if (Contains(outer_dims, d) != Contains(inner_dims, d)) dimensions.push_back(d);
  }
  if (dimensions.empty()) return ReplaceWith(inner->operands[0]);
  return ReplaceWith(builder.Reverse(inner->operands[0], std::move(dimensions)));
}

Replacement ReverseOfUnits(Op& op, Builder& builder) {
  std::vector<int64_t> dimensions;
  for (const int64_t d : op.attributes.Ints(AttrKey::kDimensions)) {
    if (op.type().dims[d] > 1) dimensions.push_back(d);
  }
  if (dimensions.size() == op.attributes.Ints(AttrKey::kDimensions).size()) return kKeep;
  if (dimensions.empty()) return ReplaceWith(op.operands[0]);
  return ReplaceWith(builder.Reverse(op.operands[0], std::move(dimensions)));
}

constexpr CanonicalRule kMovementRules[] = {
    {OpCode::kConstant, SplatIfAllEqual},
    {OpCode::kIota, IotaOfOne},
    {OpCode::kBroadcastInDim, MoveSplat},
    {OpCode::kBroadcastInDim, BroadcastThatAddsUnits},
    {OpCode::kBroadcastInDim, BroadcastOfBroadcast},
    {OpCode::kBroadcastInDim, BroadcastOfUnits},
    {OpCode::kReshape, ReshapeToSameShape},
    {OpCode::kReshape, ReshapeOfConstant},
    {OpCode::kReshape, ReshapeOfReshape},
    {OpCode::kReshape, ReshapeOfBroadcast},
    {OpCode::kTranspose, MoveSplat},
    {OpCode::kTranspose, TransposeOfTranspose},
    {OpCode::kTranspose, TransposeOfUnits},
    {OpCode::kTranspose, TransposeOfBroadcast},
    {OpCode::kSlice, MoveSplat},
    {OpCode::kSlice, SliceOfAll},
    {OpCode::kSlice, SliceOfSlice},
    {OpCode::kSlice, SliceOfConcatenate},
    {OpCode::kSlice, SliceOfBroadcast},
    {OpCode::kConcatenate, ConcatenateOfEmpty},
    {OpCode::kConcatenate, ConcatenateOfOneSplat},
    {OpCode::kPad, PadOfNothing},
    {OpCode::kPad, PadOfSameSplat},
    {OpCode::kPad, PadThatCuts},
    {OpCode::kReverse, MoveSplat},
    {OpCode::kReverse, ReverseOfUnits},
    {OpCode::kReverse, ReverseOfReverse},
    {OpCode::kDynamicSlice, MoveSplat},
    {OpCode::kDynamicSlice, SliceOfBroadcast},
};

}  // namespace

std::span<const CanonicalRule> MovementRules() { return kMovementRules; }

}  // namespace dragoman::passes
