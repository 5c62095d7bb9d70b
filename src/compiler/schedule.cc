// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "base/format.h"
#include "compiler/join_shares.h"
#include "compiler/update_order.h"
#include "fusion/update.h"
#include "kernel/kernel_hash.h"

namespace dragoman::compiler {
namespace {

using fusion::GroupKind;

bool IsControl(GroupKind kind) { return kind == GroupKind::kWhile || kind == GroupKind::kCase; }

Status AddPlace(const Status& status, const fusion::Group& group, const ir::Module& module) {
  const ir::Op* op = group.hero != nullptr ? group.hero : group.members.back();
  const std::string place = module.Where(*op);
  return place.empty() ? status : status.WithContext(place.substr(1));
}

// Items whose results only the caller reads wait until the end: they can then run together, and memory of donated
// parameters is free to be written.
void DelaySinks(BlockSchedule& schedule) {
  std::unordered_set<const ir::Value*> read;
  for (const Item& item : schedule.items) read.insert(item.group->inputs.begin(), item.group->inputs.end());
  std::stable_partition(schedule.items.begin(), schedule.items.end(), [&](const Item& item) {
    const bool is_sink = item.group->kind == GroupKind::kLoop && item.lowered.launches.size() == 1 &&
                         std::none_of(item.group->outputs.begin(), item.group->outputs.end(),
                                      [&](const ir::Value* output) { return read.contains(output); });
    return !is_sink;
  });
}

// Sinks with equal kernels become batches. They are independent of each other: nobody reads a sink.
void BatchSinks(BlockSchedule& schedule) {
  std::unordered_set<const ir::Value*> read;
  for (const Item& item : schedule.items) read.insert(item.group->inputs.begin(), item.group->inputs.end());
  size_t first_sink = schedule.items.size();
  while (first_sink > 0) {
    const Item& item = schedule.items[first_sink - 1];
    const bool is_sink = item.group->kind == GroupKind::kLoop && item.lowered.launches.size() == 1 &&
                         std::none_of(item.group->outputs.begin(), item.group->outputs.end(),
                                      [&](const ir::Value* output) { return read.contains(output); });
    if (!is_sink) break;
    --first_sink;
  }
  std::unordered_map<Hash128, int, Hash128Hasher> batches;
  for (size_t i = first_sink; i < schedule.items.size(); ++i) {
    const Hash128 key = kernel::HashKernel(*schedule.items[i].lowered.launches[0].kernel);
    schedule.items[i].batch = batches.emplace(key, static_cast<int>(batches.size())).first->second;
  }
  std::stable_sort(schedule.items.begin() + static_cast<std::ptrdiff_t>(first_sink), schedule.items.end(),
                   [](const Item& a, const Item& b) { return a.batch < b.batch; });
}

// The same bytes in another shape or type.
bool IsView(const ir::Op* op) {
  const bool is_bitcast = op->code == ir::OpCode::kBitcastConvert && op->operands[0]->type.dims == op->type().dims;
  return op->code == ir::OpCode::kReshape || is_bitcast;
}

// What the group is a view of, if that is all that it does. A block hands no views on, unless of what is updated in
// place.
const ir::Value* ViewSource(const fusion::Group& group, const ir::Block& block) {
  if (group.kind != GroupKind::kLoop || group.inputs.size() != 1 || group.outputs.size() != 1) return nullptr;
  if (!std::all_of(group.members.begin(), group.members.end(), IsView)) return nullptr;
  const ir::Op* source = group.inputs[0]->op;
  if (source != nullptr && (fusion::IsUpdate(*source) || source->code == ir::OpCode::kWhile)) return group.inputs[0];
  const auto& handed_on = block.terminator()->operands;
  const bool is_handed_on = std::find(handed_on.begin(), handed_on.end(), group.outputs[0]) != handed_on.end();
  return is_handed_on ? nullptr : group.inputs[0];
}

class Scheduler {
 public:
  explicit Scheduler(const ScheduleContext& context)
      : context_(context), groups_(context.compile, context.lifts_extents) {}

