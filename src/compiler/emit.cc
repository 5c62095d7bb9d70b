// SPDX-License-Identifier: Apache-2.0
#include "compiler/emit.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/format.h"
#include "compiler/barriers.h"
#include "compiler/estimates.h"
#include "compiler/kernel_table.h"
#include "compiler/loop_joiner.h"
#include "fusion/classify.h"
#include "lower/product_choices.h"

namespace dragoman::compiler {
namespace {

using fusion::GroupKind;
using program::Step;
using program::StepKind;

constexpr uint64_t kUnlimitedWorkgroups = 0xffffffffull;

// One line a reason.
std::string Explain(const fusion::Group& group, const std::string& form) {
  std::string text = Format("{} of {} operations:", Name(group.kind), group.members.size());
  std::map<std::string_view, int> counts;
  for (const ir::Op* op : group.members) ++counts[ir::Info(op->code).name];
  for (const auto& [name, count] : counts) text += count == 1 ? Format(" {}", name) : Format(" {} {}", count, name);
  if (!form.empty()) text += "\nform: " + form;
  std::vector<std::string> seen;
  for (const std::string& reason : group.reasons) {
    if (std::find(seen.begin(), seen.end(), reason) != seen.end()) continue;
    seen.push_back(reason);
    text += "\n" + reason;
  }
  return text;
}

void MarkKernels(const std::vector<Step>& steps, std::vector<uint32_t>& is_used) {
  for (const Step& step : steps) {
    if (step.kind == StepKind::kDispatch) is_used[step.kernel] = 1;
    for (const auto& body : step.bodies) MarkKernels(body, is_used);
  }
}

void RenumberKernels(std::vector<Step>& steps, const std::vector<uint32_t>& number) {
  for (Step& step : steps) {
    if (step.kind == StepKind::kDispatch) step.kernel = number[step.kernel];
    for (auto& body : step.bodies) RenumberKernels(body, number);
  }
}

// Loops that became one kernel leave those of their bodies behind.
void DropUnusedKernels(program::Program& program) {
  std::vector<uint32_t> number(program.kernels.size(), 0);
  MarkKernels(program.steps, number);
  uint32_t num_used = 0;
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    if (number[i] == 0) continue;
    if (num_used != i) program.kernels[num_used] = std::move(program.kernels[i]);
    number[i] = num_used++;
  }
  program.kernels.resize(num_used);
  RenumberKernels(program.steps, number);
}

// The bindings of several kernels, each memory once for a type.
class JoinedBuffers {
 public:
  int Add(uint32_t slot, const kernel::BufferBinding& binding) {
    const auto [entry, is_new] = buffer_of_.emplace(std::pair(slot, binding.memory), static_cast<int>(slots_.size()));
    if (is_new) {
      slots_.push_back(slot);
      bindings_.push_back(binding);
    }
    bindings_[entry->second].is_read |= binding.is_read;
    bindings_[entry->second].is_written |= binding.is_written;
    return entry->second;
  }
  const std::vector<uint32_t>& slots() const { return slots_; }
  const std::vector<kernel::BufferBinding>& bindings() const { return bindings_; }

 private:
  std::map<std::pair<uint32_t, DType>, int> buffer_of_;
  std::vector<uint32_t> slots_;
  std::vector<kernel::BufferBinding> bindings_;
};

class Emitter {
 public:
  Emitter(const ir::Module& module, const StoragePlan& storage, const target::DeviceProfile& profile,
          const Options& options)
      : module_(module),
        storage_(storage),
        profile_(profile),
        options_(options),
        kernels_(profile, options.on_kernel),
        barriers_(program_),
        joiner_(program_, kernels_, profile) {}

