// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/reduce_kernel.h"

#include <algorithm>
#include <iterator>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/staged_loop.h"

namespace dragoman::kernel {
ReduceKernel::ReduceKernel(const fusion::Group& group, std::span<const ir::Op* const> reduces, const ReduceSpace& space,
                           const target::DeviceProfile& profile)
    : group_(group), reduces_(reduces), space_(space), b_(profile), elemental_(b_, group), combiner_(reduces) {
  for (const ir::Op* op : reduces) {
    operands_.insert(operands_.end(), ReducedOperands(*op).begin(), ReducedOperands(*op).end());
    for (const auto& result : op->results) results_.push_back(result.get());
  }
}

std::vector<DType> ReduceKernel::PartialTypes(std::span<const ir::Op* const> reduces,
                                              const target::DeviceProfile& profile) {
  std::vector<DType> types;
  for (const KType type : Combiner(reduces).MachineTypes(profile)) types.push_back(MemoryOf(type));
  return types;
}

StatusOr<Dispatch> ReduceKernel::Emit(const ReducePlan& plan, const ReduceExtents& extents, const ReducePass& pass) && {
  plan_ = plan;
  extents_ = extents;
  pass_ = pass;
  const std::vector<DType> partials = PartialTypes(reduces_, b_.profile());
  for (size_t i = 0; i < partials.size(); ++i) {
    const int temporary = static_cast<int>(i);
    if (!pass.is_first) read_partials_.push_back(elemental_.BindTemporary(temporary, partials[i], true, false));
    if (!pass.is_last) written_partials_.push_back(elemental_.BindTemporary(temporary, partials[i], false, true));
  }
  RETURN_IF_ERROR(plan.kind == ReduceKind::kRow ? EmitRow() : EmitColumn());
  Dispatch dispatch;
  dispatch.kernel = std::move(b_).Finish(plan.workgroup_size);
  dispatch.arguments = elemental_.arguments();
  const int64_t columns = CeilDiv(extents.kept_inner, plan.lanes);
  const int64_t across = plan.kind == ReduceKind::kRow ? extents.kept_outer : columns;
  const int64_t tiles = (across + plan.groups() - 1) / plan.groups();
  dispatch.workgroups = tiles * plan.splits * (plan.kind == ReduceKind::kRow ? 1 : extents.kept_outer);
  dispatch.label = Format("reduce {} into {}{}", operands_[0]->type.ToString(), results_[0]->type.ToString(),
                          pass.is_first ? "" : ", second pass");
  return dispatch;
}

// As many sets as lanes, in index order.
StatusOr<std::vector<ReduceKernel::Set>> ReduceKernel::Elements(V kept, V reduced) {
  const int num_values = combiner_.num_values();
  std::vector<Set> sets(plan_.lanes);
  if (!pass_.is_first) {
    const V at = plan_.kind == ReduceKind::kRow ? b_.MulAdd(kept, pass_.num_partials, reduced)
                                                : b_.MulAdd(reduced, extents_.kept(), kept);
    std::vector<V> flat;
    for (const int buffer : read_partials_) flat.push_back(b_.Load(buffer, at));
    return std::vector<Set>{combiner_.Unflatten(flat)};
  }
  for (int i = 0; i < num_values; ++i) {
    const ir::Value* operand = operands_[i];
    const Index index = space_.OperandIndex(elemental_, operand, kept, reduced);
    ASSIGN_OR_RETURN(const Lanes lanes, elemental_.AtLanes(operand, index, plan_.lanes));
    for (int lane = 0; lane < plan_.lanes; ++lane) sets[lane].push_back(Lane(lanes, lane));
  }
  for (Set& set : sets) {
    ASSIGN_OR_RETURN(set, combiner_.Lift(elemental_, set));
  }
  return sets;
}

// A tree over neighbours: short chains of dependent operations, and small rounding errors.
StatusOr<ReduceKernel::Set> ReduceKernel::CombineInOrder(std::vector<Set> sets) {
  while (sets.size() > 1) {
    std::vector<Set> next;
    for (size_t i = 0; i + 1 < sets.size(); i += 2) {
      ASSIGN_OR_RETURN(Set combined, combiner_.Combine(elemental_, sets[i], sets[i + 1], Combiner::Order::kKept));
      next.push_back(std::move(combined));
    }
    if (sets.size() % 2 == 1) next.push_back(std::move(sets.back()));
    sets = std::move(next);
  }
  return std::move(sets[0]);
}

// Elements at `unroll` positions added to the carried sets. All loads come first.
StatusOr<std::vector<ReduceKernel::Set>> ReduceKernel::AddElements(V kept, V reduced, const Stretch& stretch,
                                                                   int unroll, std::span<const Set> carried) {
  std::vector<std::vector<Set>> by_set(num_sets());
  for (int u = 0; u < unroll; ++u) {
    const V at = b_.IAdd(reduced, b_.I32(stretch.step * u));
    ASSIGN_OR_RETURN(std::vector<Set> elements, Elements(kept, at));
    for (int lane = 0; lane < plan_.lanes; ++lane) by_set[lane % num_sets()].push_back(std::move(elements[lane]));
  }
  std::vector<Set> results;
  for (int i = 0; i < num_sets(); ++i) {
    ASSIGN_OR_RETURN(const Set sum, CombineInOrder(std::move(by_set[i])));
    ASSIGN_OR_RETURN(Set result, combiner_.Combine(elemental_, carried[i], sum, Combiner::Order::kKept));
    results.push_back(std::move(result));
  }
  return results;
}

StatusOr<std::vector<ReduceKernel::Set>> ReduceKernel::AccumulateStretch(V kept, const Stretch& stretch, int unroll,
                                                                         std::vector<Set> start) {
  Status status;
  const auto add = [&](V reduced, std::span<const V> carried) -> std::vector<V> {
    Elemental::Scope scope(elemental_);
    const auto next = AddElements(kept, reduced, stretch, unroll, UnflattenSets(combiner_, carried, start.size()));
    if (!next.ok()) status = next.status();
    return next.ok() ? FlattenSets(*next) : std::vector<V>(carried.begin(), carried.end());
  };
  const int64_t step = stretch.step * unroll;
  const LoopRange range = {stretch.from, stretch.end, b_.I32(step), CeilDiv(stretch.length, step)};
  const std::vector<V> result = b_.For(range, FlattenSets(start), add);
  if (!status.ok()) return status;
  return UnflattenSets(combiner_, result, start.size());
}

ReduceKernel::Stretch ReduceKernel::StretchOf(V fellow, V split) {
  const V begin = b_.IMul(split, b_.I32(plan_.part));
  const V end = plan_.splits == 1 ? b_.I32(extents_.reduced) : b_.EndOfPart(begin, plan_.part, extents_.reduced);
  const int64_t load = positions_a_load();
  if (!combiner_.is_ordered()) {
    return {b_.MulAdd(fellow, load, begin), end, load * plan_.fellows, plan_.part};
  }
  // Order matters: neighbours in memory belong to one invocation.
  const int64_t loads = CeilDiv(plan_.part, load);
  const int64_t share = CeilDiv(loads, plan_.fellows) * load;
  const V from = b_.SMin(b_.MulAdd(fellow, share, begin), end);
  return {from, b_.SMin(b_.IAdd(from, b_.I32(share)), end), load, share};
}

StatusOr<std::vector<ReduceKernel::Set>> ReduceKernel::Accumulate(V kept, V fellow, V split) {
  ASSIGN_OR_RETURN(const Set start, combiner_.Start(elemental_));
  std::vector<Set> sets(num_sets(), start);
  if (extents_.reduced == 0) return sets;
  if (pass_.is_first) {  // what depends on the kept position alone is computed before the loops
    for (int i = 0; i < combiner_.num_values(); ++i) {
      space_.OperandIndex(elemental_, operands_[i], kept, b_.I32(0));
    }
  }
  Stretch stretch = StretchOf(fellow, split);
  if (plan_.unroll > 1) {
    // Whole steps of all fellows together, then what is left; the length of a step is a power of two.
    const int64_t step = stretch.step * plan_.unroll;
    const V begin = b_.IMul(split, b_.I32(plan_.part));
    const V length = b_.ISub(stretch.end, begin);
    const V whole = b_.IAdd(begin, b_.And(length, b_.I32(~(step - 1))));
    const Stretch steps = {stretch.from, whole, stretch.step, stretch.length};
    ASSIGN_OR_RETURN(sets, AccumulateStretch(kept, steps, plan_.unroll, sets));
    if (plan_.part % step == 0 && extents_.reduced % step == 0) return sets;
    stretch.length = step - 1;
    stretch.from = b_.IAdd(whole, b_.ISub(stretch.from, begin));
  }
  return AccumulateStretch(kept, stretch, 1, std::move(sets));
}

Status ReduceKernel::EmitRow() {
  const int fellows = plan_.fellows;
  const int64_t rows = plan_.groups();
  const int64_t row_tiles = CeilDiv(extents_.kept_outer, rows);
  const Dims grid = {row_tiles, plan_.splits};
  const std::vector<V> tile = elemental_.Delinearize(Index::FromLinear(b_.WorkgroupIndex()), grid);
  WorkgroupCombine combine(elemental_, plan_.workgroup_size, fellows > 1);
  const V fellow = b_.URem(combine.position(), b_.I32(fellows));
  const V row = b_.MulAdd(tile[0], rows, b_.UDiv(combine.position(), b_.I32(fellows)));
  const bool is_whole = extents_.kept_outer % rows == 0;
  // Rows beyond the last read it again: everyone meets at the barriers.
  const V kept = is_whole ? row : b_.UMin(row, b_.I32(extents_.kept_outer - 1));
  ASSIGN_OR_RETURN(std::vector<Set> sets, Accumulate(kept, fellow, tile[1]));
  ASSIGN_OR_RETURN(sets, combine.Combine(combiner_, std::move(sets), {fellow, fellows, 1, true}));
  V writes = b_.IEq(fellow, b_.I32(0));
  if (!is_whole) writes = b_.And(writes, b_.ULt(row, b_.I32(extents_.kept_outer)));
  Status status;
  b_.If(writes, [&] { status = Write(kept, tile[1], sets); });
  return status;
}

Status ReduceKernel::EmitColumn() {
  const int fellows = plan_.fellows;
  const int64_t columns = plan_.groups();
  const int64_t inner = extents_.kept_inner;
  const int64_t column_tiles = CeilDiv(CeilDiv(inner, plan_.lanes), columns);
  const Dims grid = {plan_.splits, extents_.kept_outer, column_tiles};
  const std::vector<V> tile = elemental_.Delinearize(Index::FromLinear(b_.WorkgroupIndex()), grid);
  WorkgroupCombine combine(elemental_, plan_.workgroup_size, columns == 1);
  const V fellow = b_.UDiv(combine.position(), b_.I32(columns));
  const V own_column = b_.MulAdd(tile[2], columns, b_.URem(combine.position(), b_.I32(columns)));
  const V column = b_.IMul(own_column, b_.I32(plan_.lanes));
  const bool is_whole = inner % (columns * plan_.lanes) == 0;
  const V safe = is_whole ? column : b_.UMin(column, b_.I32(inner - plan_.lanes));
  const V kept = b_.MulAdd(tile[1], inner, safe);
  ASSIGN_OR_RETURN(std::vector<Set> sets, Accumulate(kept, fellow, tile[0]));
  ASSIGN_OR_RETURN(sets,
                   combine.Combine(combiner_, std::move(sets), {fellow, fellows, static_cast<int>(columns), true}));
  V writes = b_.IEq(fellow, b_.I32(0));
  if (!is_whole) writes = b_.And(writes, b_.ULt(column, b_.I32(inner)));
  Status status;
  b_.If(writes, [&] { status = Write(kept, tile[0], sets); });
  return status;
}

Status ReduceKernel::Write(V kept, V split, std::vector<Set> sets) {
  Elemental::Scope scope(elemental_);
  if (pass_.is_last) {
    for (Set& set : sets) {
      ASSIGN_OR_RETURN(set, combiner_.Finish(elemental_, set));
    }
    return WriteOutputs(kept, sets);
  }
  for (size_t lane = 0; lane < sets.size(); ++lane) {
    const V position = b_.IAdd(kept, b_.I32(static_cast<int64_t>(lane)));
    const V at = plan_.kind == ReduceKind::kRow ? b_.MulAdd(position, pass_.num_partials, split)
                                                : b_.MulAdd(split, extents_.kept(), position);
    const std::vector<V> flat = FlattenScalars(sets[lane]);
    for (size_t i = 0; i < flat.size(); ++i) b_.Store(written_partials_[i], at, flat[i]);
  }
  return OkStatus();
}

// The hero's results are known at these positions; everything else follows from them.
Status ReduceKernel::WriteOutputs(V kept, const std::vector<Set>& sets) {
  const int lanes = static_cast<int>(sets.size());
  for (int i = 0; i < combiner_.num_values(); ++i) {
    if (lanes == 1) {
      elemental_.Pin(results_[i], sets[0][i]);
      continue;
    }
    Lanes values;
    for (int lane = 0; lane < lanes; ++lane) {
      values.push_back(sets[lane][i]);
      const Index at = Index::FromLinear(b_.IAdd(kept, b_.I32(lane)));
      elemental_.Remember(results_[i], at, {sets[lane][i]});
    }
    elemental_.Remember(results_[i], Index::FromLinear(kept), std::move(values), lanes);
  }
  std::vector<Lanes> values;
  for (const ir::Value* output : group_.outputs) {
    if (output->type.num_elements() != extents_.kept()) {
      return Internal(Format("A reduce group of {} results writes {}.", extents_.kept(), output->type.ToString()));
    }
    ASSIGN_OR_RETURN(Lanes value, elemental_.AtLanes(output, Index::FromLinear(kept), lanes));
    values.push_back(std::move(value));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    elemental_.StoreLanes(group_.outputs[i], Index::FromLinear(kept), values[i], lanes);
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
