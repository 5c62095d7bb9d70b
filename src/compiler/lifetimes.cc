// SPDX-License-Identifier: Apache-2.0
#include "compiler/lifetimes.h"

#include <algorithm>

#include "ir/access.h"

namespace dragoman::compiler {

Lifetimes::Lifetimes(const BlockSchedule& main) : definitions_(DefiningSchedules(main)) { Visit(main); }

void Lifetimes::Visit(const BlockSchedule& schedule) {
  for (const Item& item : schedule.items) {
    if (item.view_of != nullptr) {
      origins_[item.group->outputs[0]] = Origin(item.view_of);
      continue;
    }
    for (const ir::Value* input : item.group->inputs) Read(input, schedule, item.begin);
    for (const auto& body : item.bodies) Visit(*body);
  }
  for (const ir::Value* result : schedule.block->terminator()->operands) Read(result, schedule, schedule.end);
}

const ir::Value* Lifetimes::Origin(const ir::Value* value) const {
  const auto found = origins_.find(value);
  return found == origins_.end() ? value : found->second;
}

void Lifetimes::Read(const ir::Value* value, const BlockSchedule& reader, int position) {
  value = Origin(value);
  const BlockSchedule* home = DefiningSchedule(value);
  for (const BlockSchedule* at = &reader; at != home && at->parent != nullptr; at = at->parent) {
    position = std::max(position, at->parent->items[at->parent_item].end);
  }
  int& last = last_read_.emplace(value, -1).first->second;
  last = std::max(last, position);
}

int Lifetimes::LastRead(const ir::Value* value) const {
  const auto found = last_read_.find(Origin(value));
  return found == last_read_.end() ? -1 : found->second;
}

const BlockSchedule* Lifetimes::DefiningSchedule(const ir::Value* value) const {
  const auto found = definitions_.find(value);
  return found == definitions_.end() ? nullptr : found->second;
}

bool GroupReadsPointwise(const fusion::Group& group, const ir::Value* value) {
  const bool has_epilogue = group.kind == fusion::GroupKind::kDot || group.kind == fusion::GroupKind::kConvolution ||
                            group.kind == fusion::GroupKind::kReduce || group.kind == fusion::GroupKind::kFourier;
  if (group.kind != fusion::GroupKind::kLoop && !has_epilogue) {
    return std::find(group.inputs.begin(), group.inputs.end(), value) == group.inputs.end();
  }
  for (const ir::Value* output : group.outputs) {
    if (output->type.size_bytes() != value->type.size_bytes()) return false;
  }
  const std::unordered_set<const ir::Op*> members(group.members.begin(), group.members.end());
  // Members whose every use up to the outputs keeps positions, found backwards in program order.
  std::unordered_set<const ir::Op*> misaligned;
  for (auto it = group.members.rbegin(); it != group.members.rend(); ++it) {
    const ir::Op& op = **it;
    for (const ir::Value* operand : op.operands) {
      const bool keeps = !misaligned.contains(&op) && ir::KeepsLinearIndex(op, operand);
      if (keeps) continue;
      if (operand == value) return false;
      if (operand->op != nullptr && members.contains(operand->op)) misaligned.insert(operand->op);
    }
  }
  return true;
}

}  // namespace dragoman::compiler
