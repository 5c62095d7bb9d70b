// SPDX-License-Identifier: Apache-2.0
#include "passes/eliminate_common_subexpressions.h"

#include <unordered_map>

#include "ir/structure.h"
#include "passes/effects.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

class CommonSubexpressions {
 public:
  bool Run(ir::Function& function) {
    VisitBlock(function.body);
    return !replaced_.empty();
  }

 private:
  void VisitBlock(Block& block) {
    const size_t scope_start = scope_.size();
    for (auto& op : block.ops) {
      for (Value*& operand : op->operands) operand = Replaced(operand);
      for (const auto& region : op->regions) VisitBlock(*region);
      if (op->code == OpCode::kReturn || !IsPure(*op)) continue;
      const size_t hash = HashOp(*op);
      if (const Op* earlier = FindEqual(*op, hash); earlier != nullptr) {
        for (size_t i = 0; i < op->results.size(); ++i) {
          replaced_[op->results[i].get()] = earlier->result(static_cast<int>(i));
        }
        dropped_.push_back(std::move(op));
        continue;
      }
      scope_.emplace_back(hash, op.get());
      seen_[hash].push_back(op.get());
    }
    std::erase(block.ops, nullptr);
    for (; scope_.size() > scope_start; scope_.pop_back()) seen_[scope_.back().first].pop_back();
  }

  const Op* FindEqual(const Op& op, size_t hash) const {
    const auto found = seen_.find(hash);
    if (found == seen_.end()) return nullptr;
    for (const Op* earlier : found->second) {
      if (SameOps(op, *earlier)) return earlier;
    }
    return nullptr;
  }

  Value* Replaced(Value* value) const {
    const auto found = replaced_.find(value);
    return found == replaced_.end() ? value : found->second;
  }

  std::unordered_map<size_t, std::vector<const Op*>> seen_;
  std::vector<std::pair<size_t, const Op*>> scope_;  // what to forget when its block ends
  std::unordered_map<const Value*, Value*> replaced_;
  std::vector<std::unique_ptr<Op>> dropped_;
};

}  // namespace

StatusOr<PassResult> EliminateCommonSubexpressions(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<CommonSubexpressions>(module);
}

}  // namespace dragoman::passes
