// SPDX-License-Identifier: Apache-2.0
// reduce and scan: n inputs of one shape, n initial values, a region combining n accumulators with n elements.
#include "reference/accumulators.h"
#include "reference/index_vectors.h"
#include "reference/op_functions.h"

namespace dragoman::reference {

using ir::AttrKey;

Results EvaluateReduce(const OpCall& call) {
  const Dims& dims = call.operands[0].type().dims;
  const std::vector<int64_t> kept =
      Others(static_cast<int64_t>(dims.size()), call.op.attributes.Ints(AttrKey::kDimensions));
  const Dims result_strides = RowMajorStrides(call.op.type().dims);
  Accumulators accumulators(call, call.op.type().num_elements());
  Status status;
  ForEachIndex(dims, [&](const Dims& index, int64_t linear) {
    if (!status.ok()) return;
    int64_t at = 0;
    for (size_t i = 0; i < kept.size(); ++i) at += index[kept[i]] * result_strides[i];
    status = accumulators.Combine(at, linear);
  });
  RETURN_IF_ERROR(status);
  return accumulators.Finish();
}

Results EvaluateScan(const OpCall& call) {
  const Dims& dims = call.operands[0].type().dims;
  const int64_t dimension = call.op.attributes.Int(AttrKey::kDimension);
  const bool is_reverse = call.op.attributes.Int(AttrKey::kIsReverse) != 0;
  const int64_t length = dims[dimension];
  const int64_t stride = RowMajorStrides(dims)[dimension];
  Accumulators accumulators(call, NumElements(dims));
  Status status;
  Dims lines = dims;
  lines[dimension] = 1;
  const Dims strides = RowMajorStrides(dims);
  ForEachIndex(lines, [&](const Dims& index, int64_t) {
    const int64_t base = length == 0 ? 0 : LinearIndex(index, strides);
    for (int64_t i = 0; i < length && status.ok(); ++i) {
      const int64_t at = base + (is_reverse ? length - 1 - i : i) * stride;
      if (i > 0) accumulators.Copy(at + (is_reverse ? stride : -stride), at);
      status = accumulators.Combine(at, at);
    }
  });
  RETURN_IF_ERROR(status);
  return accumulators.Finish();
}

}  // namespace dragoman::reference
