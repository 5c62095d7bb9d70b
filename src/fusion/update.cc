// SPDX-License-Identifier: Apache-2.0
#include "fusion/update.h"

#include <algorithm>

namespace dragoman::fusion {

using ir::AttrKey;
using ir::OpCode;

bool IsUpdate(const ir::Op& op) { return op.code == OpCode::kDynamicUpdateSlice || op.code == OpCode::kScatter; }

bool TakesUpdatesInPlace(const ir::Op& update) {
  if (update.code == OpCode::kDynamicUpdateSlice) return true;
  if (update.code != OpCode::kScatter) return false;
  if (update.attributes.IntOr(AttrKey::kUniqueIndices, 0) != 0) return true;
  const TensorType& indices = update.operands[update.results.size()]->type;
  const int64_t vector_dim = update.attributes.Int(AttrKey::kIndexVectorDim);
  int64_t num_positions = 1;
  for (int i = 0; i < indices.rank(); ++i) num_positions *= i == vector_dim ? 1 : indices.dims[i];
  return num_positions == 1;
}

bool UpdatesOneElement(const ir::Op& update) {
  const size_t first = update.code == OpCode::kScatter ? update.results.size() + 1 : 1;
  const size_t end = update.code == OpCode::kScatter ? update.operands.size() : 2;
  return std::all_of(update.operands.begin() + static_cast<std::ptrdiff_t>(first),
                     update.operands.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const ir::Value* value) { return value->type.num_elements() == 1; });
}

const ir::Value* SourceOfReshapes(const ir::Value* value) {
  while (value->op != nullptr && value->op->code == OpCode::kReshape) value = value->op->operands[0];
  return value;
}

bool ReadsWhatIsUpdated(const ir::Op& op, const ir::Op& update) {
  if (!IsUpdate(update) || UpdatesOneElement(update) || op.code == OpCode::kReshape) return false;
  return std::any_of(update.results.begin(), update.results.end(), [&](const auto& result) {
    const ir::Value* updated = SourceOfReshapes(update.operands[result->index]);
    const bool is_smaller = op.type().num_elements() * 2 <= updated->type.num_elements();
    return is_smaller && std::any_of(op.operands.begin(), op.operands.end(),
                                     [&](const ir::Value* value) { return SourceOfReshapes(value) == updated; });
  });
}

}  // namespace dragoman::fusion