  StatusOr<program::Program> Run(const BlockSchedule& schedule) {
    const ir::Function& main = *module_.main();
    program_.name = module_.name;
    for (size_t i = 0; i < main.body.arguments.size(); ++i) {
      const bool is_donor = main.parameters[i].aliased_output >= 0 || main.parameters[i].is_donor;
      program_.parameters.push_back({main.body.arguments[i]->type, -1, is_donor});
      program_.has_random_seed = main.parameters[i].is_random_seed;
    }
    const auto& results = main.body.terminator()->operands;
    for (size_t i = 0; i < results.size(); ++i) {
      program_.outputs.push_back({results[i]->type, storage_.aliased_parameters[i]});
      program_.outputs.back().starts_as_parameter = storage_.starts_as_parameter[i];
      if (!main.result_spaces.empty()) program_.outputs.back().space = main.result_spaces[i];
    }
    program_.forwarded_parameters = storage_.forwarded_parameters;
    for (const ir::Literal& literal : storage_.constants) program_.constants.push_back(literal.Dense());
    program_.arena_bytes = storage_.arena_bytes;
    RETURN_IF_ERROR(EmitBlock(schedule, program_.steps));
    program_.kernels = std::move(kernels_.kernels());
    DropUnusedKernels(program_);
    return std::move(program_);
  }

 private:
  Status EmitBlock(const BlockSchedule& schedule, std::vector<Step>& steps) {
    for (size_t i = 0; i < schedule.items.size();) {
      const Item& item = schedule.items[i];
      size_t count = 1;
      while (i + count < schedule.items.size() && RunTogether(item, schedule.items[i + count])) ++count;
      for (size_t j = i; j < i + count; ++j) {
        const auto copies = storage_.before_item.find(&schedule.items[j]);
        if (copies != storage_.before_item.end()) EmitCopies(copies->second, steps);
      }
      RETURN_IF_ERROR(EmitItems({&item, count}, steps));
      i += count;
    }
    if (const auto copies = storage_.at_end.find(&schedule); copies != storage_.at_end.end()) {
      EmitCopies(copies->second, steps);
    }
    return OkStatus();
  }

  Status EmitItems(std::span<const Item> items, std::vector<Step>& steps) {
    const Item& item = items.front();
    if (item.join.id >= 0) return EmitJoin(items, steps);
    switch (item.group->kind) {
      case GroupKind::kWhile:
        return EmitWhile(item, steps);
      case GroupKind::kCase:
        return EmitCase(item, steps);
      case GroupKind::kHostTransfer:
        return EmitHostTransfer(item, steps);
      case GroupKind::kLoop:
      case GroupKind::kReduce:
      case GroupKind::kRow:
      case GroupKind::kDot:
      case GroupKind::kConvolution:
      case GroupKind::kAttention:
      case GroupKind::kReduceWindow:
      case GroupKind::kSelectAndScatter:
      case GroupKind::kScan:
      case GroupKind::kSort:
      case GroupKind::kScatter:
      case GroupKind::kDynamicUpdateSlice:
      case GroupKind::kCholesky:
      case GroupKind::kTriangularSolve:
      case GroupKind::kFourier:
      case GroupKind::kPanel:
        return items.size() > 1 ? EmitBatch(items, steps) : EmitDispatches(item, steps);
    }
    return Internal("Unknown group kind.");
  }

  uint32_t SlotOf(StorageId id, uint64_t size_bytes) {
    const Storage& storage = storage_.storages[id];
    const program::Slot slot{storage.kind, storage.index, storage.offset_bytes, size_bytes};
    const auto key = std::make_tuple(static_cast<int>(slot.kind), slot.index, slot.offset_bytes, size_bytes);
    const auto [entry, is_new] = slots_.emplace(key, static_cast<uint32_t>(program_.slots.size()));
    if (is_new) program_.slots.push_back(slot);
    return entry->second;
  }

  uint32_t SlotOf(const kernel::Argument& argument, const Item& item) {
    if (argument.value == nullptr) {
      const StorageId id = storage_.temporaries.at(&item)[argument.temporary];
      return SlotOf(id, storage_.storages[id].size_bytes);
    }
    return SlotOf(storage_.of_value.at(argument.value), argument.value->type.size_bytes());
  }

  // What decides whether two bindings may be one memory; outputs count as the parameter they may replace.
  std::tuple<int, uint32_t, uint64_t> MemoryOf(uint32_t slot_id) const {
    const program::Slot& slot = program_.slots[slot_id];
    if (slot.kind == program::SlotKind::kOutput && program_.outputs[slot.index].aliased_parameter >= 0) {
      return {static_cast<int>(program::SlotKind::kParameter), program_.outputs[slot.index].aliased_parameter, 0};
    }
    return {static_cast<int>(slot.kind), slot.index, slot.offset_bytes};
  }

