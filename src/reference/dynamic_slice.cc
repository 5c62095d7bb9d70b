// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "reference/op_functions.h"
#include "reference/tensor.h"

namespace dragoman::reference {
namespace {

// Start indices are clamped so that the slice fits.
Dims ClampedStarts(std::span<const Literal> indices, const Dims& dims, const Dims& slice_dims) {
  Dims starts(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    const int64_t start = TensorReader(indices[d])[0].integer;
    // A u64 index of 2^63 or more is far beyond the end, not before the beginning.
    const bool is_beyond = start < 0 && IsUnsigned(indices[d].type().dtype);
    const int64_t last = dims[d] - slice_dims[d];
    starts[d] = is_beyond ? last : std::clamp<int64_t>(start, 0, last);
  }
  return starts;
}

}  // namespace

Results EvaluateDynamicSlice(const OpCall& call) {
  const Literal& operand = call.operands[0];
  const TensorType& type = call.op.type();
  const Dims strides = RowMajorStrides(operand.type().dims);
  const Dims starts = ClampedStarts(call.operands.subspan(1), operand.type().dims, type.dims);
  const int64_t offset = LinearIndex(starts, strides);
  TensorWriter writer(type);
  ForEachIndex(type.dims, [&](const Dims& index, int64_t linear) {
    std::memcpy(writer.element(linear), operand.element(offset + LinearIndex(index, strides)), SizeBytes(type.dtype));
  });
  return std::vector<Literal>{std::move(writer).Finish()};
}

Results EvaluateDynamicUpdateSlice(const OpCall& call) {
  const Literal& update = call.operands[1];
  const TensorType& type = call.op.type();
  const Dims strides = RowMajorStrides(type.dims);
  const Dims starts = ClampedStarts(call.operands.subspan(2), type.dims, update.type().dims);
  const int64_t offset = LinearIndex(starts, strides);
  const size_t size = SizeBytes(type.dtype);
  std::vector<std::byte> bytes = call.operands[0].Dense();
  ForEachIndex(update.type().dims, [&](const Dims& index, int64_t linear) {
    std::memcpy(bytes.data() + (offset + LinearIndex(index, strides)) * size, update.element(linear), size);
  });
  return std::vector<Literal>{Literal(type, std::move(bytes))};
}

}  // namespace dragoman::reference
