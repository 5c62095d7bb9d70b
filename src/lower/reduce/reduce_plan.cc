// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/reduce_plan.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/group_access.h"
#include "element/launch.h"

namespace dragoman::kernel {
namespace {

constexpr int kLoadsAnInvocation = 4;  // vector loads of a row that one invocation makes before fellows are added
constexpr int kRowsAnInvocation = 8;
constexpr int kMinColumns = 32;  // side by side: whole memory transactions
constexpr int kMaxUnrolledOps = 256;
constexpr int kWorkgroupsAUnit = 8;  // that keep the device busy
// Of one invocation after the other: the variance of 400,000 numbers was 4e-5 off in chains of 25,000. Devices with
// many units have short ones anyway.
constexpr int64_t kLongestChain = 4096;
constexpr int kMinLoadsOfAPart = 4;  // unrolled loads of each invocation in a part, or splitting does not pay

int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }
int PowerOfTwo(int64_t at_least, int limit) {
  if (at_least <= 1) return 1;
  if (at_least >= limit) return static_cast<int>(std::bit_floor(static_cast<unsigned>(limit)));
  return static_cast<int>(std::bit_ceil(static_cast<uint64_t>(at_least)));
}

int64_t Workgroups(const ReducePlan& plan, const ReduceExtents& extents) {
  if (plan.kind == ReduceKind::kRow) return CeilDiv(extents.kept_outer, plan.groups());
  return extents.kept_outer * CeilDiv(CeilDiv(extents.kept_inner, plan.lanes), plan.groups());
}

int ChooseFellows(const ReducePlan& plan, const ReduceExtents& extents) {
  if (plan.kind == ReduceKind::kRow) {
    return PowerOfTwo(CeilDiv(extents.reduced, plan.lanes * kLoadsAnInvocation), plan.workgroup_size);
  }
  const int wanted = PowerOfTwo(CeilDiv(extents.reduced, kRowsAnInvocation), plan.workgroup_size);
  const int all_columns = PowerOfTwo(CeilDiv(extents.kept_inner, plan.lanes), plan.workgroup_size);
  const int columns = std::min(all_columns, std::max(kMinColumns, plan.workgroup_size / wanted));
  return plan.workgroup_size / columns;
}

}  // namespace

ReduceExtents ExtentsOf(const ReduceSpace& space) {
  ReduceExtents extents;
  extents.reduced = space.num_reduced();
  if (space.innermost_is_reduced()) {
    extents.kept_outer = space.num_kept();
    return extents;
  }
  extents.kind = ReduceKind::kColumn;
  extents.kept_inner = space.innermost();
  extents.kept_outer = extents.kept_inner == 0 ? 0 : space.num_kept() / extents.kept_inner;
  return extents;
}

ReduceSource AnalyzeSource(const fusion::Group& group, std::span<const ir::Value* const> roots,
                           const ReduceSpace& space, const target::DeviceProfile& profile) {
  ReduceSource source;
  source.num_ops = AnalyzeLanes(group, roots, 1).num_ops;
  for (int lanes = PreferredLanes(group, profile.vector_bytes); lanes > 1; lanes /= 2) {
    if (space.innermost() % lanes != 0 || source.num_ops * lanes > MaxOpsTimesLanes(profile)) continue;
    const LaneAccess access = AnalyzeLanes(group, roots, lanes);
    if (access.contiguous == 0 || access.separate > access.contiguous) continue;
    source.lanes = lanes;
    break;
  }
  return source;
}

int64_t SharedBytes(const ReducePlan& plan, const ReduceSource& source) {
  const int sets = plan.kind == ReduceKind::kRow ? 1 : plan.lanes;
  return int64_t{source.accumulator_bytes} * plan.workgroup_size * sets;
}

namespace {

// Reduced positions that the fellows of a result take in together.
int64_t StepOf(const ReducePlan& plan) {
  return (plan.kind == ReduceKind::kRow ? int64_t{plan.lanes} : 1) * plan.fellows * plan.unroll;
}

void SetSplits(ReducePlan& plan, const ReduceExtents& extents, int64_t splits) {
  plan.part = RoundUp(CeilDiv(extents.reduced, splits), StepOf(plan));
  plan.splits = CeilDiv(extents.reduced, plan.part);
}

}  // namespace

bool SplitFurther(ReducePlan& plan, const ReduceExtents& extents, int64_t times) {
  const int64_t before = plan.splits;
  const int64_t most = std::max<int64_t>(extents.reduced, 1);
  SetSplits(plan, extents, std::min(before * std::min(times, most), most));
  return plan.splits > before;
}

ReducePlan ChooseReduce(const ReduceExtents& extents, const ReduceSource& source, const target::DeviceProfile& profile,
                        bool may_split) {
  ReducePlan plan;
  plan.kind = extents.kind;
  plan.workgroup_size = DefaultWorkgroupSize(profile);
  plan.lanes = source.lanes;
  while (SharedBytes(plan, source) > profile.shared_memory_bytes && plan.workgroup_size > 1) {
    (plan.kind == ReduceKind::kColumn && plan.lanes > 1 ? plan.lanes : plan.workgroup_size) /= 2;
  }
  plan.fellows = ChooseFellows(plan, extents);
  const bool may_unroll = !profile.unrolling_is_costly && !source.is_ordered;
  if (may_unroll) {
    const int64_t positions = plan.kind == ReduceKind::kRow ? int64_t{plan.fellows} * plan.lanes : plan.fellows;
    while (plan.unroll < kLoadsAnInvocation && positions * plan.unroll * 2 <= extents.reduced &&
           (source.num_ops + 1) * plan.lanes * plan.unroll * 2 <= kMaxUnrolledOps) {
      plan.unroll *= 2;
    }
  }
  plan.part = extents.reduced;
  const int64_t step = StepOf(plan);
  const int64_t workgroups = std::max<int64_t>(1, Workgroups(plan, extents));
  const int64_t wanted = int64_t{profile.compute_units} * kWorkgroupsAUnit;
  int64_t splits = std::min(wanted / workgroups, extents.reduced / (step * kMinLoadsOfAPart));
  if (profile.unrolling_is_costly) splits = std::max(splits, CeilDiv(extents.reduced, step * kLongestChain));
  if (may_split && splits >= 2) SetSplits(plan, extents, splits);
  plan.reason =
      Format("{} of {} by {}: {} invocations share a result, {} elements a load, {} loads in flight, {} parts",
             plan.kind == ReduceKind::kRow ? "rows" : "columns", extents.kept(), extents.reduced, plan.fellows,
             plan.lanes, plan.unroll, plan.splits);
  return plan;
}

}  // namespace dragoman::kernel
