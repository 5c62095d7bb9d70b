// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "reference/index_vectors.h"
#include "reference/op_functions.h"

namespace dragoman::reference {

Results EvaluateGather(const OpCall& call) {
  using ir::AttrKey;
  const auto& attributes = call.op.attributes;
  const Literal& operand = call.operands[0];
  const TensorType& type = call.op.type();
  const Dims& dims = operand.type().dims;
  const Dims strides = RowMajorStrides(dims);
  const auto& slice_sizes = attributes.Ints(AttrKey::kSliceSizes);
  const auto& offset_dims = attributes.Ints(AttrKey::kOffsetDims);
  const std::vector<int64_t> batch_dims = Others(type.rank(), offset_dims);
  std::vector<int64_t> without_offset = attributes.Ints(AttrKey::kCollapsedSliceDims);
  const auto& operand_batching = attributes.Ints(AttrKey::kOperandBatchingDims);
  without_offset.insert(without_offset.end(), operand_batching.begin(), operand_batching.end());
  const std::vector<int64_t> window_dims = Others(operand.type().rank(), without_offset);
  const IndexVectors vectors{call.operands[1], attributes.Int(AttrKey::kIndexVectorDim),
                             attributes.Ints(AttrKey::kStartIndexMap), operand_batching,
                             attributes.Ints(AttrKey::kStartIndicesBatchingDims)};
  TensorWriter writer(type);
  ForEachIndex(type.dims, [&](const Dims& index, int64_t linear) {
    Dims source = vectors.Corner(Pick(index, batch_dims), dims.size());
    for (size_t d = 0; d < dims.size(); ++d) source[d] = std::clamp<int64_t>(source[d], 0, dims[d] - slice_sizes[d]);
    for (size_t i = 0; i < window_dims.size(); ++i) source[window_dims[i]] += index[offset_dims[i]];
    std::memcpy(writer.element(linear), operand.element(LinearIndex(source, strides)), SizeBytes(type.dtype));
  });
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
