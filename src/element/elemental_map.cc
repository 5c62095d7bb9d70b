// SPDX-License-Identifier: Apache-2.0
// Ops whose elements are their operand's elements at another index: where that is.
#include <algorithm>

#include "element/elemental_ops.h"
#include "ir/access.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

// The result's innermost dimension, when whole groups of lanes lie within it; else -1.
int LaneDim(const ir::Op& op, int lanes) {
  const int innermost = InnermostDim(op.type().dims);
  return innermost >= 0 && op.type().dims[innermost] % lanes == 0 ? innermost : -1;
}

// Lanes run along dimension `dim` of operand 0.
LaneRule AlongOperandDim(const ir::Op& op, int dim, int lanes) {
  const Dims& dims = op.operands[0]->type.dims;
  return dim == InnermostDim(dims) && dims[dim] % lanes == 0 ? LaneRule::kContiguous : LaneRule::kSeparate;
}

int64_t Position(const std::vector<int64_t>& list, int64_t value) {
  const auto found = std::find(list.begin(), list.end(), value);
  return found == list.end() ? -1 : found - list.begin();
}

V Scaled(Builder& builder, V index, int64_t stride, int64_t start, int64_t extent) {
  index = ToIndexType(builder, index, IndexType(extent));
  return builder.MulAdd(index, stride, builder.Int(index.type, start));
}

V Plus(Builder& builder, V a, V b) {
  const KType type = a.type == KType::kI64 || b.type == KType::kI64 ? KType::kI64 : KType::kI32;
  return builder.IAdd(ToIndexType(builder, a, type), ToIndexType(builder, b, type));
}

}  // namespace

StatusOr<Index> MapBroadcastInDim(Elemental& elemental, const ir::Op& op, const Index& index) {
  const TensorType& type = op.operands[0]->type;
  const std::vector<int64_t>& dimensions = op.attributes.Ints(AttrKey::kBroadcastDimensions);
  if (type.num_elements() == 1) return Index{std::vector<V>(type.dims.size(), elemental.builder().I32(0)), {}};
  if (ir::KeepsLinearIndex(op, op.operands[0]) && index.has_linear() && index.dims.empty()) {
    return Index::FromLinear(index.linear);
  }
  const std::vector<V> from = elemental.Delinearize(index, op.type().dims);
  Index result;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    result.dims.push_back(type.dims[i] == 1 ? elemental.builder().I32(0) : from[dimensions[i]]);
  }
  return result;
}

LaneRule BroadcastInDimLanes(const ir::Op& op, int lanes) {
  const TensorType& type = op.operands[0]->type;
  if (type.num_elements() == 1) return LaneRule::kUniform;
  const std::vector<int64_t>& dimensions = op.attributes.Ints(AttrKey::kBroadcastDimensions);
  if (ir::KeepsLinearIndex(op, op.operands[0])) return LaneRule::kContiguous;
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0) return LaneRule::kSeparate;
  const int64_t dim = Position(dimensions, lane_dim);
  if (dim < 0 || type.dims[dim] == 1) return LaneRule::kUniform;
  return AlongOperandDim(op, static_cast<int>(dim), lanes);
}

StatusOr<Index> MapReshape(Elemental& elemental, const ir::Op& op, const Index& index) {
  return elemental.Reshape(index, op.type().dims, op.operands[0]);
}

LaneRule ReshapeLanes(const ir::Op&, int) { return LaneRule::kContiguous; }

StatusOr<Index> MapTranspose(Elemental& elemental, const ir::Op& op, const Index& index) {
  const std::vector<int64_t>& permutation = op.attributes.Ints(AttrKey::kPermutation);
  const std::vector<V> from = elemental.Delinearize(index, op.type().dims);
  Index result{std::vector<V>(from.size()), {}};
  for (size_t i = 0; i < from.size(); ++i) result.dims[permutation[i]] = from[i];
  return result;
}

LaneRule TransposeLanes(const ir::Op& op, int lanes) {
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0) return LaneRule::kSeparate;
  return AlongOperandDim(op, static_cast<int>(op.attributes.Ints(AttrKey::kPermutation)[lane_dim]), lanes);
}

StatusOr<Index> MapReverse(Elemental& elemental, const ir::Op& op, const Index& index) {
  Builder& builder = elemental.builder();
  const std::vector<int64_t>& dimensions = op.attributes.Ints(AttrKey::kDimensions);
  Index result{elemental.Delinearize(index, op.type().dims), {}};
  for (const int64_t dim : dimensions) {
    V& at = result.dims[dim];
    if (op.type().dims[dim] != 1) at = builder.ISub(builder.Int(at.type, op.type().dims[dim] - 1), at);
  }
  return result;
}

LaneRule ReverseLanes(const ir::Op& op, int lanes) {
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0 || Contains(op.attributes.Ints(AttrKey::kDimensions), lane_dim)) return LaneRule::kSeparate;
  return LaneRule::kContiguous;
}

StatusOr<Index> MapSlice(Elemental& elemental, const ir::Op& op, const Index& index) {
  const std::vector<int64_t>& starts = op.attributes.Ints(AttrKey::kStartIndices);
  const std::vector<int64_t>& strides = op.attributes.Ints(AttrKey::kStrides);
  const Dims& extents = op.operands[0]->type.dims;
  Index result{elemental.Delinearize(index, op.type().dims), {}};
  for (size_t i = 0; i < extents.size(); ++i) {
    result.dims[i] = Scaled(elemental.builder(), result.dims[i], strides[i], starts[i], extents[i]);
  }
  return result;
}