  // Which bindings may be the memory of another one.
  std::vector<bool> AliasesOf(const kernel::Kernel& kernel, const std::vector<uint32_t>& slots) const {
    std::vector<bool> aliases(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      for (size_t j = i + 1; j < slots.size(); ++j) {
        const bool written = kernel.buffers[i].is_written || kernel.buffers[j].is_written;
        if (written && MemoryOf(slots[i]) == MemoryOf(slots[j])) aliases[i] = aliases[j] = true;
      }
    }
    return aliases;
  }

  std::vector<Access> AccessesOf(const kernel::Kernel& kernel, const std::vector<uint32_t>& slots) const {
    std::vector<Access> accesses;
    for (size_t i = 0; i < slots.size(); ++i) {
      const auto& binding = kernel.buffers[i % kernel.buffers.size()];
      accesses.push_back({slots[i], binding.is_written});
      if (binding.is_read && binding.is_written) accesses.push_back({slots[i], false});
    }
    return accesses;
  }

  Status AddDispatch(const KernelForm& form, Step step, std::vector<Step>& steps) {
    const uint64_t total = step.workgroups;
    if (total == 0 || total > kUnlimitedWorkgroups) return Internal("A dispatch has no workgroups, or too many.");
    step.kind = StepKind::kDispatch;
    step.barrier_before = barriers_.Step(AccessesOf(*form.kernel, step.buffers));
    ASSIGN_OR_RETURN(step.kernel, kernels_.Get(form));
    program_.bytes_accessed += step.bytes;
    program_.flops += step.flops;
    steps.push_back(std::move(step));
    return OkStatus();
  }

  Status EmitDispatches(const Item& item, std::vector<Step>& steps) {
    const auto& launches = item.lowered.launches;
    const auto largest = std::max_element(launches.begin(), launches.end(),
                                          [](const auto& a, const auto& b) { return a.workgroups < b.workgroups; });
    for (const Launch& launch : launches) {
      if (launch.workgroups > static_cast<int64_t>(kUnlimitedWorkgroups)) {
        return Unimplemented(
            Format("{} needs {} workgroups, more than {}.", launch.label, launch.workgroups, kUnlimitedWorkgroups));
      }
      Step step;
      step.workgroups = static_cast<uint32_t>(launch.workgroups);
      step.params = launch.params;
      step.label = launch.label;
      step.place = PlaceOf(item);
      step.reason = ReasonOf(item);
      step.bytes = BytesOf(launch, item.lowered, *item.group);
      if (&launch == &*largest) step.flops = FlopsOf(*item.group);  // others of a product sum or arrange
      step.buffers = SlotsOf(launch, item);
      const KernelForm form{launch.kernel, AliasesOf(*launch.kernel, step.buffers)};
      RETURN_IF_ERROR(AddDispatch(form, std::move(step), steps));
    }
    return OkStatus();
  }

  // Items whose kernels are equal: one dispatch per way in which their buffers alias.
  Status EmitBatch(std::span<const Item> items, std::vector<Step>& steps) {
    std::map<std::vector<bool>, std::vector<const Item*>> by_aliases;
    for (const Item& item : items) {
      const Launch& launch = item.lowered.launches[0];
      by_aliases[AliasesOf(*launch.kernel, SlotsOf(launch, item))].push_back(&item);
    }
    for (const auto& [aliases, batch] : by_aliases) {
      if (batch.size() == 1) {
        RETURN_IF_ERROR(EmitDispatches(*batch[0], steps));
        continue;
      }
      const KernelForm form{batch[0]->lowered.launches[0].kernel, aliases, /*is_segmented=*/true};
      RETURN_IF_ERROR(AddDispatch(form, SegmentedStep(batch), steps));
    }
    return OkStatus();
  }

