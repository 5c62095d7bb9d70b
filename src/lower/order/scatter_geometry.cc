// SPDX-License-Identifier: Apache-2.0
#include "lower/order/scatter_geometry.h"

#include <algorithm>

#include "element/group_access.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

}  // namespace

ScatterGeometry::ScatterGeometry(const ir::Op& scatter) : op_(scatter) {
  const Dims& update_dims = updates(0)->type.dims;
  window_dims_ = op_.attributes.Ints(AttrKey::kUpdateWindowDims);
  for (int64_t d = 0; d < static_cast<int64_t>(update_dims.size()); ++d) {
    if (!Contains(window_dims_, d)) position_dims_.push_back(d);
  }
  for (const int64_t d : position_dims_) position_extents_.push_back(update_dims[d]);
  for (const int64_t d : window_dims_) window_extents_.push_back(update_dims[d]);
  const auto& inserted = op_.attributes.Ints(AttrKey::kInsertedWindowDims);
  const auto& batching = op_.attributes.Ints(AttrKey::kInputBatchingDims);
  extent_in_operand_.assign(input_dims().size(), 1);
  for (int64_t d = 0; d < static_cast<int64_t>(input_dims().size()); ++d) {
    if (Contains(inserted, d) || Contains(batching, d)) continue;
    extent_in_operand_[d] = window_extents_[target_dims_.size()];
    target_dims_.push_back(d);
  }
}

bool ScatterGeometry::CanOverlapPartly() const {
  const auto& indexed = op_.attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  return std::any_of(indexed.begin(), indexed.end(),
                     [&](int64_t d) { return extent_in_operand_[d] > 1 && MaxStart(d) > 0; });
}

int ScatterGeometry::VectorLanes(const target::DeviceProfile& profile) const {
  const int64_t last = static_cast<int64_t>(input_dims().size()) - 1;
  if (MaxOpsTimesLanes(profile) < 0 || window_dims_.empty() || window_dims_.back() != updates(0)->type.rank() - 1 ||
      target_dims_.back() != last) {
    return 1;
  }
  const auto& indexed = op_.attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  if (Contains(indexed, last) && MaxStart(last) != 0) return 1;
  int lanes = 4;
  for (const auto& result : op_.results) lanes = std::min(lanes, profile.vector_bytes / SizeBytes(result->type.dtype));
  while (lanes > 1 && (window_extents_.back() % lanes != 0 || input_dims()[last] % lanes != 0)) lanes /= 2;
  return std::max(lanes, 1);
}

int64_t ScatterGeometry::num_starts() const {
  int64_t count = 1;
  for (const int64_t d : op_.attributes.Ints(AttrKey::kScatterDimsToOperandDims))
    count *= std::max<int64_t>(0, MaxStart(d) + 1);
  for (const int64_t d : op_.attributes.Ints(AttrKey::kInputBatchingDims)) count *= input_dims()[d];
  return count;
}

StatusOr<ScatterGeometry::Start> ScatterGeometry::EmitStart(Elemental& elemental, std::span<const V> position) const {
  Builder& b = elemental.builder();
  const int64_t vector_dim = op_.attributes.Int(AttrKey::kIndexVectorDim);
  const bool has_vector_dim = vector_dim < indices()->type.rank();
  const auto& indexed = op_.attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  const auto& batching = op_.attributes.Ints(AttrKey::kInputBatchingDims);
  const auto& indices_batching = op_.attributes.Ints(AttrKey::kScatterIndicesBatchingDims);
  Start start{b.Bool(true), std::vector<V>(input_dims().size(), b.I32(0))};
  for (size_t k = 0; k < indexed.size(); ++k) {
    std::vector<V> at(position.begin(), position.end());
    if (has_vector_dim) at.insert(at.begin() + vector_dim, b.I32(static_cast<int64_t>(k)));
    ASSIGN_OR_RETURN(const Scalar component, elemental.At(indices(), Index::FromDims(std::move(at))));
    const int64_t max = MaxStart(indexed[k]);
    // Negative components are huge as unsigned numbers.
    const int64_t highest = component.re.type == KType::kI64 ? max : std::min<int64_t>(max, INT32_MAX);
    const V fits = max < 0 ? b.Bool(false) : b.ULe(component.re, b.Int(component.re.type, highest));
    start.is_inside = b.And(start.is_inside, fits);
    start.dims[indexed[k]] = ToIndexType(b, component.re, IndexType(input_dims()[indexed[k]]));
  }
  for (size_t k = 0; k < batching.size(); ++k) {
    const int64_t at = indices_batching[k] - (indices_batching[k] < vector_dim ? 0 : 1);
    start.dims[batching[k]] = position[at];
  }
  return start;
}

StatusOr<V> ScatterGeometry::EmitStartNumber(Elemental& elemental, std::span<const V> position) const {
  Builder& b = elemental.builder();
  ASSIGN_OR_RETURN(const Start start, EmitStart(elemental, position));
  V number = b.I32(0);
  for (const int64_t d : op_.attributes.Ints(AttrKey::kScatterDimsToOperandDims)) {
    number = b.MulAdd(number, std::max<int64_t>(0, MaxStart(d) + 1), ToIndexType(b, start.dims[d], KType::kI32));
  }
  for (const int64_t d : op_.attributes.Ints(AttrKey::kInputBatchingDims)) {
    number = b.MulAdd(number, input_dims()[d], ToIndexType(b, start.dims[d], KType::kI32));
  }
  return b.Select(start.is_inside, number, b.I32(num_starts()));
}

Index ScatterGeometry::TargetIndex(Builder& builder, const Start& start, std::span<const V> window) const {
  std::vector<V> dims = start.dims;
  for (size_t i = 0; i < target_dims_.size(); ++i) {
    V& dim = dims[target_dims_[i]];
    dim = builder.IAdd(dim, ToIndexType(builder, window[i], dim.type));
  }
  return Index::FromDims(std::move(dims));
}

Index ScatterGeometry::UpdateIndex(std::span<const V> position, std::span<const V> window) const {
  std::vector<V> dims(position.size() + window.size());
  for (size_t i = 0; i < position.size(); ++i) dims[position_dims_[i]] = position[i];
  for (size_t i = 0; i < window.size(); ++i) dims[window_dims_[i]] = window[i];
  return Index::FromDims(std::move(dims));
}

void ScatterGeometry::SplitUpdateIndex(std::span<const V> dims, std::vector<V>& position,
                                       std::vector<V>& window) const {
  position.clear();
  window.clear();
  for (const int64_t d : position_dims_) position.push_back(dims[d]);
  for (const int64_t d : window_dims_) window.push_back(dims[d]);
}

}  // namespace dragoman::kernel
