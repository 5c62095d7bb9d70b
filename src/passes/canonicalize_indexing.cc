// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "passes/canonicalize_rules.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

std::optional<std::vector<int64_t>> IntegersOfAll(const Op& op, size_t first) {
  std::vector<int64_t> integers;
  for (size_t i = first; i < op.operands.size(); ++i) {
    const auto integer = IntegerOf(op.operands[i]);
    if (!integer.has_value()) return std::nullopt;
    integers.push_back(*integer);
  }
  return integers;
}

Replacement DynamicSliceAtKnownPlace(Op& op, Builder& builder) {
  auto starts = IntegersOfAll(op, 1);
  if (!starts.has_value()) return kKeep;
  std::vector<int64_t> limits;
  for (size_t d = 0; d < starts->size(); ++d) {
    const int64_t size = op.type().dims[d];
    (*starts)[d] = std::clamp<int64_t>((*starts)[d], 0, op.operands[0]->type.dims[d] - size);
    limits.push_back((*starts)[d] + size);
  }
  if (op.operands[0]->type == op.type()) return ReplaceWith(op.operands[0]);
  return ReplaceWith(builder.Slice(op.operands[0], std::move(*starts), std::move(limits)));
}

// The index of a dimension that is covered whole is clamped to 0: say so, and the loop it came from need not matter.
Replacement KnowIndicesOfWholeDimensions(Op& op, Builder& builder) {
  const bool is_slice = op.code == OpCode::kDynamicSlice;
  const size_t first = is_slice ? 1 : 2;
  const Dims& sizes = is_slice ? op.type().dims : op.operands[1]->type.dims;
  bool changed = false;
  std::vector<Value*> operands = op.operands;
  for (size_t d = 0; d < sizes.size(); ++d) {
    Value*& index = operands[first + d];
    if (sizes[d] != op.operands[0]->type.dims[d] || ConstantOf(index) != nullptr) continue;
    index = builder.Splat(index->type, 0);
    changed = true;
  }
  if (!changed) return kKeep;
  return ReplaceWith(builder.Make(op.code, std::move(operands), op.attributes)->result());
}

Replacement UpdateOfAll(Op& op, Builder&) {
  return op.operands[1]->type == op.type() ? ReplaceWith(op.operands[1]) : kKeep;
}

Replacement UpdateOfNothing(Op& op, Builder&) {
  return op.operands[1]->type.num_elements() == 0 ? ReplaceWith(op.operands[0]) : kKeep;
}

// --- gather and scatter of a single window

int64_t NumIndexVectors(const TensorType& indices, int64_t index_vector_dim) {
  int64_t count = 1;
  for (int64_t d = 0; d < indices.rank(); ++d) count *= d == index_vector_dim ? 1 : indices.dims[d];
  return count;
}

// The index vector's elements as scalars, spread over the dimensions of the operand; 0 where none is given.
std::vector<Value*> StartOfWindow(Value* indices, const std::vector<int64_t>& dimension_of_entry, int rank,
                                  Builder& builder) {
  const auto length = static_cast<int64_t>(dimension_of_entry.size());
  std::vector<Value*> starts(static_cast<size_t>(rank), nullptr);
  Value* flat = builder.Reshape(indices, {length});
  for (int64_t i = 0; i < length; ++i) {
    starts[dimension_of_entry[i]] = builder.Reshape(builder.SliceDim(flat, 0, i, i + 1), {});
  }
  for (Value*& start : starts) {
    if (start == nullptr) start = builder.Scalar(indices->type.dtype, 0);
  }
  return starts;
}

// One window: a dynamic_slice, whose rule for places out of range is the same.
Replacement GatherOfOneWindow(Op& op, Builder& builder) {
  Value* indices = op.operands[1];
  const int64_t vector_dim = op.attributes.Int(AttrKey::kIndexVectorDim);
  const auto& map = op.attributes.Ints(AttrKey::kStartIndexMap);
  const bool has_batching = !op.attributes.Ints(AttrKey::kOperandBatchingDims).empty();
  if (has_batching || NumIndexVectors(indices->type, vector_dim) != 1) return kKeep;
  const std::vector<Value*> starts = StartOfWindow(indices, map, op.operands[0]->type.rank(), builder);
  Value* window = builder.DynamicSlice(op.operands[0], starts, op.attributes.Ints(AttrKey::kSliceSizes));
  return ReplaceWith(builder.Reshape(window, op.type().dims));
}

// Extents of the update window in the operand's dimensions, with 1 for the inserted ones.
Dims WindowInOperand(const Op& op) {
  const TensorType& input = op.operands[0]->type;
  const TensorType& updates = op.operands[2]->type;
  const auto& window_dims = op.attributes.Ints(AttrKey::kUpdateWindowDims);
  Dims window;
  size_t next = 0;
  for (int64_t d = 0; d < input.rank(); ++d) {
    const bool is_inserted = Contains(op.attributes.Ints(AttrKey::kInsertedWindowDims), d);
    window.push_back(is_inserted ? 1 : updates.dims[window_dims[next++]]);
  }
  return window;
}

