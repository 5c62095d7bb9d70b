// SPDX-License-Identifier: Apache-2.0
#include "passes/vectorize.h"

#include <algorithm>

#include "base/check.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

std::vector<int64_t> Shifted(std::vector<int64_t> dimensions) {
  for (int64_t& d : dimensions) ++d;
  return dimensions;
}

std::vector<int64_t> WithFront(int64_t front, std::vector<int64_t> list) {
  list.insert(list.begin(), front);
  return list;
}

bool RegionIsClosed(const Op& op) {
  bool is_closed = true;
  for (const auto& region : op.regions) {
    std::vector<const Value*> inside;
    for (const auto& argument : region->arguments) inside.push_back(argument.get());
    for (const auto& inner : region->ops) {
      is_closed &= inner->regions.empty();
      for (const Value* operand : inner->operands) {
        is_closed &= std::find(inside.begin(), inside.end(), operand) != inside.end();
      }
      for (const auto& result : inner->results) inside.push_back(result.get());
    }
  }
  return is_closed;
}

bool AllUniform(const Op& op, size_t first, const LoopAnalysis& loop) {
  return std::none_of(op.operands.begin() + static_cast<std::ptrdiff_t>(first), op.operands.end(),
                      [&loop](const Value* value) { return loop.IsInside(value); });
}

Value* WithDimFirst(Builder& builder, Value* value, int64_t dimension) {
  if (dimension == 0) return value;
  std::vector<int64_t> permutation = {dimension};
  for (int64_t d = 0; d < value->type.rank(); ++d) {
    if (d != dimension) permutation.push_back(d);
  }
  return builder.Transpose(value, std::move(permutation));
}

}  // namespace

bool IsVectorizable(const Op& op, const LoopAnalysis& loop) {
  if (op.results.size() != 1) return false;
  if (loop.AsRowOfInvariant(op).has_value()) return true;
  if (IsElementwise(op.code)) {
    const bool has_scalars = std::any_of(op.operands.begin(), op.operands.end(),
                                         [&op](const Value* operand) { return operand->type.dims != op.type().dims; });
    return !has_scalars;
  }
  constexpr OpCode kSimple[] = {OpCode::kBroadcastInDim, OpCode::kReshape,     OpCode::kTranspose, OpCode::kSlice,
                                OpCode::kReverse,        OpCode::kConcatenate, OpCode::kDotGeneral};
  if (std::find(std::begin(kSimple), std::end(kSimple), op.code) != std::end(kSimple)) return true;
  if (op.code == OpCode::kPad) return AllUniform(op, 1, loop);
  if (op.code == OpCode::kReduce) return AllUniform(op, 1, loop) && RegionIsClosed(op);
  return false;
}

bool IsCheapToRepeat(const Op& op) { return op.code != OpCode::kDotGeneral && op.code != OpCode::kReduce; }

Value* Vectorizer::Spread(Value* value) {
  if (!IsUniform(value)) return Whole(value);
  std::vector<int64_t> dimensions;
  for (int64_t d = 0; d < value->type.rank(); ++d) dimensions.push_back(d + 1);
  return builder_.Broadcast(value, WithFront(loop_.trip_count(), value->type.dims), std::move(dimensions));
}

Value* Vectorizer::Whole(Value* value) {
  if (const auto found = wholes_.find(value); found != wholes_.end()) return found->second;
  Value* whole = nullptr;
  if (IsUniform(value)) {
    whole = Spread(value);
  } else if (const auto affine = loop_.AffineOf(value); affine.has_value()) {
    whole = WholeOfAffine(value, *affine);
  } else {
    whole = Compute(value);
  }
  wholes_[value] = whole;
  return whole;
}

Value* Vectorizer::WholeOfAffine(const Value* value, const Affine& affine) {
  const TensorType type{value->type.dtype, {loop_.trip_count()}};
  Value* steps = builder_.Multiply(builder_.Iota(type, 0), builder_.Splat(type, static_cast<double>(affine.step)));
  return builder_.Add(steps, builder_.Splat(type, static_cast<double>(affine.first)));
}

Value* Vectorizer::WholeOfArgument(const Value* argument) {
  const Op& loop = loop_.loop();
  Value* next = loop.regions[1]->terminator()->operands[argument->index];
  Dims first = WithFront(1, argument->type.dims);
  Value* later = builder_.SliceDim(Whole(next), 0, 0, loop_.trip_count() - 1);
  return builder_.Concatenate({builder_.Reshape(loop.operands[argument->index], first), later}, 0);
}

