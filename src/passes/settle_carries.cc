// SPDX-License-Identifier: Apache-2.0
#include "passes/settle_carries.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "passes/builder.h"
#include "passes/loop_analysis.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

using Replacements = std::unordered_map<const Value*, Value*>;

// A carried number that is what it was at first in the first iteration alone.
struct Counter {
  Value* argument;
  int64_t first;
};

std::optional<Counter> CounterOf(const Op& loop) {
  const Block& body = *loop.regions[1];
  for (size_t i = 0; i < loop.operands.size(); ++i) {
    Value* argument = body.arguments[i].get();
    const TensorType& type = argument->type;
    if (type.rank() != 0 || !IsInteger(type.dtype) || Info(type.dtype).bits < 32) continue;
    const auto first = IntegerOf(loop.operands[i]);
    const auto step = StepFrom(argument, body.terminator()->operands[i]);
    constexpr int64_t kMost = int64_t{1} << 30;  // it never comes back to the first one by wrapping around
    const int64_t count = loop.attributes.Int(AttrKey::kTripCount);
    if (!first.has_value() || !step.has_value() || *step == 0) continue;
    if (std::max({*first, -*first, *step, -*step, count}) >= kMost || count * std::max(*step, -*step) >= kMost)
      continue;
    return Counter{argument, *first};
  }
  return std::nullopt;
}

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
    if (loop.attributes.Int(AttrKey::kTripCount) < 1) return;
    const std::vector<size_t> settled = SettledCarries(loop);
    if (settled.empty()) return;
    const auto counter = CounterOf(loop);
    if (counter.has_value()) Settle(loop, settled, *counter);
  }

  // Those that are read in the body alone and whose next value comes from outside of the loop.
  static std::vector<size_t> SettledCarries(const Op& loop) {
    const Block& body = *loop.regions[1];
    const auto read_in_condition = ir::CountUses(*loop.regions[0]);
    std::unordered_set<const Value*> inside;
    for (const auto& argument : body.arguments) inside.insert(argument.get());
    for (const auto& op : body.ops) {
      for (const auto& result : op->results) inside.insert(result.get());
    }
    std::vector<size_t> settled;
    for (size_t i = 0; i < loop.operands.size(); ++i) {
      if (inside.contains(body.terminator()->operands[i]) || IsToken(loop.operands[i]->type.dtype)) continue;
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

StatusOr<PassResult> SettleCarries(ir::Module& module, const PassContext&) {
  PassResult result;
  for (const auto& function : module.functions) result.changed |= Settling().Run(*function);
  return result;
}

}  // namespace dragoman::passes