  StatusOr<std::unique_ptr<BlockSchedule>> Build(const ir::Block& block, BlockSchedule* parent, int parent_item) {
    auto schedule = std::make_unique<BlockSchedule>();
    schedule->block = &block;
    schedule->parent = parent;
    schedule->parent_item = parent_item;
    ASSIGN_OR_RETURN(schedule->plan, fusion::PlanBlock(block, context_.compile));
    for (const fusion::Group& group : schedule->plan.groups) {
      Item item;
      item.group = &group;
      item.view_of = ViewSource(group, block);
      if (item.view_of == nullptr && !IsControl(group.kind) && group.kind != GroupKind::kHostTransfer) {
        auto lowered = groups_.Lower(group);
        if (!lowered.ok()) return AddPlace(lowered.status(), group, context_.module);
        item.lowered = *std::move(lowered);
      }
      schedule->items.push_back(std::move(item));
    }
    if (parent == nullptr) {
      DelaySinks(*schedule);
      if (context_.compile.options.fuse) BatchSinks(*schedule);
    }
    RunReadersFirst(*schedule);
    if (context_.compile.options.fuse) JoinShares(*schedule, context_.compile.profile);
    RETURN_IF_ERROR(BuildBodies(*schedule));
    return schedule;
  }

  void Number(BlockSchedule& schedule) {
    schedule.begin = clock_++;
    for (size_t i = 0; i < schedule.items.size(); ++i) {
      Item& item = schedule.items[i];
      const bool joins = i > 0 && RunTogether(schedule.items[i - 1], item);
      item.begin = joins ? schedule.items[i - 1].begin : clock_++;
      for (const auto& body : item.bodies) Number(*body);
      item.end = item.bodies.empty() ? item.begin : clock_++;
    }
    schedule.end = clock_++;
  }

 private:
  Status BuildBodies(BlockSchedule& schedule) {
    for (size_t i = 0; i < schedule.items.size(); ++i) {
      Item& item = schedule.items[i];
      if (!IsControl(item.group->kind)) continue;
      for (const auto& region : item.group->hero->regions) {
        ASSIGN_OR_RETURN(auto body, Build(*region, &schedule, static_cast<int>(i)));
        item.bodies.push_back(std::move(body));
      }
    }
    return OkStatus();
  }

  const ScheduleContext& context_;
  LoweredGroups groups_;
  int clock_ = 0;
};

void CollectDefinitions(const BlockSchedule& schedule,
                        std::unordered_map<const ir::Value*, const BlockSchedule*>& definitions) {
  for (const auto& argument : schedule.block->arguments) definitions[argument.get()] = &schedule;
  for (const Item& item : schedule.items) {
    for (const ir::Value* output : item.group->outputs) definitions[output] = &schedule;
    for (const auto& body : item.bodies) CollectDefinitions(*body, definitions);
  }
}

}  // namespace

bool RunTogether(const Item& a, const Item& b) {
  return (a.batch >= 0 && a.batch == b.batch) || (a.join.id >= 0 && a.join.id == b.join.id);
}

bool StartsFromOperands(const fusion::Group& group) {
  return group.hero != nullptr && (fusion::IsUpdate(*group.hero) || group.kind == GroupKind::kWhile);
}

StatusOr<std::unique_ptr<BlockSchedule>> ScheduleMain(const ir::Block& block, const ScheduleContext& context) {
  Scheduler scheduler(context);
  ASSIGN_OR_RETURN(auto schedule, scheduler.Build(block, nullptr, -1));
  scheduler.Number(*schedule);
  return schedule;
}

std::string PrintKernels(const BlockSchedule& schedule) {
  std::string text;
  for (size_t i = 0; i < schedule.items.size(); ++i) {
    const Item& item = schedule.items[i];
    const auto group = item.group - schedule.plan.groups.data();
    if (item.view_of != nullptr) text += Format("group {}: no kernel, the same memory in another shape\n", group);
    if (!item.lowered.reason.empty()) text += Format("group {} because: {}\n", group, item.lowered.reason);
    if (i > 0 && item.join.id >= 0 && RunTogether(schedule.items[i - 1], item)) {
      text += Format("group {}: in one dispatch with the group before\n", group);
    }
    for (const Launch& launch : item.lowered.launches) {
      text += Format("group {}: {}, {} workgroups\n{}", group, launch.label, launch.workgroups,
                     kernel::Print(*launch.kernel));
    }
    for (size_t body = 0; body < item.bodies.size(); ++body) {
      text += Format("group {}, body {}:\n{}", group, body, PrintKernels(*item.bodies[body]));
    }
  }
  return text;
}

std::unordered_map<const ir::Value*, const BlockSchedule*> DefiningSchedules(const BlockSchedule& main) {
  std::unordered_map<const ir::Value*, const BlockSchedule*> definitions;
  CollectDefinitions(main, definitions);
  return definitions;
}

}  // namespace dragoman::compiler