Value* Vectorizer::WholeOfRow(const Op& op, const LoopAnalysis::RowOfInvariant& row) {
  Value* source = op.operands[0];
  const int64_t count = loop_.trip_count();
  const int64_t low = std::min(row.place.first, row.place.At(count - 1));
  const int64_t stride = std::abs(row.place.step);
  std::vector<int64_t> starts(source->type.dims.size(), 0);
  std::vector<int64_t> limits = source->type.dims;
  std::vector<int64_t> strides(source->type.dims.size(), 1);
  starts[row.dimension] = low;
  limits[row.dimension] = low + (count - 1) * stride + 1;
  strides[row.dimension] = stride;
  Attributes attributes;
  attributes.Set(AttrKey::kStartIndices, std::move(starts));
  attributes.Set(AttrKey::kLimitIndices, std::move(limits));
  attributes.Set(AttrKey::kStrides, std::move(strides));
  Value* rows = builder_.Make(OpCode::kSlice, {source}, std::move(attributes))->result();
  if (row.place.step < 0) rows = builder_.Reverse(rows, {row.dimension});
  return builder_.Reshape(WithDimFirst(builder_, rows, row.dimension), WithFront(count, op.type().dims));
}

Value* Vectorizer::Compute(Value* value) {
  const Op* op = value->op;
  if (op == nullptr) return WholeOfArgument(value);
  CHECK(IsVectorizable(*op, loop_));
  if (const auto row = loop_.AsRowOfInvariant(*op); row.has_value()) return WholeOfRow(*op, *row);
  if (op->code == OpCode::kDotGeneral) return WholeOfDot(*op);
  if (op->code == OpCode::kReduce) return WholeOfReduce(*op, false);
  const Dims dims = WithFront(loop_.trip_count(), op->type().dims);
  Attributes attributes = op->attributes;
  std::vector<Value*> operands;
  for (Value* operand : op->operands) operands.push_back(op->code == OpCode::kPad ? operand : Spread(operand));
  const auto put_front = [&](AttrKey key, int64_t front) {
    attributes.Set(key, WithFront(front, attributes.Ints(key)));
  };
  if (op->code == OpCode::kBroadcastInDim) {
    const auto dimensions = Shifted(attributes.Ints(AttrKey::kBroadcastDimensions));
    attributes.Set(AttrKey::kBroadcastDimensions, WithFront(0, dimensions));
  } else if (op->code == OpCode::kTranspose) {
    attributes.Set(AttrKey::kPermutation, WithFront(0, Shifted(attributes.Ints(AttrKey::kPermutation))));
  } else if (op->code == OpCode::kSlice) {
    put_front(AttrKey::kStartIndices, 0);
    put_front(AttrKey::kLimitIndices, loop_.trip_count());
    put_front(AttrKey::kStrides, 1);
  } else if (op->code == OpCode::kReverse) {
    attributes.Set(AttrKey::kDimensions, Shifted(attributes.Ints(AttrKey::kDimensions)));
  } else if (op->code == OpCode::kConcatenate) {
    attributes.Set(AttrKey::kDimension, attributes.Int(AttrKey::kDimension) + 1);
  } else if (op->code == OpCode::kPad) {
    operands[0] = Spread(op->operands[0]);
    put_front(AttrKey::kEdgePaddingLow, 0);
    put_front(AttrKey::kEdgePaddingHigh, 0);
    put_front(AttrKey::kInteriorPadding, 0);
  }
  return builder_.MakeTyped(op->code, std::move(operands), {{op->type().dtype, dims}}, std::move(attributes))->result();
}

