// SPDX-License-Identifier: Apache-2.0
#include "fusion/graph.h"

#include <unordered_set>

#include "fusion/classify.h"

namespace dragoman::fusion {

Graph::Graph(const ir::Block& block) : block_(block) {
  nodes_.resize(block.ops.size());
  for (int i = 0; i < size(); ++i) {
    nodes_[i].op = block.ops[i].get();
    nodes_[i].is_elemental = IsElemental(*block.ops[i]);
    positions_.emplace(block.ops[i].get(), i);
  }
  for (int i = 0; i < size(); ++i) {
    const ir::Op& op = *nodes_[i].op;
    std::unordered_set<const ir::Value*> seen;
    const auto read = [&](ir::Value* value, int operand) {
      if (const int position = PositionOf(value); position >= 0) {
        nodes_[position].uses.push_back({i, operand});
        if (op.code == ir::OpCode::kReturn) nodes_[position].is_result = true;
      }
      if (seen.insert(value).second) nodes_[i].reads.push_back(value);
    };
    for (size_t k = 0; k < op.operands.size(); ++k) read(op.operands[k], static_cast<int>(k));
    for (const auto& region : op.regions) {
      std::unordered_set<const ir::Value*> inside;
      for (const auto& argument : region->arguments) inside.insert(argument.get());
      ir::Walk(*region, [&](ir::Op* inner) {
        for (const auto& nested : inner->regions) {
          for (const auto& argument : nested->arguments) inside.insert(argument.get());
        }
        for (const auto& result : inner->results) inside.insert(result.get());
        for (ir::Value* operand : inner->operands) {
          if (!inside.contains(operand)) read(operand, -1);
        }
      });
    }
  }
}

int Graph::PositionOf(const ir::Value* value) const {
  if (value->op == nullptr) return -1;
  const auto found = positions_.find(value->op);
  return found == positions_.end() ? -1 : found->second;
}

}  // namespace dragoman::fusion
