// SPDX-License-Identifier: Apache-2.0
#include "lower/stream/lower_loop.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/group_access.h"
#include "element/launch.h"
#include "lower/stream/kinds.h"
#include "lower/stream/transpose_tile.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMinTiledExtent = 16;
constexpr int64_t kMinTiledElements = 16384;
// Counts that are no multiple of the lanes: below this an element an invocation is as good, and shorter.
constexpr int64_t kMinElementsForTail = 65536;
// Below this, where unrolled code is costly, one kernel for all counts is worth more than vectors for some.
constexpr int64_t kMinElementsForLanes = 1024;
// Above this the ends of the last invocations' elements are beyond what the tail's signed counter reaches.
constexpr int64_t kMaxElementsForTail = (int64_t{1} << 31) - (int64_t{1} << 20);

bool CanTile(const TransposeTile& tile, int64_t count, const target::DeviceProfile& profile) {
  if (profile.type == target::DeviceType::kCpu || profile.unrolling_is_costly) return false;
  return count >= kMinTiledElements && ResultInnermost(tile) >= kMinTiledExtent &&
         OperandInnermost(tile) >= kMinTiledExtent && SharedBytes(tile) * 2 <= profile.shared_memory_bytes;
}

std::vector<const ir::Value*> Outputs(const fusion::Group& group) {
  return {group.outputs.begin(), group.outputs.end()};
}

bool AreFewLive(const fusion::Group& group, int lanes) {
  const LaneCost cost = CostOfLane(group, Outputs(group));
  return cost.code * lanes <= kMaxCodeOfFewLive && cost.live * lanes <= kMaxLiveTimesLanes;
}

// The largest number of lanes that pays: vector accesses without too much code or too many scattered loads.
int ChooseLanes(const fusion::Group& group, const target::DeviceProfile& profile, bool is_linear) {
  const int64_t count = group.outputs[0]->type.num_elements();
  if (profile.unrolling_is_costly && count < kMinElementsForLanes) return 1;
  for (int lanes = PreferredLanes(group, profile.vector_bytes); lanes > 1; lanes /= 2) {
    if (!is_linear && count % lanes != 0) continue;
    const std::vector<const ir::Value*> outputs = Outputs(group);
    const LaneAccess access = AnalyzeLanes(group, outputs, lanes);
    const bool may_be_long = is_linear && !profile.unrolling_is_costly && AreFewLive(group, lanes);
    if (access.num_ops * lanes > MaxOpsTimesLanes(profile) && !may_be_long) continue;
    if (access.separate <= access.contiguous) return lanes;
  }
  return 1;
}

// Evaluates every output before any is stored: an output may lie where an input was.
Status EmitOutputs(Elemental& elemental, const Index& index, int lanes) {
  const fusion::Group& group = elemental.group();
  const Dims& dims = group.outputs[0]->type.dims;
  std::vector<Lanes> values;
  std::vector<Index> indices;
  for (const ir::Value* output : group.outputs) {
    indices.push_back(output->type.dims == dims ? index : Index::FromLinear(elemental.Linear(index, dims)));
    ASSIGN_OR_RETURN(Lanes value, elemental.AtLanes(output, indices.back(), lanes));
    values.push_back(std::move(value));
  }
  for (size_t i = 0; i < values.size(); ++i) elemental.StoreLanes(group.outputs[i], indices[i], values[i], lanes);
  return OkStatus();
}

std::string Label(const fusion::Group& group) {
  return Format("loop of {} into {}", group.members.size(), group.outputs[0]->type.ToString());
}

struct LoopEmitter {
  const fusion::Group& group;
  const LoopPlan& plan;
  Builder builder;
  Elemental elemental;
  Status status;

  LoopEmitter(const fusion::Group& group, const LoopPlan& plan, const target::DeviceProfile& profile)
      : group(group), plan(plan), builder(profile), elemental(builder, group) {}

  void EmitAt(V linear, int lanes) {
    Elemental::Scope scope(elemental);
    Index index = Index::FromLinear(linear);
    const Dims& dims = group.outputs[0]->type.dims;
    // Lanes that run over the end of a row have no common index by dimension.
    const bool has_dims = plan.mode == LoopMode::kIndexed && dims[InnermostDim(dims)] % lanes == 0;
    if (has_dims) index.dims = elemental.Delinearize(index, dims);
    const Status emitted = EmitOutputs(elemental, index, lanes);
    if (!emitted.ok()) status = emitted;
  }

  // Each invocation has a few elements of every output, one after the other.
  Division DivisionOf(const Dispatch& dispatch) const {
    const int64_t count = group.outputs[0]->type.num_elements();
    if (count % plan.lanes != 0) return {};
    Division division{.shares = count / plan.lanes, .by_invocations = true, .pieces = {}};
    for (const Argument& argument : dispatch.arguments) {
      const bool is_output = std::ranges::find(group.outputs, argument.value) != group.outputs.end();
      division.pieces.push_back(is_output ? RunsOf(plan.lanes, division.shares) : Pieces{});
    }
    return division;
  }

