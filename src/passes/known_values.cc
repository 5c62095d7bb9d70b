// SPDX-License-Identifier: Apache-2.0
#include "passes/known_values.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "passes/effects.h"
#include "reference/evaluator.h"

namespace dragoman::passes {
namespace {

bool Captures(const Op& op) {
  std::unordered_set<const Value*> inside;
  bool captures = false;
  for (const auto& region : op.regions) {
    for (const auto& argument : region->arguments) inside.insert(argument.get());
    ir::Walk(*region, [&](const Op* inner) {
      for (const Value* operand : inner->operands) captures |= !inside.contains(operand);
      for (const auto& result : inner->results) inside.insert(result.get());
    });
  }
  return captures;
}

bool IsFoldableKind(const Op& op) {
  const ir::OpKind kind = Info(op.code).kind;
  return kind == ir::OpKind::kElementwise || kind == ir::OpKind::kData || kind == ir::OpKind::kMovement ||
         kind == ir::OpKind::kIndexing || kind == ir::OpKind::kReduction || kind == ir::OpKind::kContraction;
}

// The operations that `root` depends on, each after those that it reads; nothing where `may_enter`, which is asked once
// for each, refuses one.
template <typename Filter>
std::vector<const Op*> OpsBefore(const Value* root, const Filter& may_enter) {
  std::vector<const Op*> order;
  std::unordered_set<const Op*> seen;
  std::vector<std::pair<const Op*, size_t>> path;  // and the operand to look at next
  const auto enter = [&](const Value* value) {
    if (value->op == nullptr) return false;
    if (!seen.insert(value->op).second) return true;
    if (!may_enter(*value->op)) return false;
    path.emplace_back(value->op, 0);
    return true;
  };
  if (!enter(root)) return {};
  while (!path.empty()) {
    const Op* op = path.back().first;
    if (path.back().second == op->operands.size()) {
      order.push_back(op);
      path.pop_back();
    } else if (!enter(op->operands[path.back().second++])) {
      return {};
    }
  }
  return order;
}

}  // namespace

bool IsFoldable(const Op& op) { return IsFoldableKind(op) && IsPure(op) && !Captures(op); }

const ir::Literal* KnownValues::Find(const Value* value) {
  if (value != last_) {
    last_ = value;
    found_.reset();
    Compute(value);
  }
  return found_.has_value() ? &*found_ : nullptr;
}

void KnownValues::Compute(const Value* root) {
  // Counted on the way, so that what depends on a whole program is given up early.
  int64_t elements = 0;
  const std::vector<const Op*> order = OpsBefore(root, [&](const Op& op) {
    if (!IsFoldable(op)) return false;
    elements += op.type().num_elements();
    for (const Value* operand : op.operands) elements += operand->type.num_elements();
    return elements <= max_elements_;
  });
  if (order.empty()) return;
  std::unordered_map<const Value*, ir::Literal> known;
  for (const Op* op : order) {
    std::vector<ir::Literal> operands;
    for (const Value* operand : op->operands) operands.push_back(known.at(operand));
    auto results = reference::EvaluateOp(*op, operands);
    if (!results.ok()) return;
    for (size_t i = 0; i < op->results.size(); ++i) known.emplace(op->results[i].get(), std::move((*results)[i]));
  }
  found_ = known.at(root);
}

}  // namespace dragoman::passes
