// SPDX-License-Identifier: Apache-2.0
#include "ir/access.h"

namespace dragoman::ir {
namespace {

// Dimensions of extent 1 are added, in any place; the others stay in order.
bool OnlyAddsUnitDims(const Op& op, const TensorType& from) {
  int64_t last = -1;
  const std::vector<int64_t>& mapped = op.attributes.Ints(AttrKey::kBroadcastDimensions);
  for (size_t i = 0; i < mapped.size(); ++i) {
    if (from.dims[i] == 1) continue;
    if (mapped[i] < last) return false;
    last = mapped[i];
  }
  return true;
}

}  // namespace

bool KeepsLinearIndex(const Op& op, const Value* operand) {
  if (op.code == OpCode::kOptimizationBarrier) return true;
  const TensorType& from = operand->type;
  if (op.results.size() != 1 || from.num_elements() != op.type().num_elements()) return false;
  if (IsElementwise(op.code) || op.code == OpCode::kReshape) return true;
  if (op.code == OpCode::kBitcastConvert) return from.dims == op.type().dims;
  return op.code == OpCode::kBroadcastInDim && OnlyAddsUnitDims(op, from);
}

}  // namespace dragoman::ir