LaneRule SliceLanes(const ir::Op& op, int lanes) {
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0 || op.attributes.Ints(AttrKey::kStrides)[lane_dim] != 1 ||
      op.attributes.Ints(AttrKey::kStartIndices)[lane_dim] % lanes != 0) {
    return LaneRule::kSeparate;
  }
  return AlongOperandDim(op, lane_dim, lanes);
}

StatusOr<Index> MapDynamicSlice(Elemental& elemental, const ir::Op& op, const Index& index) {
  const std::vector<int64_t>& sizes = op.attributes.Ints(AttrKey::kSliceSizes);
  const Dims& extents = op.operands[0]->type.dims;
  Index result{elemental.Delinearize(index, op.type().dims), {}};
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == sizes[i]) continue;
    const ir::Value* start = op.operands[i + 1];
    ASSIGN_OR_RETURN(const Scalar value, elemental.At(start, Index{}));
    const V offset = ClampStart(elemental.builder(), value, start->type.dtype, extents[i] - sizes[i]);
    result.dims[i] = Plus(elemental.builder(), result.dims[i], offset);
  }
  return result;
}

LaneRule DynamicSliceLanes(const ir::Op& op, int lanes) {
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0) return LaneRule::kSeparate;
  if (op.attributes.Ints(AttrKey::kSliceSizes)[lane_dim] != op.operands[0]->type.dims[lane_dim]) {
    return LaneRule::kSeparate;
  }
  return AlongOperandDim(op, lane_dim, lanes);
}

namespace {

// The result's dimensions that count batches, in order: one a dimension of start_indices but index_vector_dim.
std::vector<int> GatherBatchDims(const ir::Op& op) {
  std::vector<int> dims;
  for (int i = 0; i < op.type().rank(); ++i) {
    if (!Contains(op.attributes.Ints(AttrKey::kOffsetDims), i)) dims.push_back(i);
  }
  return dims;
}

// The operand's dimensions that the result's offset dimensions step through, in order.
std::vector<int> GatherSliceDims(const ir::Op& op) {
  std::vector<int> dims;
  for (int i = 0; i < op.operands[0]->type.rank(); ++i) {
    if (Contains(op.attributes.Ints(AttrKey::kCollapsedSliceDims), i)) continue;
    if (!Contains(op.attributes.Ints(AttrKey::kOperandBatchingDims), i)) dims.push_back(i);
  }
  return dims;
}

}  // namespace

StatusOr<Index> MapGather(Elemental& elemental, const ir::Op& op, const Index& index) {
  Builder& builder = elemental.builder();
  const ir::Value* starts = op.operands[1];
  const Dims& extents = op.operands[0]->type.dims;
  const int64_t vector_dim = op.attributes.Int(AttrKey::kIndexVectorDim);
  const std::vector<int64_t>& sizes = op.attributes.Ints(AttrKey::kSliceSizes);
  const std::vector<V> at = elemental.Delinearize(index, op.type().dims);
  std::vector<V> batch;
  for (const int dim : GatherBatchDims(op)) batch.push_back(at[dim]);

  Index result{std::vector<V>(extents.size(), builder.I32(0)), {}};
  std::vector<int64_t> offset_dims = op.attributes.Ints(AttrKey::kOffsetDims);
  std::sort(offset_dims.begin(), offset_dims.end());
  const std::vector<int> slice_dims = GatherSliceDims(op);
  for (size_t k = 0; k < slice_dims.size(); ++k) result.dims[slice_dims[k]] = at[offset_dims[k]];

  const std::vector<int64_t>& operand_batching = op.attributes.Ints(AttrKey::kOperandBatchingDims);
  const std::vector<int64_t>& starts_batching = op.attributes.Ints(AttrKey::kStartIndicesBatchingDims);
  for (size_t k = 0; k < operand_batching.size(); ++k) {
    const int64_t dim = starts_batching[k];
    result.dims[operand_batching[k]] = batch[dim < vector_dim ? dim : dim - 1];
  }

  const std::vector<int64_t>& start_map = op.attributes.Ints(AttrKey::kStartIndexMap);
  for (size_t k = 0; k < start_map.size(); ++k) {
    const int64_t dim = start_map[k];
    if (extents[dim] == sizes[dim]) continue;
    std::vector<V> where = batch;
    if (vector_dim < starts->type.rank())
      where.insert(where.begin() + vector_dim, builder.I32(static_cast<int64_t>(k)));
    ASSIGN_OR_RETURN(const Scalar start, elemental.At(starts, Index::FromDims(std::move(where))));
    const V offset = ClampStart(builder, start, starts->type.dtype, extents[dim] - sizes[dim]);
    result.dims[dim] = Plus(builder, result.dims[dim], offset);
  }
  return result;
}

LaneRule GatherLanes(const ir::Op& op, int lanes) {
  const int lane_dim = LaneDim(op, lanes);
  if (lane_dim < 0) return LaneRule::kSeparate;
  std::vector<int64_t> offset_dims = op.attributes.Ints(AttrKey::kOffsetDims);
  std::sort(offset_dims.begin(), offset_dims.end());
  const int64_t position = Position(offset_dims, lane_dim);
  if (position < 0) return LaneRule::kSeparate;
  const int dim = GatherSliceDims(op)[position];
  if (op.attributes.Ints(AttrKey::kSliceSizes)[dim] != op.operands[0]->type.dims[dim]) return LaneRule::kSeparate;
  return AlongOperandDim(op, dim, lanes);
}

}  // namespace dragoman::kernel
