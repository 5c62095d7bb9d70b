// SPDX-License-Identifier: Apache-2.0
#include "passes/simplify_control_flow.h"

#include <unordered_map>

#include "passes/names.h"

namespace dragoman::passes {
namespace {

class ControlFlow {
 public:
  bool Run(ir::Function& function) {
    VisitBlock(function.body);
    ir::ReplaceUses(function.body, replaced_);
    return changed_;
  }

 private:
  // What is inside first: a loop that an inner loop leaves alone is seen to carry its value unchanged.
  void VisitBlock(const Block& block) {
    for (const auto& op : block.ops) {
      for (const auto& region : op->regions) VisitBlock(*region);
      if (op->code == OpCode::kWhile) VisitWhile(*op);
      if (op->code == OpCode::kCase) VisitCase(*op);
      for (const Value* operand : op->operands) changed_ |= replaced_.contains(operand);
    }
  }

  void VisitWhile(const Op& loop) {
    const auto& next = loop.regions[1]->terminator()->operands;
    for (size_t i = 0; i < loop.operands.size(); ++i) {
      Value* argument = loop.regions[1]->arguments[i].get();
      if (Replaced(next[i]) != argument) continue;
      changed_ = true;
      Value* initial = Replaced(loop.operands[i]);
      replaced_[argument] = initial;
      replaced_[loop.regions[0]->arguments[i].get()] = initial;
      replaced_[loop.result(static_cast<int>(i))] = initial;
    }
  }

  void VisitCase(const Op& op) {
    for (size_t i = 0; i < op.results.size(); ++i) {
      Value* first = Replaced(op.regions[0]->terminator()->operands[i]);
      bool all_agree = op.regions.size() > 1;
      for (const auto& region : op.regions) all_agree &= Replaced(region->terminator()->operands[i]) == first;
      if (all_agree) replaced_[op.result(static_cast<int>(i))] = first;
    }
  }

  Value* Replaced(Value* value) const {
    for (auto found = replaced_.find(value); found != replaced_.end(); found = replaced_.find(value)) {
      value = found->second;
    }
    return value;
  }

  std::unordered_map<const Value*, Value*> replaced_;
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> SimplifyControlFlow(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<ControlFlow>(module);
}

}  // namespace dragoman::passes