  // Items whose shares run in turn, in the same workgroups.
  Status EmitJoin(std::span<const Item> items, std::vector<Step>& steps) {
    JoinedBuffers buffers;
    std::vector<kernel::SharedPart> parts;
    BarrierPlanner barriers(program_);
    Step step;
    step.workgroups = static_cast<uint32_t>(items.front().join.workgroups);
    for (const Item& item : items) {
      if (item.lowered.launches.empty()) continue;
      const Launch& launch = item.lowered.launches[0];
      const std::vector<uint32_t> slots = SlotsOf(launch, item);
      kernel::SequencePart part{.kernel = *launch.kernel, .params = launch.params, .workgroups = launch.workgroups};
      for (size_t i = 0; i < slots.size(); ++i) part.buffers.push_back(buffers.Add(slots[i], part.kernel.buffers[i]));
      part.barrier_before = barriers.Step(AccessesOf(*launch.kernel, slots));
      parts.push_back({std::move(part), launch.division.shares, launch.division.by_invocations});
      step.label += (step.label.empty() ? "" : ", then ") + launch.label;
      step.flops += FlopsOf(*item.group);
      step.bytes += BytesOf(launch, item.lowered, *item.group);
      step.place = PlaceOf(item);
      step.reason = ReasonOf(item);
    }
    step.buffers = buffers.slots();
    kernel::Kernel joined = kernel::JoinShares(buffers.bindings(), parts, items.front().join.workgroups, profile_);
    const std::vector<bool> aliases = AliasesOf(joined, step.buffers);
    const KernelForm form{std::make_shared<const kernel::Kernel>(std::move(joined)), aliases};
    return AddDispatch(form, std::move(step), steps);
  }

  std::vector<uint32_t> SlotsOf(const Launch& launch, const Item& item) {
    std::vector<uint32_t> slots;
    for (const kernel::Argument& argument : launch.arguments) slots.push_back(SlotOf(argument, item));
    return slots;
  }

  Step SegmentedStep(const std::vector<const Item*>& batch) {
    Step step;
    step.num_segments = static_cast<uint32_t>(batch.size());
    step.segment_starts = {0};
    for (const Item* item : batch) {
      const Launch& launch = item->lowered.launches[0];
      const std::vector<uint32_t> slots = SlotsOf(launch, *item);
      step.buffers.insert(step.buffers.end(), slots.begin(), slots.end());
      step.params.insert(step.params.end(), launch.params.begin(), launch.params.end());
      step.segment_starts.push_back(step.segment_starts.back() + static_cast<uint32_t>(launch.workgroups));
      step.flops += FlopsOf(*item->group);
      step.bytes += BytesOf(launch, item->lowered, *item->group);
    }
    step.workgroups = step.segment_starts.back();
    step.place = PlaceOf(*batch[0]);
    step.reason = ReasonOf(*batch[0]);
    step.label = Format("{} x {}", batch.size(), batch[0]->lowered.launches[0].label);
    return step;
  }

  void EmitCopies(const std::vector<CopyPlan>& copies, std::vector<Step>& steps) {
    for (const CopyPlan& copy : copies) {
      const uint64_t size = storage_.storages[copy.to].size_bytes;
      if (size == 0) continue;
      Step step;
      step.kind = StepKind::kCopy;
      step.slot_a = SlotOf(copy.from, size);
      step.slot_b = SlotOf(copy.to, size);
      step.bytes = 2 * static_cast<double>(size);
      step.barrier_before = barriers_.Step({{step.slot_a, false}, {step.slot_b, true}});
      step.label = "copy";
      steps.push_back(std::move(step));
    }
  }

  Status EmitWhile(const Item& item, std::vector<Step>& steps) {
    const ir::Op& hero = *item.group->hero;
    Step step;
    step.barrier_before = true;
    step.label = "while";
    step.place = PlaceOf(item);
    if (hero.attributes.Has(ir::AttrKey::kTripCount)) {
      step.kind = StepKind::kRepeat;
      step.count = static_cast<uint64_t>(hero.attributes.Int(ir::AttrKey::kTripCount));
      step.bodies.resize(1);
      barriers_.Force();
      RETURN_IF_ERROR(EmitBlock(*item.bodies[1], step.bodies[0]));
    } else {
      step.kind = StepKind::kWhile;
      step.slot_a = SlotOf(storage_.predicates.at(item.bodies[0].get()), 1);
      step.bodies.resize(2);
      for (int i = 0; i < 2; ++i) {
        barriers_.Force();
        RETURN_IF_ERROR(EmitBlock(*item.bodies[i], step.bodies[i]));
      }
    }
    barriers_.Force();
    const bool is_empty = step.kind == StepKind::kRepeat && (step.count == 0 || step.bodies[0].empty());
    if (is_empty) return OkStatus();
    ASSIGN_OR_RETURN(std::vector<Step> joined, joiner_.Join(std::move(step)));
    std::move(joined.begin(), joined.end(), std::back_inserter(steps));
    return OkStatus();
  }

