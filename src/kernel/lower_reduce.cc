// SPDX-License-Identifier: Apache-2.0
// A reduce with its producers and consumers: one pass, or two when there are too few results to keep the device busy.
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
  const size_t num_values = hero.operands.size() / 2;
  const std::vector<const ir::Value*> operands(hero.operands.begin(), hero.operands.begin() + num_values);
  ReduceSource source = AnalyzeSource(group, operands, space, profile);
  source.is_ordered = !Combiner(*hero.regions[0], std::span(hero.operands).subspan(num_values)).operation().has_value();
  const ReducePlan plan = ChooseReduce(extents, source, profile, true);
  if (plan.splits == 1) {
    ASSIGN_OR_RETURN(Dispatch dispatch, ReduceKernel(group, hero, space, profile).Emit(plan, extents, {}));
    lowered.dispatches.push_back(std::move(dispatch));
    return lowered;
  }
  for (const DType dtype : ReduceKernel::PartialTypes(hero, profile)) {
    lowered.temporaries.push_back(extents.kept() * plan.splits * SizeBytes(dtype));
  }
  ASSIGN_OR_RETURN(Dispatch first,
                   ReduceKernel(group, hero, space, profile).Emit(plan, extents, {true, false, plan.splits}));
  const ReduceExtents second_extents = SecondExtents(extents, plan.splits);
  ReduceSource partials;
  partials.is_ordered = source.is_ordered;
  const ReducePlan second_plan = ChooseReduce(second_extents, partials, profile, false);
  ASSIGN_OR_RETURN(
      Dispatch second,
      ReduceKernel(group, hero, space, profile).Emit(second_plan, second_extents, {false, true, plan.splits}));
  lowered.dispatches.push_back(std::move(first));
  lowered.dispatches.push_back(std::move(second));
  return lowered;
}

}  // namespace dragoman::kernel
