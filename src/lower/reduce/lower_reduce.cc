// SPDX-License-Identifier: Apache-2.0
// A reduce with its producers and consumers: one pass, or two when there are too few results to keep the device busy.
#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "kernel/loop_bound.h"
#include "lower/reduce/kinds.h"
#include "lower/reduce/reduce_kernel.h"

namespace dragoman::kernel {
namespace {

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

// What both passes are made from.
struct Reduction {
  const fusion::Group& group;
  const std::vector<const ir::Op*>& reduces;
  const ReduceSpace& space;
  const ReduceExtents extents;
  const ReduceSource source;
  const target::DeviceProfile& profile;

  StatusOr<Dispatch> Emit(const ReducePlan& plan, const ReduceExtents& seen, const ReducePass& pass) const {
    return ReduceKernel(group, reduces, space, profile).Emit(plan, seen, pass);
  }
};

StatusOr<LoweredGroup> LowerWith(const Reduction& reduction, const ReducePlan& plan) {
  LoweredGroup lowered;
  lowered.reason = plan.reason;
  const ReduceExtents& extents = reduction.extents;
  if (plan.splits == 1) {
    ASSIGN_OR_RETURN(Dispatch dispatch, reduction.Emit(plan, extents, {}));
    lowered.dispatches.push_back(std::move(dispatch));
    return lowered;
  }
  for (const DType dtype : ReduceKernel::PartialTypes(reduction.reduces, reduction.profile)) {
    lowered.temporaries.push_back(extents.kept() * plan.splits * SizeBytes(dtype));
  }
  ASSIGN_OR_RETURN(Dispatch first, reduction.Emit(plan, extents, {true, false, plan.splits}));
  const ReduceExtents second_extents = SecondExtents(extents, plan.splits);
  ReduceSource partials;
  partials.is_ordered = reduction.source.is_ordered;
  partials.accumulator_bytes = reduction.source.accumulator_bytes;
  const ReducePlan second_plan = ChooseReduce(second_extents, partials, reduction.profile, false);
  ASSIGN_OR_RETURN(Dispatch second, reduction.Emit(second_plan, second_extents, {false, true, plan.splits}));
  lowered.dispatches.push_back(std::move(first));
  lowered.dispatches.push_back(std::move(second));
  return lowered;
}

}  // namespace

StatusOr<LoweredGroup> LowerReduce(const fusion::Group& group, const target::CompileContext& context) {
  const ir::Op& hero = *group.hero;
  const ReduceSpace space(hero.operands[0]->type.dims, hero.attributes.Ints(ir::AttrKey::kDimensions));
  const ReduceExtents extents = ExtentsOf(space);
  if (extents.kept() == 0) return LoweredGroup{};
  if (extents.reduced > kMaxPositions || extents.kept() > kMaxPositions) {
    return Unimplemented(Format("reduce of {} is larger than the {} positions that its kernel counts.",
                                hero.operands[0]->type.ToString(), kMaxPositions));
  }
  const std::vector<const ir::Op*> reduces = FindSiblings(group);
  std::vector<const ir::Value*> operands;
  for (const ir::Op* op : reduces) {
    operands.insert(operands.end(), ReducedOperands(*op).begin(), ReducedOperands(*op).end());
  }
  ReduceSource source = AnalyzeSource(group, operands, space, context.profile);
  const Combiner combiner(reduces);
  source.is_ordered = combiner.is_ordered();
  source.accumulator_bytes = combiner.SharedBytes(context.profile);
  const Reduction reduction = {group, reduces, space, extents, source, context.profile};
  ReducePlan plan = ChooseReduce(extents, source, context.profile, true);
  ASSIGN_OR_RETURN(LoweredGroup lowered, LowerWith(reduction, plan));
  // Where the device limits loops there are as many parts as that takes.
  while (!FitsLoopLimit(lowered.dispatches[0].kernel, context.profile)) {
    const int64_t times = LoopIterations(lowered.dispatches[0].kernel) / context.profile.max_loop_iterations + 1;
    if (!SplitFurther(plan, extents, times)) break;
    ASSIGN_OR_RETURN(lowered, LowerWith(reduction, plan));
  }
  return lowered;
}

}  // namespace dragoman::kernel
