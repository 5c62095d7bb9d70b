// SPDX-License-Identifier: Apache-2.0
// A reduce with its producers and consumers: one pass, or two when there are too few results to keep the device busy.
#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "kernel/lowering.h"
#include "kernel/reduce_kernel.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMaxPositions = (int64_t{1} << 31) - (int64_t{1} << 20);  // loop counters are signed, and run over

// The partial results as the second pass sees them.
ReduceExtents SecondExtents(const ReduceExtents& first, int64_t splits) {
  ReduceExtents second = first;
  second.reduced = splits;
  if (first.kind == ReduceKind::kColumn) {
    second.kept_outer = 1;
    second.kept_inner = first.kept();
  }
  return second;
}

// The hero and the reduces beside it: over the same positions, and not what the hero is computed from.
std::vector<const ir::Op*> FindSiblings(const fusion::Group& group) {
  const ir::Op& hero = *group.hero;
  std::unordered_set<const ir::Value*> below;  // what depends on the hero
  std::unordered_set<const ir::Op*> above;     // what the hero depends on
  std::vector<const ir::Value*> pending(hero.operands.begin(), hero.operands.end());
  while (!pending.empty()) {
    const ir::Op* op = pending.back()->op;
    pending.pop_back();
    if (op == nullptr || !above.insert(op).second) continue;
    if (std::find(group.members.begin(), group.members.end(), op) == group.members.end()) continue;
    pending.insert(pending.end(), op->operands.begin(), op->operands.end());
  }
  std::vector<const ir::Op*> reduces;
  for (const ir::Op* op : group.members) {
    const bool depends = std::any_of(op->operands.begin(), op->operands.end(),
                                     [&](const ir::Value* operand) { return below.contains(operand); });
    const bool is_alike =
        op->code == ir::OpCode::kReduce && op->type().dims == hero.type().dims &&
        op->operands[0]->type.dims == hero.operands[0]->type.dims &&
        op->attributes.Ints(ir::AttrKey::kDimensions) == hero.attributes.Ints(ir::AttrKey::kDimensions);
    if (op == &hero || (is_alike && !depends && !above.contains(op))) reduces.push_back(op);
    if (op != &hero && !depends) continue;
    for (const auto& result : op->results) below.insert(result.get());
  }
  return reduces;
}

}  // namespace

StatusOr<LoweredGroup> LowerReduce(const fusion::Group& group, const target::DeviceProfile& profile) {
  LoweredGroup lowered;
  const ir::Op& hero = *group.hero;
  const ReduceSpace space(hero.operands[0]->type.dims, hero.attributes.Ints(ir::AttrKey::kDimensions));
  const ReduceExtents extents = ExtentsOf(space);
  if (extents.kept() == 0) return lowered;
  if (extents.reduced > kMaxPositions || extents.kept() > kMaxPositions) {
    return Unimplemented(Format("reduce of {} is larger than the {} positions that its kernel counts.",
                                hero.operands[0]->type.ToString(), kMaxPositions));
  }
  const std::vector<const ir::Op*> reduces = FindSiblings(group);
  std::vector<const ir::Value*> operands;
  for (const ir::Op* op : reduces) {
    operands.insert(operands.end(), ReducedOperands(*op).begin(), ReducedOperands(*op).end());
  }
  ReduceSource source = AnalyzeSource(group, operands, space, profile);
  source.is_ordered = Combiner(reduces).is_ordered();
  source.num_accumulators = static_cast<int>(operands.size());
  const ReducePlan plan = ChooseReduce(extents, source, profile, true);
  if (plan.splits == 1) {
    ASSIGN_OR_RETURN(Dispatch dispatch, ReduceKernel(group, reduces, space, profile).Emit(plan, extents, {}));
    lowered.dispatches.push_back(std::move(dispatch));
    return lowered;
  }
  for (const DType dtype : ReduceKernel::PartialTypes(reduces, profile)) {
    lowered.temporaries.push_back(extents.kept() * plan.splits * SizeBytes(dtype));
  }
  ASSIGN_OR_RETURN(Dispatch first,
                   ReduceKernel(group, reduces, space, profile).Emit(plan, extents, {true, false, plan.splits}));
  const ReduceExtents second_extents = SecondExtents(extents, plan.splits);
  ReduceSource partials;
  partials.is_ordered = source.is_ordered;
  partials.num_accumulators = source.num_accumulators;
  const ReducePlan second_plan = ChooseReduce(second_extents, partials, profile, false);
  ASSIGN_OR_RETURN(
      Dispatch second,
      ReduceKernel(group, reduces, space, profile).Emit(second_plan, second_extents, {false, true, plan.splits}));
  lowered.dispatches.push_back(std::move(first));
  lowered.dispatches.push_back(std::move(second));
  return lowered;
}

}  // namespace dragoman::kernel
