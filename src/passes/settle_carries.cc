// SPDX-License-Identifier: Apache-2.0
#include "passes/settle_carries.h"

#include <algorithm>
#include <unordered_map>

#include "passes/loop_analysis.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

using Replacements = std::unordered_map<const Value*, Value*>;

// A carried number that is what it was at first in the first iteration alone.
struct Counter {
  Value* argument;
  int64_t first;
};

class Settling {
 public:
  bool Run(ir::Function& function) {
    VisitBlock(function.body);
    ir::ReplaceUses(function.body, results_);
    return changed_;
  }

 private:
  void VisitBlock(const Block& block) {
    for (const auto& op : block.ops) {
      for (const auto& region : op->regions) VisitBlock(*region);
      if (op->code == OpCode::kWhile && op->attributes.Has(AttrKey::kTripCount)) VisitLoop(*op);
    }
  }

  void VisitLoop(Op& loop) {
    const LoopAnalysis analysis(loop);
    const std::vector<size_t> settled = SettledCarries(analysis);
    const auto& carries = analysis.carries();
    const auto counter = std::find_if(carries.begin(), carries.end(), [](const Carry& carry) {
      return carry.kind == CarryKind::kCounter && carry.counter.step != 0;
    });
    if (analysis.trip_count() < 1 || settled.empty() || counter == carries.end()) return;
    Value* argument = loop.regions[1]->arguments[counter - carries.begin()].get();
    Settle(loop, settled, {argument, counter->counter.first});
  }

  // Those that are read in the body alone and whose next value comes from outside of the loop.
  static std::vector<size_t> SettledCarries(const LoopAnalysis& analysis) {
    const Op& loop = analysis.loop();
    const auto read_in_condition = ir::CountUses(*loop.regions[0]);
    std::vector<size_t> settled;
    for (size_t i = 0; i < loop.operands.size(); ++i) {
      if (analysis.IsInside(loop.regions[1]->terminator()->operands[i])) continue;
      if (IsToken(loop.operands[i]->type.dtype)) continue;
      if (!read_in_condition.contains(loop.regions[0]->arguments[i].get())) settled.push_back(i);
    }
    return settled;
  }

  // The carried values stay as unchanged ones that nothing reads, which go with the dead code.
  void Settle(Op& loop, const std::vector<size_t>& settled, const Counter& counter) {
    Block& body = *loop.regions[1];
    Op* terminator = body.terminator();
    const size_t old_size = body.ops.size();
    Builder builder(body);
    Value* first = builder.Scalar(counter.argument->type.dtype, static_cast<double>(counter.first));
    Value* is_first = builder.Compare(ComparisonDirection::kEq, counter.argument, first);
    Replacements chosen;
    for (const size_t i : settled) {
      Value* next = terminator->operands[i];
      Value* argument = body.arguments[i].get();
      chosen[argument] = builder.Select(builder.Fill(is_first, argument->type.dims), loop.operands[i], next);
      results_[loop.result(static_cast<int>(i))] = next;
    }
    std::rotate(body.ops.begin(), body.ops.begin() + static_cast<std::ptrdiff_t>(old_size), body.ops.end());
    ir::ReplaceUses(body, chosen);
    for (const size_t i : settled) terminator->operands[i] = body.arguments[i].get();
    changed_ = true;
  }

  Replacements results_;
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> SettleCarries(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<Settling>(module);
}

}  // namespace dragoman::passes
