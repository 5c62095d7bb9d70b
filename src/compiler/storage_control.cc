// SPDX-License-Identifier: Apache-2.0
// Loops: each carried value has one storage, written by the body as early as its old contents allow, else by a copy at
// the body's end. Branches: all branches write the same result storages.
#include <algorithm>

#include "compiler/storage_planner.h"
#include "fusion/classify.h"

namespace dragoman::compiler {

using program::SlotKind;

Status StoragePlanner::PlanWhile(const Item& item) {
  const ir::Op& hero = *item.group->hero;
  PlanFromOperands(item);
  for (size_t i = 0; i < hero.results.size(); ++i) {
    const StorageId carried = StorageOf(hero.result(static_cast<int>(i)));
    Touch(carried, item.end);
    for (const auto& body : item.bodies) plan_.of_value[body->block->arguments[i].get()] = carried;
    Hold(item.bodies[1]->block->arguments[i].get(), carried);
  }
  if (!hero.attributes.Has(ir::AttrKey::kTripCount)) RETURN_IF_ERROR(PlanCondition(item, *item.bodies[0]));
  RETURN_IF_ERROR(PlanLoopBody(item, *item.bodies[1]));
  for (const auto& result : hero.results) Hold(result.get(), StorageOf(result.get()));
  return OkStatus();
}

Status StoragePlanner::PlanLoopBody(const Item& item, const BlockSchedule& body) {
  const ir::Op& hero = *item.group->hero;
  const auto outer = carried_;
  std::unordered_set<StorageId> own;
  const auto& yields = body.block->terminator()->operands;
  for (size_t i = 0; i < yields.size(); ++i) {
    const StorageId carried = StorageOf(hero.result(static_cast<int>(i)));
    own.insert(carried);
    carried_.insert(carried);
    const ir::Value* origin = lifetimes_.Origin(yields[i]);
    if (IsWishable(origin, body)) wishes_[origin] = carried;
  }
  RETURN_IF_ERROR(PlanBlock(body));
  std::vector<CopyPlan> first;
  std::vector<CopyPlan> second;
  for (size_t i = 0; i < yields.size(); ++i) {
    const StorageId carried = StorageOf(hero.result(static_cast<int>(i)));
    StorageId from = StorageOf(yields[i]);
    if (from == carried) continue;
    if (own.contains(from)) {  // which another copy may write
      const StorageId parked = NewTemporary(yields[i]->type);
      first.push_back({from, parked});
      Touch(parked, body.end);
      from = parked;
    }
    second.push_back({from, carried});
    Touch(from, body.end);
  }
  first.insert(first.end(), second.begin(), second.end());
  if (!first.empty()) plan_.at_end[&body] = std::move(first);
  carried_ = outer;
  return OkStatus();
}

Status StoragePlanner::PlanCondition(const Item& item, const BlockSchedule& condition) {
  RETURN_IF_ERROR(PlanBlock(condition));
  const ir::Value* predicate = condition.block->terminator()->operands[0];
  StorageId storage = StorageOf(predicate);
  if (lifetimes_.DefiningSchedule(predicate) != &condition || predicate->op == nullptr) {
    const StorageId own = NewTemporary(predicate->type);
    plan_.at_end[&condition].push_back({storage, own});
    Touch(storage, item.end);
    storage = own;
  }
  Touch(storage, item.begin);
  Touch(storage, item.end);
  plan_.predicates[&condition] = storage;
  return OkStatus();
}

Status StoragePlanner::PlanCase(const Item& item) {
  const ir::Op& hero = *item.group->hero;
  Touch(StorageOf(hero.operands[0]), item.end);
  for (const auto& result : hero.results) {
    const StorageId wish = AllowedWish(result.get(), item);
    Assign(result.get(), wish >= 0 ? wish : NewTemporary(result->type), item.begin);
    Touch(StorageOf(result.get()), item.end);
  }
  for (const auto& branch : item.bodies) {
    const auto& yields = branch->block->terminator()->operands;
    for (size_t i = 0; i < yields.size(); ++i) {
      const ir::Value* origin = lifetimes_.Origin(yields[i]);
      if (IsWishable(origin, *branch)) wishes_[origin] = StorageOf(hero.result(static_cast<int>(i)));
    }
    RETURN_IF_ERROR(PlanBlock(*branch));
    for (size_t i = 0; i < yields.size(); ++i) {
      const StorageId to = StorageOf(hero.result(static_cast<int>(i)));
      if (StorageOf(yields[i]) != to) {
        plan_.at_end[branch.get()].push_back({StorageOf(yields[i]), to});
        Touch(StorageOf(yields[i]), branch->end);
      }
    }
  }
  for (const auto& result : hero.results) Hold(result.get(), StorageOf(result.get()));
  return OkStatus();
}

}  // namespace dragoman::compiler
