// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/row_plan.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental_ops.h"
#include "element/group_access.h"
#include "element/reduce_combiner.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMaxResidentLoads = 8;
constexpr int64_t kMaxResidentOps = 2048;            // times lanes and loads: code
constexpr int64_t kMaxValuesOfAWorkgroup = 1 << 15;  // held together: half the registers of a compute unit

bool IsRowReduce(const ir::Op& op, RowPhases& phases) {
  if (op.code != ir::OpCode::kReduce) return false;
  const ReduceSpace space(op.operands[0]->type.dims, op.attributes.Ints(ir::AttrKey::kDimensions));
  const bool is_row = space.innermost_is_reduced() && space.runs().size() <= 2;
  if (phases.num_rows == 0 && is_row) {
    phases.num_rows = space.num_kept();
    phases.row_length = space.num_reduced();
  }
  return is_row && space.num_kept() == phases.num_rows && space.num_reduced() == phases.row_length;
}

// How many phases must have run before a value is known.
using Levels = std::unordered_map<const ir::Value*, size_t>;

Status AddPhases(const fusion::Group& group, Levels& level, RowPhases& result) {
  for (const ir::Op* op : group.members) {
    size_t own = 0;
    for (const ir::Value* operand : op->operands) {
      const auto found = level.find(operand);
      if (found != level.end()) own = std::max(own, found->second);
    }
    if (IsRowReduce(*op, result)) {
      ++own;
      if (result.phases.size() < own) result.phases.resize(own);
      result.phases[own - 1].push_back(op);
    } else if (op->code == ir::OpCode::kReduce && !IsInlineReduce(*op)) {
      return Internal(Format("A row group of {} rows of {} has a reduce of {}.", result.num_rows, result.row_length,
                             op->operands[0]->type.ToString()));
    }
    for (const auto& value : op->results) level[value.get()] = own;
  }
  return OkStatus();
}

void AddRowValues(const fusion::Group& group, const Levels& level, RowPhases& result) {
  std::unordered_set<const ir::Value*> spread;
  result.row_values.resize(result.phases.size());
  for (const ir::Op* op : group.members) {
    if (op->code != ir::OpCode::kBroadcastInDim) continue;
    const ir::Value* operand = op->operands[0];
    const auto found = level.find(operand);
    if (found == level.end() || found->second == 0 || operand->type.num_elements() != result.num_rows) continue;
    if (spread.insert(operand).second) result.row_values[found->second - 1].push_back(operand);
  }
}

Status AddOutputs(const fusion::Group& group, RowPhases& result) {
  for (const ir::Value* output : group.outputs) {
    const int64_t count = output->type.num_elements();
    if (count == result.num_rows * result.row_length) {
      result.element_outputs.push_back(output);
    } else if (count == result.num_rows) {
      result.row_outputs.push_back(output);
    } else {
      return Internal(Format("A row group of {} rows of {} writes {}.", result.num_rows, result.row_length,
                             output->type.ToString()));
    }
  }
  return OkStatus();
}

// Where broadcasts and positions are read, nothing is held.
bool IsHeld(const ir::Value* value, const RowPhases& phases) {
  constexpr ir::OpCode kFree[] = {ir::OpCode::kBroadcastInDim, ir::OpCode::kIota, ir::OpCode::kConstant};
  if (value->type.num_elements() != phases.num_rows * phases.row_length) return false;
  return value->op == nullptr || std::ranges::find(kFree, value->op->code) == std::end(kFree);
}

// The phases in which a value is first and last asked for; what is written is asked for after all of them.
struct Asked {
  size_t first = SIZE_MAX;
  size_t last = 0;
  void In(size_t phase) {
    first = std::min(first, phase);
    last = std::max(last, phase);
  }
};

int64_t CountHeldValues(const fusion::Group& group, const Levels& level, const RowPhases& phases) {
  std::unordered_map<const ir::Value*, Asked> asked;
  for (const ir::Value* output : phases.element_outputs) asked[output].In(phases.phases.size() + 1);
  for (auto op = group.members.rbegin(); op != group.members.rend(); ++op) {
    const bool is_phase = (*op)->code == ir::OpCode::kReduce && !IsInlineReduce(**op);
    size_t first = is_phase ? level.at((*op)->result()) : SIZE_MAX;
    for (const auto& result : (*op)->results) first = std::min(first, asked[result.get()].first);
    for (const ir::Value* operand : (*op)->operands) asked[operand].In(first);
  }
  int64_t most = 0;
  for (size_t phase = 1; phase <= phases.phases.size(); ++phase) {
    int64_t held = 0;
    for (const auto& [value, when] : asked) {
      const bool is_across = when.first <= phase && when.last > phase && IsHeld(value, phases);
      held += is_across ? CeilDiv(SizeBytes(value->type.dtype), 4) : 0;
    }
    most = std::max(most, held);
  }
  return most;
}

