// SPDX-License-Identifier: Apache-2.0
// Shape rules of the ops whose indices are data.
#include <algorithm>

#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

// Operands from `first` on are one scalar index for each dimension of operand 0, all of one integer type.
Status ExpectScalarIndices(const Op& op, size_t first) {
  const TensorType& from = op.operands[0]->type;
  RULE_EXPECT(op.operands.size() == first + from.dims.size(), "{} has {} indices for {}.", Info(op.code).name,
              op.operands.size() - first, from.ToString());
  for (size_t i = first; i < op.operands.size(); ++i) {
    const TensorType& index = op.operands[i]->type;
    RULE_EXPECT(index.rank() == 0 && IsInteger(index.dtype) && index == op.operands[first]->type,
                "Index {} is {}, expected integer scalars of one type.", i - first, index.ToString());
  }
  return OkStatus();
}

// The indices' extents without the dimension that holds the index vector.
Dims BatchExtents(const TensorType& indices, int64_t index_vector_dim) {
  Dims extents = indices.dims;
  if (index_vector_dim < indices.rank()) extents.erase(extents.begin() + index_vector_dim);
  return extents;
}

int64_t IndexVectorLength(const TensorType& indices, int64_t index_vector_dim) {
  return index_vector_dim < indices.rank() ? indices.dims[index_vector_dim] : 1;
}

Status ExpectIndices(const TensorType& indices, int64_t index_vector_dim, size_t length) {
  RULE_EXPECT(IsInteger(indices.dtype), "The indices are {}.", indices.ToString());
  RULE_EXPECT(index_vector_dim >= 0 && index_vector_dim <= indices.rank(), "index_vector_dim {} is not in {}.",
              index_vector_dim, indices.ToString());
  RULE_EXPECT(IndexVectorLength(indices, index_vector_dim) == static_cast<int64_t>(length),
              "The index vectors of {} have {} entries, expected {}.", indices.ToString(),
              IndexVectorLength(indices, index_vector_dim), length);
  return OkStatus();
}

// The update window's extents in operand dimensions, inserted and batching ones left out, must not exceed the operand.
Status ExpectUpdateWindow(const TensorType& input, const TensorType& updates, const Attributes& attributes) {
  const auto& window_dims = attributes.Ints(AttrKey::kUpdateWindowDims);
  const auto& inserted = attributes.Ints(AttrKey::kInsertedWindowDims);
  const auto& batching = attributes.Ints(AttrKey::kInputBatchingDims);
  RULE_EXPECT(window_dims.size() + inserted.size() + batching.size() == input.dims.size(),
              "update_window_dims, inserted_window_dims and input_batching_dims name {} of the {} dimensions of {}.",
              window_dims.size() + inserted.size() + batching.size(), input.rank(), input.ToString());
  size_t next = 0;
  for (int64_t d = 0; d < input.rank(); ++d) {
    if (Contains(inserted, d) || Contains(batching, d)) continue;
    RULE_EXPECT(updates.dims[window_dims[next]] <= input.dims[d], "Dimension {} of the updates {} exceeds {}.",
                window_dims[next], updates.ToString(), input.ToString());
    ++next;
  }
  return OkStatus();
}

}  // namespace

Types DynamicSliceTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectScalarIndices(op, 1));
  const TensorType& from = op.operands[0]->type;
  const auto& sizes = op.attributes.Ints(AttrKey::kSliceSizes);
  RULE_EXPECT(sizes.size() == from.dims.size(), "slice_sizes has {} entries for {}.", sizes.size(), from.ToString());
  for (size_t i = 0; i < sizes.size(); ++i) {
    RULE_EXPECT(sizes[i] >= 0 && sizes[i] <= from.dims[i], "Slice size {} is not in dimension {} of {}.", sizes[i], i,
                from.ToString());
  }
  return std::vector<TensorType>{{from.dtype, sizes}};
}

Types DynamicUpdateSliceTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectScalarIndices(op, 2));
  const TensorType& from = op.operands[0]->type;
  const TensorType& update = op.operands[1]->type;
  bool fits = from.dtype == update.dtype && from.rank() == update.rank();
  for (size_t i = 0; fits && i < from.dims.size(); ++i) fits = update.dims[i] <= from.dims[i];
  RULE_EXPECT(fits, "The update {} does not fit {}.", update.ToString(), from.ToString());
  return std::vector<TensorType>{from};
}