// Iterations are one more batch dimension, or, where one side is the same in all, a free one of the other side.
Value* Vectorizer::WholeOfDot(const Op& op) {
  const bool has_lhs = !IsUniform(op.operands[0]);
  const bool has_rhs = !IsUniform(op.operands[1]);
  std::vector<int64_t> lhs_batching = op.attributes.Ints(AttrKey::kLhsBatchingDimensions);
  std::vector<int64_t> rhs_batching = op.attributes.Ints(AttrKey::kRhsBatchingDimensions);
  std::vector<int64_t> lhs_contracting = op.attributes.Ints(AttrKey::kLhsContractingDimensions);
  std::vector<int64_t> rhs_contracting = op.attributes.Ints(AttrKey::kRhsContractingDimensions);
  const auto num_batching = static_cast<int64_t>(lhs_batching.size());
  const int64_t num_lhs_free =
      op.operands[0]->type.rank() - num_batching - static_cast<int64_t>(lhs_contracting.size());
  if (has_lhs) {
    lhs_batching = Shifted(lhs_batching);
    lhs_contracting = Shifted(lhs_contracting);
  }
  if (has_rhs) {
    rhs_batching = Shifted(rhs_batching);
    rhs_contracting = Shifted(rhs_contracting);
  }
  int64_t place = 0;  // of the iterations in the result
  if (has_lhs && has_rhs) {
    lhs_batching = WithFront(0, lhs_batching);
    rhs_batching = WithFront(0, rhs_batching);
  } else {
    place = num_batching + (has_lhs ? 0 : num_lhs_free);
  }
  Attributes attributes = op.attributes;
  attributes.Set(AttrKey::kLhsBatchingDimensions, std::move(lhs_batching));
  attributes.Set(AttrKey::kRhsBatchingDimensions, std::move(rhs_batching));
  attributes.Set(AttrKey::kLhsContractingDimensions, std::move(lhs_contracting));
  attributes.Set(AttrKey::kRhsContractingDimensions, std::move(rhs_contracting));
  Dims dims = op.type().dims;
  dims.insert(dims.begin() + place, loop_.trip_count());
  Value* lhs = has_lhs ? Whole(op.operands[0]) : op.operands[0];
  Value* rhs = has_rhs ? Whole(op.operands[1]) : op.operands[1];
  Value* result =
      builder_.MakeTyped(OpCode::kDotGeneral, {lhs, rhs}, {{op.type().dtype, dims}}, std::move(attributes))->result();
  return WithDimFirst(builder_, result, place);
}

Value* Vectorizer::WholeOfReduce(const Op& op, bool sums_iterations) {
  std::vector<int64_t> dimensions = Shifted(op.attributes.Ints(AttrKey::kDimensions));
  if (sums_iterations) dimensions = WithFront(0, dimensions);
  Attributes attributes;
  attributes.Set(AttrKey::kDimensions, std::move(dimensions));
  Dims dims = op.type().dims;
  if (!sums_iterations) dims = WithFront(loop_.trip_count(), dims);
  std::vector<Value*> operands = op.operands;
  operands[0] = Whole(operands[0]);
  Op* reduce = builder_.MakeTyped(OpCode::kReduce, std::move(operands), {{op.type().dtype, dims}}, attributes);
  Builder::CopyRegion(*op.regions[0], reduce);
  return reduce->result();
}

Value* Vectorizer::TotalOfDot(const Op& op) {
  Attributes attributes = op.attributes;
  for (const AttrKey key : {AttrKey::kLhsBatchingDimensions, AttrKey::kRhsBatchingDimensions}) {
    attributes.Set(key, Shifted(op.attributes.Ints(key)));
  }
  for (const AttrKey key : {AttrKey::kLhsContractingDimensions, AttrKey::kRhsContractingDimensions}) {
    attributes.Set(key, WithFront(0, Shifted(op.attributes.Ints(key))));
  }
  return builder_
      .MakeTyped(OpCode::kDotGeneral, {Whole(op.operands[0]), Whole(op.operands[1])}, {op.type()},
                 std::move(attributes))
      ->result();
}

Value* Vectorizer::Total(Value* value) {
  const Op* op = value->op;
  const bool is_computed = op != nullptr && !IsUniform(value) && !IsSet(value) && IsVectorizable(*op, loop_);
  if (is_computed && op->code == OpCode::kDotGeneral && !IsUniform(op->operands[0]) && !IsUniform(op->operands[1])) {
    return TotalOfDot(*op);
  }
  if (is_computed && op->code == OpCode::kReduce && op->operands.size() == 2 && IsSplat(op->operands[1], 0) &&
      CombinerOf(*op->regions[0]) == OpCode::kAdd && !IsUniform(op->operands[0])) {
    return WholeOfReduce(*op, true);
  }
  return builder_.Sum(Whole(value), {0});
}

}  // namespace dragoman::passes
