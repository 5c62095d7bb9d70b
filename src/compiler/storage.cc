// SPDX-License-Identifier: Apache-2.0
#include "compiler/storage.h"

#include <algorithm>

#include "base/format.h"
#include "compiler/storage_planner.h"
#include "fusion/classify.h"
#include "fusion/update.h"

namespace dragoman::compiler {

using fusion::GroupKind;
using program::SlotKind;

StatusOr<StoragePlan> PlanStorage(const ir::Function& main, const BlockSchedule& schedule, uint64_t section_bytes) {
  return StoragePlanner(main, schedule, section_bytes).Run();
}

StatusOr<StoragePlan> StoragePlanner::Run() && {
  PlanParametersAndOutputs();
  RETURN_IF_ERROR(PlanBlock(schedule_));
  CopyLeftoverOutputs();
  PlanDonation();
  plan_.arena_bytes = PlaceInArena(plan_.storages, section_bytes_);
  return std::move(plan_);
}

void StoragePlanner::PlanParametersAndOutputs() {
  for (const auto& argument : main_.body.arguments) {
    const StorageId id = NewStorage(SlotKind::kParameter, argument->index, argument->type.size_bytes());
    Assign(argument.get(), id, 0);
  }
  const auto& results = main_.body.terminator()->operands;
  plan_.forwarded_parameters.assign(results.size(), -1);
  plan_.aliased_parameters.assign(results.size(), -1);
  plan_.starts_as_parameter.assign(results.size(), false);
  for (size_t i = 0; i < results.size(); ++i) {
    const ir::Value* value = results[i];
    outputs_.push_back(NewStorage(SlotKind::kOutput, static_cast<uint32_t>(i), value->type.size_bytes()));
    const ir::Value* origin = lifetimes_.Origin(value);
    if (value->op == nullptr) {
      plan_.forwarded_parameters[i] = value->index;
    } else if (IsWishable(origin, schedule_)) {
      wishes_[origin] = outputs_.back();
    }
  }
}

// Results that are constants, appear twice, or could not be computed in place.
void StoragePlanner::CopyLeftoverOutputs() {
  const auto& results = main_.body.terminator()->operands;
  for (size_t i = 0; i < results.size(); ++i) {
    if (plan_.forwarded_parameters[i] >= 0) continue;
    const StorageId from = StorageOf(results[i]);
    if (from == outputs_[i]) continue;
    plan_.at_end[&schedule_].push_back({from, outputs_[i]});
    Touch(from, schedule_.end);
    Touch(outputs_[i], schedule_.end);
  }
}

// A value that an item of the schedule computes and that nothing has claimed yet.
bool StoragePlanner::IsWishable(const ir::Value* value, const BlockSchedule& schedule) const {
  return value->op != nullptr && lifetimes_.DefiningSchedule(value) == &schedule && !wishes_.contains(value);
}

namespace {

int CountOperand(const ir::Op& op, const ir::Value* value) {
  return static_cast<int>(std::count(op.operands.begin(), op.operands.end(), value));
}

bool OnlyHeroReads(const fusion::Group& group, const ir::Value* value) {
  if (fusion::IsUpdate(*group.hero) && fusion::UpdatesOneElement(*group.hero)) return true;
  return std::all_of(group.members.begin(), group.members.end(),
                     [&](const ir::Op* member) { return member == group.hero || CountOperand(*member, value) == 0; });
}

}  // namespace

// What an in-place op or a loop should end in, its operand should start in.
void StoragePlanner::PropagateWishes(const BlockSchedule& schedule) {
  for (auto item = schedule.items.rbegin(); item != schedule.items.rend(); ++item) {
    if (!StartsFromOperands(*item->group)) continue;
    const ir::Op& hero = *item->group->hero;
    for (size_t i = 0; i < hero.results.size(); ++i) {
      const auto wish = wishes_.find(hero.result(static_cast<int>(i)));
      const ir::Value* origin = lifetimes_.Origin(hero.operands[i]);
      if (wish == wishes_.end() || !DiesIn(*item, hero.operands[i])) continue;
      if (IsWishable(origin, schedule)) wishes_[origin] = wish->second;
      if (MayStartIn(wish->second, origin)) StartIn(wish->second, origin);
    }
  }
}

// A donated parameter that the program updates in place need not be copied: it is the output from the beginning.
bool StoragePlanner::MayStartIn(StorageId storage, const ir::Value* argument) const {
  if (argument->op != nullptr || lifetimes_.DefiningSchedule(argument) != &schedule_) return false;
  const ir::ParameterInfo& parameter = main_.parameters[argument->index];
  const Storage& output = plan_.storages[storage];
  return (parameter.aliased_output >= 0 || parameter.is_donor) && output.kind == SlotKind::kOutput &&
         plan_.storages[plan_.of_value.at(argument)].kind == SlotKind::kParameter &&
         plan_.aliased_parameters[output.index] < 0 &&
         static_cast<uint64_t>(argument->type.size_bytes()) == output.size_bytes;
}

void StoragePlanner::StartIn(StorageId output, const ir::Value* argument) {
  const uint32_t index = plan_.storages[output].index;
  plan_.aliased_parameters[index] = argument->index;
  plan_.starts_as_parameter[index] = true;
  Assign(argument, output, 0);
  Hold(argument, output);
}

Status StoragePlanner::PlanBlock(const BlockSchedule& schedule) {
  PropagateWishes(schedule);
  for (const Item& item : schedule.items) RETURN_IF_ERROR(PlanItem(item, schedule));
  return OkStatus();
}

Status StoragePlanner::PlanItem(const Item& item, const BlockSchedule& schedule) {
  (void)schedule;
  for (const ir::Value* input : item.group->inputs) {
    if (input->op != nullptr && fusion::IsMemoryConstant(*input->op)) StorageOf(input);
    if (!plan_.of_value.contains(input)) return Internal("Storage planning reads a value before it is written.");
  }
  if (item.view_of != nullptr) {
    Assign(item.group->outputs[0], StorageOf(item.view_of), item.begin);
    return OkStatus();
  }
  for (const int64_t size_bytes : item.lowered.temporaries) {
    const StorageId id = NewStorage(SlotKind::kArena, 0, static_cast<uint64_t>(size_bytes));
    Touch(id, item.begin);
    plan_.temporaries[&item].push_back(id);
  }
  if (item.group->kind == GroupKind::kWhile) return PlanWhile(item);
  if (item.group->kind == GroupKind::kCase) return PlanCase(item);
  if (StartsFromOperands(*item.group)) {
    PlanFromOperands(item);
    for (const auto& result : item.group->hero->results) Hold(result.get(), StorageOf(result.get()));
    return OkStatus();
  }
  for (const ir::Value* output : item.group->outputs) {
    const StorageId wish = AllowedWish(output, item);
    Assign(output, wish >= 0 ? wish : NewTemporary(output->type), item.begin);
    Hold(output, StorageOf(output));
  }
  return OkStatus();
}

void StoragePlanner::PlanFromOperands(const Item& item) {
  const ir::Op& hero = *item.group->hero;
  for (size_t i = 0; i < hero.results.size(); ++i) {
    const ir::Value* operand = hero.operands[i];
    const ir::Value* result = hero.result(static_cast<int>(i));
    const StorageId storage = ChooseFor(result, operand, item);
    if (storage != StorageOf(operand)) {
      plan_.before_item[&item].push_back({StorageOf(operand), storage});
      Touch(StorageOf(operand), item.begin);
    }
    Assign(result, storage, item.begin);
  }
}

// For results that start as a copy of an operand: the wished storage, the operand's own, or a fresh one.
StorageId StoragePlanner::ChooseFor(const ir::Value* result, const ir::Value* operand, const Item& item) {
  const bool can_take_over = CanTakeOver(operand, item);
  const auto wish = wishes_.find(result);
  if (wish != wishes_.end()) {
    if (can_take_over && wish->second == StorageOf(operand)) return wish->second;
    if (const StorageId allowed = AllowedWish(result, item); allowed >= 0) return allowed;
  }
  return can_take_over ? StorageOf(operand) : NewTemporary(result->type);
}

bool StoragePlanner::CanTakeOver(const ir::Value* operand, const Item& item) const {
  const auto found = plan_.of_value.find(operand);
  if (found == plan_.of_value.end()) return false;
  const SlotKind kind = plan_.storages[found->second].kind;
  if (kind == SlotKind::kParameter || kind == SlotKind::kConstant) return false;
  return DiesIn(item, operand);
}

// What the update is computed from must not be overwritten meanwhile: the hero alone reads it, once.
bool StoragePlanner::DiesIn(const Item& item, const ir::Value* operand) const {
  const fusion::Group& group = *item.group;
  const ir::Value* origin = lifetimes_.Origin(operand);
  const auto is_operand = [&](const ir::Value* input) { return lifetimes_.Origin(input) == origin; };
  return lifetimes_.LastRead(operand) <= item.begin && CountOperand(*group.hero, operand) == 1 &&
         std::count_if(group.inputs.begin(), group.inputs.end(), is_operand) == 1 && OnlyHeroReads(group, operand);
}

// What the storage held was read for the last time, or is here: then, in a loop's carried storage, element by element.
StorageId StoragePlanner::AllowedWish(const ir::Value* value, const Item& item) const {
  const auto wish = wishes_.find(value);
  if (wish == wishes_.end()) return -1;
  const auto held = held_.find(wish->second);
  if (held == held_.end()) return wish->second;
  for (const ir::Value* old : held->second) {
    const int last_read = lifetimes_.LastRead(old);
    if (last_read < item.begin) continue;
    const bool in_place = carried_.contains(wish->second) && last_read == item.begin && item.join.id < 0;
    if (!in_place || !ReadsPointwise(*item.group, old)) return -1;
  }
  return wish->second;
}

// The group reads the value, and views of it, if at all, only where it writes.
bool StoragePlanner::ReadsPointwise(const fusion::Group& group, const ir::Value* value) const {
  return std::all_of(group.inputs.begin(), group.inputs.end(), [&](const ir::Value* input) {
    return lifetimes_.Origin(input) != value || GroupReadsPointwise(group, input);
  });
}

StorageId StoragePlanner::NewStorage(SlotKind kind, uint32_t index, uint64_t size_bytes) {
  plan_.storages.push_back({kind, index, size_bytes});
  return static_cast<StorageId>(plan_.storages.size()) - 1;
}

StorageId StoragePlanner::StorageOf(const ir::Value* value) {
  const auto found = plan_.of_value.find(value);
  if (found != plan_.of_value.end()) return found->second;
  const ir::Literal& literal = value->op->attributes.GetLiteral(ir::AttrKey::kValue);
  const auto same = std::find(plan_.constants.begin(), plan_.constants.end(), literal);
  const auto index = static_cast<uint32_t>(same - plan_.constants.begin());
  if (same == plan_.constants.end()) plan_.constants.push_back(literal);
  const StorageId id = NewStorage(SlotKind::kConstant, index, value->type.size_bytes());
  plan_.of_value[value] = id;
  return id;
}

void StoragePlanner::Touch(StorageId id, int position) {
  Storage& storage = plan_.storages[id];
  if (position < 0) return;
  storage.first = storage.first < 0 ? position : std::min(storage.first, position);
  storage.last = std::max(storage.last, position);
}

void StoragePlanner::Assign(const ir::Value* value, StorageId storage, int position) {
  plan_.of_value[value] = storage;
  Touch(storage, position);
  Touch(storage, lifetimes_.LastRead(value));
}

void StoragePlanner::PlanDonation() {
  for (size_t parameter = 0; parameter < main_.parameters.size(); ++parameter) {
    const int output = main_.parameters[parameter].aliased_output;
    if (output < 0 || output >= static_cast<int>(outputs_.size()) || plan_.aliased_parameters[output] >= 0) continue;
    if (MayShareWithParameter(outputs_[output], static_cast<int>(parameter))) {
      plan_.aliased_parameters[output] = static_cast<int>(parameter);
    }
  }
}

// The output is first written when the parameter was read for the last time, or in the very item that reads it last,
// element for element.
bool StoragePlanner::MayShareWithParameter(StorageId output, int parameter) const {
  const ir::Value* argument = main_.body.arguments[parameter].get();
  const uint32_t output_index = plan_.storages[output].index;
  const ir::Value* result = main_.body.terminator()->operands[output_index];
  if (plan_.storages[plan_.of_value.at(argument)].kind != SlotKind::kParameter) return false;
  const auto forwarded = std::find(plan_.forwarded_parameters.begin(), plan_.forwarded_parameters.end(), parameter);
  if (forwarded != plan_.forwarded_parameters.end() || plan_.forwarded_parameters[output_index] >= 0) return false;
  if (argument->type.size_bytes() != result->type.size_bytes()) return false;
  const int last_read = lifetimes_.LastRead(argument);
  const int first_write = plan_.storages[output].first;
  if (last_read < first_write) return true;
  if (last_read > first_write) return false;
  for (const Item& item : schedule_.items) {
    const auto& inputs = item.group->inputs;
    const bool reads_it = std::any_of(inputs.begin(), inputs.end(),
                                      [&](const ir::Value* input) { return lifetimes_.Origin(input) == argument; });
    if (item.begin != first_write || !reads_it) continue;
    const auto& outputs = item.group->outputs;
    const bool writes_it = std::any_of(outputs.begin(), outputs.end(),
                                       [&](const ir::Value* value) { return plan_.of_value.at(value) == output; });
    if (!writes_it || !ReadsPointwise(*item.group, argument)) return false;
  }
  return true;
}

}  // namespace dragoman::compiler