// One window at a known place inside: a dynamic_update_slice. (Out of range, scatter drops what that op would clamp.)
Replacement ScatterOfOneKnownWindow(Op& op, Builder& builder) {
  if (op.operands.size() != 3 || !op.attributes.Ints(AttrKey::kInputBatchingDims).empty()) return kKeep;
  Value* input = op.operands[0];
  Value* indices = op.operands[1];
  const auto& map = op.attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  if (NumIndexVectors(indices->type, op.attributes.Int(AttrKey::kIndexVectorDim)) != 1) return kKeep;
  const Block& region = *op.regions[0];
  const bool overwrites = ReturnsArgument(region, 1);
  if (!overwrites && !IsElementwiseRegion(region)) return kKeep;
  std::vector<int64_t> starts(input->type.dims.size(), 0);
  if (!map.empty()) {
    const auto known = IntegersOf(indices);
    if (!known.has_value()) return kKeep;
    for (size_t i = 0; i < map.size(); ++i) starts[map[i]] = (*known)[i];
  }
  const Dims window = WindowInOperand(op);
  std::vector<int64_t> limits;
  std::vector<Value*> indices_of_window;
  for (size_t d = 0; d < window.size(); ++d) {
    if (starts[d] < 0 || starts[d] + window[d] > input->type.dims[d]) return kKeep;
    limits.push_back(starts[d] + window[d]);
  }
  for (const int64_t start : starts) {
    indices_of_window.push_back(builder.Scalar(DType::kS32, static_cast<double>(start)));
  }
  Value* update = builder.Reshape(op.operands[2], window);
  if (!overwrites) {
    Value* old = window == input->type.dims ? input : builder.Slice(input, starts, limits);
    update = ApplyElementwise(region, {old, update}, window, builder)[0];
  }
  if (update->type == input->type) return ReplaceWith(update);
  return ReplaceWith(builder.DynamicUpdateSlice(input, update, std::move(indices_of_window)));
}

// --- scatter of one element a row

// The operand's dimension that each batching dimension of the indices stands for; nullopt where there are several
// indices a row, or rows and indices are in another order.
std::optional<std::vector<int64_t>> RowsOfSingleIndices(const Op& op) {
  const TensorType& indices = op.operands[1]->type;
  const auto& in_indices = op.attributes.Ints(AttrKey::kScatterIndicesBatchingDims);
  const auto& in_input = op.attributes.Ints(AttrKey::kInputBatchingDims);
  std::vector<int64_t> rows;
  for (int64_t d = 0; d < indices.rank(); ++d) {
    const auto found = std::find(in_indices.begin(), in_indices.end(), d);
    if (found != in_indices.end()) {
      rows.push_back(in_input[found - in_indices.begin()]);
    } else if (indices.dims[d] != 1) {
      return std::nullopt;
    }
  }
  return std::is_sorted(rows.begin(), rows.end()) ? std::optional(rows) : std::nullopt;
}

bool IsFilledWithOneValue(const Value* value) {
  const Op* broadcast = DefinedBy(value, OpCode::kBroadcastInDim);
  return IsSplatConstant(value) || (broadcast != nullptr && broadcast->operands[0]->type.num_elements() == 1);
}

// Whether the positions of a dimension are numbers of the type.
bool CanCount(DType dtype, int64_t extent) {
  const int bits = Info(dtype).bits - (IsSigned(dtype) ? 1 : 0);
  return IsInteger(dtype) && (bits >= 63 || extent <= int64_t{1} << bits);
}

// Each row of what is filled with one value gets one element: elements know by their position whether they are it. (No
// position equals an index that is out of range, which scatter drops.)
Replacement ScatterOfOneElementARow(Op& op, Builder& builder) {
  if (op.operands.size() != 3 || !IsFilledWithOneValue(op.operands[0])) return kKeep;
  Value* input = op.operands[0];
  const Dims& dims = input->type.dims;
  const auto& map = op.attributes.Ints(AttrKey::kScatterDimsToOperandDims);
  if (map.size() != 1 || op.attributes.Ints(AttrKey::kInsertedWindowDims) != map) return kKeep;
  const auto rows = RowsOfSingleIndices(op);
  const DType counted = op.operands[1]->type.dtype;
  if (!rows.has_value() || rows->size() + 1 != dims.size() || !CanCount(counted, dims[map[0]])) return kKeep;
  const Block& region = *op.regions[0];
  const bool overwrites = ReturnsArgument(region, 1);
  if (!overwrites && !IsElementwiseRegion(region)) return kKeep;
  Dims row_dims;
  for (const int64_t row : *rows) row_dims.push_back(dims[row]);
  const auto spread = [&](Value* value) { return builder.Broadcast(builder.Reshape(value, row_dims), dims, *rows); };
  Value* index = spread(op.operands[1]);
  Value* is_here = builder.Compare(ComparisonDirection::kEq, builder.Iota(index->type, map[0]), index);
  Value* update = spread(op.operands[2]);
  if (!overwrites) update = ApplyElementwise(region, {input, update}, dims, builder)[0];
  return ReplaceWith(builder.Select(is_here, update, input));
}

constexpr CanonicalRule kIndexingRules[] = {
    {OpCode::kDynamicSlice, DynamicSliceAtKnownPlace},
    {OpCode::kDynamicSlice, KnowIndicesOfWholeDimensions},
    {OpCode::kDynamicUpdateSlice, UpdateOfAll},
    {OpCode::kDynamicUpdateSlice, UpdateOfNothing},
    {OpCode::kDynamicUpdateSlice, KnowIndicesOfWholeDimensions},
    {OpCode::kGather, GatherOfOneWindow},
    {OpCode::kScatter, ScatterOfOneKnownWindow},
    {OpCode::kScatter, ScatterOfOneElementARow},
};

}  // namespace

std::span<const CanonicalRule> IndexingRules() { return kIndexingRules; }

}  // namespace dragoman::passes