  Status EmitCase(const Item& item, std::vector<Step>& steps) {
    Step step;
    step.kind = StepKind::kCase;
    step.barrier_before = true;
    step.label = "case";
    step.place = PlaceOf(item);
    const ir::Value* index = item.group->hero->operands[0];
    step.slot_a = SlotOf(storage_.of_value.at(index), index->type.size_bytes());
    step.bodies.resize(item.bodies.size());
    for (size_t i = 0; i < item.bodies.size(); ++i) {
      barriers_.Force();
      RETURN_IF_ERROR(EmitBlock(*item.bodies[i], step.bodies[i]));
    }
    barriers_.Force();
    steps.push_back(std::move(step));
    return OkStatus();
  }

  Status EmitHostTransfer(const Item& item, std::vector<Step>& steps) {
    const ir::Op& op = *item.group->hero;
    if (op.code != ir::OpCode::kSend && op.code != ir::OpCode::kRecv) return OkStatus();  // tokens order, no more
    const bool is_send = op.code == ir::OpCode::kSend;
    const ir::Value* value = is_send ? op.operands[0] : op.result(0);
    Step step;
    step.kind = is_send ? StepKind::kSend : StepKind::kRecv;
    step.barrier_before = true;
    step.channel_id = op.attributes.Int(ir::AttrKey::kChannelId);
    step.slot_a = SlotOf(storage_.of_value.at(value), value->type.size_bytes());
    step.label = is_send ? "send" : "recv";
    step.place = PlaceOf(item);
    barriers_.Force();
    steps.push_back(std::move(step));
    return OkStatus();
  }

  // Of the op that the group was made for.
  uint32_t PlaceOf(const Item& item) {
    const fusion::Group& group = *item.group;
    const ir::Op& op = group.hero != nullptr ? *group.hero : *group.members.back();
    std::string text = module_.locations == nullptr ? "" : module_.locations->Describe(op.location);
    if (text.empty()) return program::kNoPlace;
    const auto [entry, is_new] = places_.emplace(std::move(text), static_cast<uint32_t>(program_.places.size()));
    if (is_new) program_.places.push_back(entry->first);
    return entry->second;
  }

  // Of a group, with what its lowering says. Dispatches of one group share it.
  uint32_t ReasonOf(const Item& item) {
    if (!options_.explains) return program::kNoReason;
    std::string text = Explain(*item.group, item.lowered.reason);
    if (const auto choices = kernel::ChoicesOf(*item.group, {profile_, options_})) {
      text += "\n" + std::string(kProductLine) + choices->key;
      if (options_.on_product) options_.on_product(*choices);
    }
    const auto [entry, is_new] = reasons_.emplace(std::move(text), static_cast<uint32_t>(program_.reasons.size()));
    if (is_new) program_.reasons.push_back(entry->first);
    return entry->second;
  }

  const ir::Module& module_;
  const StoragePlan& storage_;
  program::Program program_;
  const target::DeviceProfile& profile_;
  const Options& options_;
  std::unordered_map<std::string, uint32_t> places_;  // by text
  std::unordered_map<std::string, uint32_t> reasons_;
  KernelTable kernels_;
  BarrierPlanner barriers_;
  LoopJoiner joiner_;
  std::map<std::tuple<int, uint32_t, uint64_t, uint64_t>, uint32_t> slots_;
};

}  // namespace

StatusOr<program::Program> EmitProgram(const ir::Module& module, const BlockSchedule& schedule,
                                       const StoragePlan& storage, const target::DeviceProfile& profile,
                                       const Options& options) {
  return Emitter(module, storage, profile, options).Run(schedule);
}

}  // namespace dragoman::compiler