Types GatherTypes(const Op& op) {
  const TensorType& from = op.operands[0]->type;
  const TensorType& indices = op.operands[1]->type;
  const Attributes& attributes = op.attributes;
  const auto& offset_dims = attributes.Ints(AttrKey::kOffsetDims);
  const auto& collapsed = attributes.Ints(AttrKey::kCollapsedSliceDims);
  const auto& batching = attributes.Ints(AttrKey::kOperandBatchingDims);
  const auto& index_batching = attributes.Ints(AttrKey::kStartIndicesBatchingDims);
  const auto& sizes = attributes.Ints(AttrKey::kSliceSizes);
  const int64_t vector_dim = attributes.Int(AttrKey::kIndexVectorDim);
  RETURN_IF_ERROR(ExpectIndices(indices, vector_dim, attributes.Ints(AttrKey::kStartIndexMap).size()));
  RETURN_IF_ERROR(ExpectDimensions(attributes.Ints(AttrKey::kStartIndexMap), from.rank(), "start_index_map"));
  RETURN_IF_ERROR(ExpectDimensions(collapsed, from.rank(), "collapsed_slice_dims"));
  RETURN_IF_ERROR(ExpectDimensions(batching, from.rank(), "operand_batching_dims"));
  RETURN_IF_ERROR(ExpectDimensions(index_batching, indices.rank(), "start_indices_batching_dims"));
  RULE_EXPECT(batching.size() == index_batching.size(), "The batching dimensions differ in number.");
  RULE_EXPECT(sizes.size() == from.dims.size(), "slice_sizes has {} entries for {}.", sizes.size(), from.ToString());
  Dims offsets;
  for (int64_t d = 0; d < from.rank(); ++d) {
    RULE_EXPECT(sizes[d] >= 0 && sizes[d] <= from.dims[d], "Slice size {} is not in dimension {} of {}.", sizes[d], d,
                from.ToString());
    const bool is_dropped = Contains(collapsed, d) || Contains(batching, d);
    RULE_EXPECT(!is_dropped || sizes[d] <= 1, "Slice size {} of the dropped dimension {} exceeds 1.", sizes[d], d);
    if (!is_dropped) offsets.push_back(sizes[d]);
  }
  const Dims batch = BatchExtents(indices, vector_dim);
  const size_t rank = batch.size() + offset_dims.size();
  RULE_EXPECT(offsets.size() == offset_dims.size(), "offset_dims has {} entries, expected {}.", offset_dims.size(),
              offsets.size());
  RETURN_IF_ERROR(ExpectDimensions(offset_dims, static_cast<int>(rank), "offset_dims"));
  TensorType to{from.dtype, {}};
  size_t next_offset = 0;
  size_t next_batch = 0;
  for (size_t d = 0; d < rank; ++d) {
    const bool is_offset = Contains(offset_dims, static_cast<int64_t>(d));
    to.dims.push_back(is_offset ? offsets[next_offset++] : batch[next_batch++]);
  }
  return std::vector<TensorType>{to};
}

Types ScatterTypes(const Op& op) {
  RULE_EXPECT(op.operands.size() % 2 == 1, "scatter has {} operands, expected an odd number.", op.operands.size());
  const size_t n = op.operands.size() / 2;
  const TensorType& indices = op.operands[n]->type;
  const Attributes& attributes = op.attributes;
  const auto& window_dims = attributes.Ints(AttrKey::kUpdateWindowDims);
  const int64_t vector_dim = attributes.Int(AttrKey::kIndexVectorDim);
  const auto& to_operand = attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  RETURN_IF_ERROR(ExpectIndices(indices, vector_dim, to_operand.size()));
  const Dims batch = BatchExtents(indices, vector_dim);
  std::vector<TensorType> types;
  std::vector<DType> dtypes;
  for (size_t i = 0; i < n; ++i) {
    const TensorType& input = op.operands[i]->type;
    const TensorType& updates = op.operands[n + 1 + i]->type;
    RETURN_IF_ERROR(ExpectDimensions(window_dims, updates.rank(), "update_window_dims"));
    RETURN_IF_ERROR(ExpectDimensions(to_operand, input.rank(), "scatter_dims_to_operand_dims"));
    RULE_EXPECT(updates.dtype == input.dtype, "The updates are {} for {}.", updates.ToString(), input.ToString());
    RULE_EXPECT(updates.dims.size() == batch.size() + window_dims.size(), "The updates {} have rank {}, expected {}.",
                updates.ToString(), updates.rank(), batch.size() + window_dims.size());
    RETURN_IF_ERROR(ExpectUpdateWindow(input, updates, attributes));
    size_t next = 0;
    for (int64_t d = 0; d < updates.rank(); ++d) {
      if (Contains(window_dims, d)) continue;
      RULE_EXPECT(updates.dims[d] == batch[next], "Dimension {} of the updates {} does not fit the indices {}.", d,
                  updates.ToString(), indices.ToString());
      ++next;
    }
    types.push_back(input);
    dtypes.push_back(input.dtype);
  }
  std::vector<DType> arguments = dtypes;
  arguments.insert(arguments.end(), dtypes.begin(), dtypes.end());
  RETURN_IF_ERROR(ExpectScalarRegion(*op.regions[0], arguments, dtypes));
  return types;
}

}  // namespace dragoman::ir
