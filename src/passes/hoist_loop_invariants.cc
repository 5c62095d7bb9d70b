// SPDX-License-Identifier: Apache-2.0
#include "passes/hoist_loop_invariants.h"

#include <algorithm>
#include <unordered_set>

#include "passes/effects.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

class Hoisting {
 public:
  bool Run(ir::Function& function) {
    VisitBlock(function.body);
    return changed_;
  }

 private:
  using Ops = std::vector<std::unique_ptr<Op>>;

  // Inner loops first, so that what leaves them may leave the outer ones, too.
  void VisitBlock(Block& block) {
    Ops old_ops = std::move(block.ops);
    block.ops.clear();
    block.ops.reserve(old_ops.size());
    for (auto& op : old_ops) {
      for (const auto& region : op->regions) VisitBlock(*region);
      if (op->code == OpCode::kWhile) {
        for (const auto& region : op->regions) MoveInvariants(*region, block);
      }
      block.ops.push_back(std::move(op));
    }
  }

  // To the end of `block`, which is where the loop will stand.
  void MoveInvariants(Block& region, Block& block) {
    std::unordered_set<const Value*> variant;
    for (const auto& argument : region.arguments) variant.insert(argument.get());
    Ops kept;
    kept.reserve(region.ops.size());
    for (auto& op : region.ops) {
      if (op->code != OpCode::kReturn && IsPure(*op) && !DependsOn(*op, variant)) {
        op->parent = &block;
        block.ops.push_back(std::move(op));
        changed_ = true;
        continue;
      }
      for (const auto& result : op->results) variant.insert(result.get());
      kept.push_back(std::move(op));
    }
    region.ops = std::move(kept);
  }

  static bool DependsOn(const Op& op, const std::unordered_set<const Value*>& variant) {
    const auto is_variant = [&variant](const Value* value) { return variant.contains(value); };
    if (std::any_of(op.operands.begin(), op.operands.end(), is_variant)) return true;
    bool depends = false;
    for (const auto& region : op.regions) {
      ir::Walk(*region, [&](const Op* inner) {
        depends |= std::any_of(inner->operands.begin(), inner->operands.end(), is_variant);
      });
    }
    return depends;
  }

  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> HoistLoopInvariants(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<Hoisting>(module);
}

}  // namespace dragoman::passes