// What the phases' reduces take, together.
ReduceSource SourceOf(const fusion::Group& group, const RowPhases& phases, const target::DeviceProfile& profile) {
  ReduceSource source;
  source.accumulator_bytes = 0;
  std::vector<const ir::Value*> roots = phases.element_outputs;
  std::unordered_set<const ir::Value*> known;
  for (const auto& phase : phases.phases) {
    const Combiner combiner(phase);
    source.is_ordered = source.is_ordered || combiner.is_ordered();
    source.accumulator_bytes += combiner.SharedBytes(profile);
    for (const ir::Op* op : phase) {
      const auto reduced = ReducedOperands(*op);
      roots.insert(roots.end(), reduced.begin(), reduced.end());
      for (const auto& value : op->results) known.insert(value.get());
    }
  }
  source.num_ops = AnalyzeLanes(group, roots, 1, known).num_ops;
  for (int lanes = PreferredLanes(group, profile.vector_bytes); lanes > 1; lanes /= 2) {
    if (phases.row_length % lanes != 0) continue;
    if (profile.unrolling_is_costly && source.num_ops * lanes > MaxOpsTimesLanes(profile)) continue;
    const LaneAccess access = AnalyzeLanes(group, roots, lanes, known);
    if (access.separate > access.contiguous) continue;
    source.lanes = lanes;
    break;
  }
  return source;
}

// What is computed needs registers too.
bool FitsRegisters(int64_t values, int workgroup_size, const target::DeviceProfile& profile) {
  return values <= profile.tile_registers * 5 / 8 && values * workgroup_size <= kMaxValuesOfAWorkgroup;
}

// A row that is read once from memory, and then held in registers, is worth as many invocations as that takes.
bool HoldRow(int64_t row_length, int64_t values, const ReduceSource& source, const target::DeviceProfile& profile,
             RowPlan& plan) {
  for (ReducePlan wider = plan.reduce; wider.fellows <= profile.widest_workgroup(); wider.fellows *= 2) {
    wider.workgroup_size = std::max(wider.workgroup_size, wider.fellows);
    const int64_t loads = CeilDiv(row_length, int64_t{wider.fellows} * source.lanes);
    if (SharedBytes(wider, source) > profile.shared_memory_bytes) return false;
    const bool fits = FitsRegisters(values * source.lanes * loads, wider.workgroup_size, profile);
    if (fits && loads <= kMaxResidentLoads && source.num_ops * source.lanes * loads <= kMaxResidentOps) {
      plan.resident_loads = static_cast<int>(loads);
      plan.reduce = wider;
      return true;
    }
    if (loads <= 1) return false;
  }
  return false;
}

// While workgroups are fewer than compute units, rows are shared by more invocations, in smaller workgroups: what
// counts is how long one invocation takes, and code that runs once is read from memory too.
void SpreadFewRows(const RowPhases& phases, ReduceSource& source, const target::DeviceProfile& profile,
                   ReducePlan& plan) {
  constexpr int kMostLanes = 4, kLeastWorkgroup = 64;
  const auto is_idle = [&] { return CeilDiv(phases.num_rows, plan.groups()) < profile.compute_units; };
  if (!is_idle()) return;
  int lanes = std::min(plan.lanes, kMostLanes);
  while (lanes > 1 && phases.row_length < int64_t{lanes} * plan.workgroup_size) lanes /= 2;
  source.lanes = plan.lanes = lanes;
  while (is_idle() && plan.groups() > 1 && int64_t{plan.fellows} * plan.lanes < phases.row_length) plan.fellows *= 2;
  while (is_idle() && plan.groups() > 1 && plan.workgroup_size > kLeastWorkgroup) plan.workgroup_size /= 2;
  plan.reason = Format("few rows, {} of {}: {} invocations share a result, {} elements a load", phases.num_rows,
                       phases.row_length, plan.fellows, plan.lanes);
}

}  // namespace

StatusOr<RowPhases> FindRowPhases(const fusion::Group& group) {
  RowPhases result;
  Levels level;
  RETURN_IF_ERROR(AddPhases(group, level, result));
  AddRowValues(group, level, result);
  RETURN_IF_ERROR(AddOutputs(group, result));
  result.held_values = CountHeldValues(group, level, result);
  return result;
}

RowPlan ChooseRow(const fusion::Group& group, const RowPhases& phases, const target::DeviceProfile& profile) {
  ReduceSource source = SourceOf(group, phases, profile);
  RowPlan plan;
  const ReduceExtents extents{ReduceKind::kRow, phases.num_rows, 1, phases.row_length};
  plan.reduce = ChooseReduce(extents, source, profile, false);
  if (!profile.unrolling_is_costly) SpreadFewRows(phases, source, profile, plan.reduce);
  const bool may_hold = !source.is_ordered && !profile.unrolling_is_costly;
  if (may_hold && !HoldRow(phases.row_length, phases.held_values, source, profile, plan)) {
    // A few values that spill cost less than a row that is read again.
    RowPlan widest = plan;
    widest.reduce.fellows = static_cast<int>(std::bit_floor(static_cast<unsigned>(profile.widest_workgroup())));
    if (HoldRow(phases.row_length, 1, source, profile, widest)) plan = widest;
  }
  plan.reason = Format("{} phases over {}; the row is {}", phases.phases.size(), plan.reduce.reason,
                       plan.resident_loads > 0 ? "held in registers" : "read again in each");
  return plan;
}

}  // namespace dragoman::kernel
