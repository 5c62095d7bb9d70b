// SPDX-License-Identifier: Apache-2.0
#include "passes/eliminate_dead_code.h"

#include <unordered_set>

#include "passes/effects.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

// Removes the elements whose index is not kept.
template <typename T>
void KeepOnly(std::vector<T>& list, const std::vector<bool>& is_kept) {
  size_t next = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!is_kept[i]) continue;
    if (next != i) list[next] = std::move(list[i]);
    ++next;
  }
  list.resize(next);
}

void Renumber(std::vector<std::unique_ptr<Value>>& values) {
  for (size_t i = 0; i < values.size(); ++i) values[i]->index = static_cast<int>(i);
}

class DeadCode {
 public:
  bool Run(ir::Function& function) {
    ir::Walk(function.body, [this](Op* op) {
      if (HasEffect(*op)) MarkOp(op);
    });
    MarkOp(function.body.terminator());
    while (!worklist_.empty()) {
      Value* value = worklist_.back();
      worklist_.pop_back();
      MarkSources(value);
    }
    Sweep(function.body);
    return changed_;
  }

 private:
  void MarkValue(Value* value) {
    if (live_values_.insert(value).second) worklist_.push_back(value);
  }

  void MarkAll(const std::vector<Value*>& values) {
    for (Value* value : values) MarkValue(value);
  }

  void MarkOp(Op* op) {
    if (!live_ops_.insert(op).second) return;
    if (op->parent->parent_op != nullptr) MarkOp(op->parent->parent_op);
    if (op->code == OpCode::kWhile) {
      MarkAll(op->regions[0]->terminator()->operands);
      return;
    }
    if (op->code == OpCode::kReturn && IsTrimmed(op->parent->parent_op)) return;
    MarkAll(op->operands);
    if (IsTrimmed(op)) return;
    for (const auto& region : op->regions) MarkOp(region->terminator());
  }

  // Ops whose results live and die one by one.
  static bool IsTrimmed(const Op* op) {
    return op != nullptr && (op->code == OpCode::kWhile || op->code == OpCode::kCase);
  }

  void MarkSources(Value* value) {
    if (value->op != nullptr) {
      MarkOp(value->op);
      if (value->op->code == OpCode::kWhile) MarkCarried(value->op, value->index);
      if (value->op->code == OpCode::kCase) {
        for (const auto& region : value->op->regions) MarkValue(region->terminator()->operands[value->index]);
      }
      return;
    }
    Op* owner = value->block->parent_op;
    if (owner != nullptr && owner->code == OpCode::kWhile) MarkCarried(owner, value->index);
  }

  // That the result is marked says that the whole carried value is.
  void MarkCarried(Op* loop, int index) {
    MarkValue(loop->result(index));
    MarkValue(loop->operands[index]);
    MarkValue(loop->regions[1]->terminator()->operands[index]);
  }

  void Sweep(Block& block) {
    const size_t before = block.ops.size();
    // Users stand behind what they use.
    for (auto op = block.ops.rbegin(); op != block.ops.rend(); ++op) {
      const bool is_terminator = (*op)->code == OpCode::kReturn;
      if (!is_terminator && !live_ops_.contains(op->get())) op->reset();
    }
    std::erase(block.ops, nullptr);
    changed_ |= block.ops.size() != before;
    for (const auto& op : block.ops) {
      if (IsTrimmed(op.get())) Trim(*op);
      for (const auto& region : op->regions) Sweep(*region);
    }
  }

  void Trim(Op& op) {
    std::vector<bool> is_kept;
    bool all_kept = true;
    for (const auto& result : op.results) {
      is_kept.push_back(live_values_.contains(result.get()));
      all_kept &= is_kept.back();
    }
    if (all_kept) return;
    changed_ = true;
    const bool is_loop = op.code == OpCode::kWhile;
    for (size_t i = 0; i < op.regions.size(); ++i) {
      Block& region = *op.regions[i];
      if (!is_loop || i == 1) KeepOnly(region.terminator()->operands, is_kept);
      if (is_loop) TrimArguments(region, is_kept);
    }
    if (is_loop) KeepOnly(op.operands, is_kept);
    TrimValues(op.results, is_kept);
  }

  void TrimArguments(Block& region, const std::vector<bool>& is_kept) { TrimValues(region.arguments, is_kept); }

  // Dead ops of a region may still name the value until they are swept.
  void TrimValues(std::vector<std::unique_ptr<Value>>& values, const std::vector<bool>& is_kept) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!is_kept[i]) trimmed_.push_back(std::move(values[i]));
    }
    KeepOnly(values, is_kept);
    Renumber(values);
  }

  std::unordered_set<const Value*> live_values_;
  std::unordered_set<const Op*> live_ops_;
  std::vector<Value*> worklist_;
  std::vector<std::unique_ptr<Value>> trimmed_;
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> EliminateDeadCode(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<DeadCode>(module);
}

}  // namespace dragoman::passes