  Dispatch Finish(int64_t workgroups, std::vector<uint32_t> params) {
    Dispatch dispatch;
    dispatch.kernel = std::move(builder).Finish(plan.workgroup_size);
    dispatch.arguments = elemental.arguments();
    dispatch.params = std::move(params);
    dispatch.workgroups = workgroups;
    dispatch.label = Label(group);
    dispatch.division = DivisionOf(dispatch);
    return dispatch;
  }
};

StatusOr<Dispatch> LowerSingle(LoopEmitter& emitter) {
  Builder& b = emitter.builder;
  b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] { emitter.EmitAt(b.I32(0), 1); });
  RETURN_IF_ERROR(emitter.status);
  return emitter.Finish(1, {});
}

StatusOr<Dispatch> LowerLinear(LoopEmitter& emitter, int64_t count) {
  Builder& b = emitter.builder;
  const int lanes = emitter.plan.lanes;
  const V limit = b.Param(b.AddParam());
  const V base = b.IMul(b.GlobalIndex(emitter.plan.workgroup_size), b.I32(lanes));
  if (emitter.plan.has_tail) {
    const V end = b.IAdd(base, b.I32(lanes));
    b.If(
        b.ULe(end, limit), [&] { emitter.EmitAt(base, lanes); },
        [&] {
          b.ForEach({base, b.SMin(end, limit), b.I32(1), lanes}, [&](V i) { emitter.EmitAt(i, 1); });
        });
  } else {
    b.If(b.ULt(base, limit), [&] { emitter.EmitAt(base, lanes); });
  }
  RETURN_IF_ERROR(emitter.status);
  return emitter.Finish(CeilDiv(CeilDiv(count, lanes), emitter.plan.workgroup_size), {static_cast<uint32_t>(count)});
}

StatusOr<Dispatch> LowerIndexed(LoopEmitter& emitter, int64_t count) {
  Builder& b = emitter.builder;
  const int lanes = emitter.plan.lanes;
  const int64_t num_invocations = CeilDiv(count, lanes);
  const V invocation = GlobalInvocation(b, emitter.plan.workgroup_size, num_invocations);
  const V base = b.IMul(ToIndexType(b, invocation, IndexType(count)), b.Int(IndexType(count), lanes));
  if (num_invocations % emitter.plan.workgroup_size == 0) {
    emitter.EmitAt(base, lanes);
  } else {
    b.If(b.ULt(invocation, b.Int(invocation.type, num_invocations)), [&] { emitter.EmitAt(base, lanes); });
  }
  RETURN_IF_ERROR(emitter.status);
  return emitter.Finish(CeilDiv(num_invocations, emitter.plan.workgroup_size), {});
}

}  // namespace

LoopPlan ChooseLoop(const fusion::Group& group, const target::DeviceProfile& profile) {
  LoopPlan plan;
  plan.workgroup_size = DefaultWorkgroupSize(profile);
  const int64_t count = group.outputs[0]->type.num_elements();
  if (count == 1) {
    plan.mode = LoopMode::kSingle;
    plan.reason = "one element";
    return plan;
  }
  const std::vector<const ir::Value*> outputs = Outputs(group);
  if (IsLinearAccess(group, outputs) && IndexType(count) == KType::kI32) {
    plan.mode = LoopMode::kLinear;
    plan.lanes = ChooseLanes(group, profile, !profile.unrolling_is_costly);  // a tail's code is a second one
    plan.has_tail = count % plan.lanes != 0;
    if (plan.has_tail && (count < kMinElementsForTail || count > kMaxElementsForTail)) {
      plan.lanes = 1;
      plan.has_tail = false;
    }
    plan.reason = Format("every access is at the output's own position; {} elements an invocation", plan.lanes);
    return plan;
  }
  const std::optional<TransposeTile> tile = FindTransposeTile(group);
  if (tile.has_value() && CanTile(*tile, count, profile)) {
    plan.mode = LoopMode::kTransposed;
    plan.reason = Format("reads along a dimension of {} and writes along one of {}", OperandInnermost(*tile),
                         ResultInnermost(*tile));
    return plan;
  }
  plan.mode = LoopMode::kIndexed;
  plan.lanes = ChooseLanes(group, profile, false);
  plan.reason = Format("accesses by dimension; {} elements an invocation", plan.lanes);
  return plan;
}

StatusOr<LoweredGroup> LowerLoop(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  if (group.outputs.empty()) return lowered;
  const int64_t count = group.outputs[0]->type.num_elements();
  for (const ir::Value* output : group.outputs) {
    if (output->type.num_elements() == count) continue;
    return Internal(Format("A loop group writes {} and {}, which differ in their number of elements.",
                           group.outputs[0]->type.ToString(), output->type.ToString()));
  }
  if (count == 0) return lowered;
  const LoopPlan plan = ChooseLoop(group, context.profile);
  lowered.reason = plan.reason;
  const auto lower = [&]() -> StatusOr<Dispatch> {
    if (plan.mode == LoopMode::kTransposed)
      return LowerTransposeTile(group, context.profile, *FindTransposeTile(group));
    LoopEmitter emitter(group, plan, context.profile);
    if (plan.mode == LoopMode::kSingle) return LowerSingle(emitter);
    if (plan.mode == LoopMode::kLinear) return LowerLinear(emitter, count);
    return LowerIndexed(emitter, count);
  };
  ASSIGN_OR_RETURN(Dispatch dispatch, lower());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
