// SPDX-License-Identifier: Apache-2.0
// Softmax, layer normalisation and their like: reductions of rows, elementwise work between, results of rows and
// elements.
#include <algorithm>
#include <unordered_set>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/reduce_combiner.h"
#include "element/workgroup_combine.h"
#include "ir/access.h"
#include "lower/reduce/kinds.h"
#include "lower/reduce/row_plan.h"

namespace dragoman::kernel {
namespace {

using Set = std::vector<Scalar>;

// The reductions of one phase, which combine together.
struct RowPhase {
  std::span<const ir::Op* const> ops;
  std::vector<ReduceSpace> spaces;  // by reduction
  Combiner combiner;
  explicit RowPhase(std::span<const ir::Op* const> ops) : ops(ops), combiner(ops) {
    for (const ir::Op* op : ops) {
      spaces.emplace_back(op->operands[0]->type.dims, op->attributes.Ints(ir::AttrKey::kDimensions));
    }
  }
};

class RowKernel {
 public:
  RowKernel(const fusion::Group& group, const RowPhases& phases, const RowPlan& plan,
            const target::DeviceProfile& profile)
      : group_(group),
        phases_(phases),
        plan_(plan),
        lanes_(plan.reduce.lanes),
        b_(profile),
        elemental_(b_, group),
        combine_(elemental_, plan.reduce.workgroup_size, plan.reduce.fellows > 1) {}
  StatusOr<Dispatch> Emit();

 private:
  struct Position {
    V at;       // a multiple of the lanes, below the row's length
    V is_real;  // constant true but in the last vectors of a row
  };

  Status EmitPhase(size_t number);
  StatusOr<std::vector<Set>> ElementsAt(const RowPhase& phase, const Position& position);
  StatusOr<Set> AddAt(const RowPhase& phase, const Position& position, Set sums);
  LoopRange OwnPositions(bool is_ordered);
  StatusOr<Set> SumLoop(const RowPhase& phase, const Set& start);
  Status WriteElements(const Position& position);
  Status WriteRow();
  Position ResidentPosition(int load);
  bool is_resident() const { return plan_.resident_loads > 0; }
  Index ElementIndex(V position);
  bool StaysInRow(const ir::Value* value) const;
  Division DivisionByRows(const Dispatch& dispatch, int64_t rows) const;

  const fusion::Group& group_;
  const RowPhases& phases_;
  const RowPlan& plan_;
  const int lanes_;
  Builder b_;
  Elemental elemental_;
  WorkgroupCombine combine_;
  V row_, fellow_, is_real_row_;
};

RowKernel::Position RowKernel::ResidentPosition(int load) {
  const int64_t vectors = int64_t{plan_.reduce.fellows} * lanes_;
  const V at = b_.IAdd(b_.IMul(fellow_, b_.I32(lanes_)), b_.I32(load * vectors));
  if ((load + 1) * vectors <= phases_.row_length) return {at, b_.Bool(true)};
  return {b_.UMin(at, b_.I32(phases_.row_length - lanes_)), b_.ULt(at, b_.I32(phases_.row_length))};
}

// One set a lane.
StatusOr<std::vector<Set>> RowKernel::ElementsAt(const RowPhase& phase, const Position& position) {
  std::vector<Set> sets(lanes_);
  for (size_t i = 0; i < phase.ops.size(); ++i) {
    for (const ir::Value* operand : ReducedOperands(*phase.ops[i])) {
      const Index index = phase.spaces[i].OperandIndex(elemental_, operand, row_, position.at);
      ASSIGN_OR_RETURN(const Lanes values, elemental_.AtLanes(operand, index, lanes_));
      for (int lane = 0; lane < lanes_; ++lane) sets[lane].push_back(Lane(values, lane));
    }
  }
  for (Set& set : sets) {
    ASSIGN_OR_RETURN(set, phase.combiner.Lift(elemental_, set));
  }
  return sets;
}

// `sums` with the elements at one position.
StatusOr<Set> RowKernel::AddAt(const RowPhase& phase, const Position& position, Set sums) {
  ASSIGN_OR_RETURN(std::vector<Set> sets, ElementsAt(phase, position));
  for (int width = lanes_; width > 1; width /= 2) {  // neighbours first: order is kept
    for (int lane = 0; lane < width / 2; ++lane) {
      ASSIGN_OR_RETURN(sets[lane],
                       phase.combiner.Combine(elemental_, sets[2 * lane], sets[2 * lane + 1], Combiner::Order::kKept));
    }
  }
  ASSIGN_OR_RETURN(const Set sum, phase.combiner.Combine(elemental_, sums, sets[0], Combiner::Order::kKept));
  for (size_t k = 0; k < sum.size(); ++k) {
    sums[k].re = b_.Select(position.is_real, sum[k].re, sums[k].re);
    if (sum[k].im.id != kNoValue) sums[k].im = b_.Select(position.is_real, sum[k].im, sums[k].im);
  }
  return sums;
}

// The positions of a row that this invocation takes: where order matters a stretch of its own.
LoopRange RowKernel::OwnPositions(bool is_ordered) {
  const int fellows = plan_.reduce.fellows;
  const int64_t share = CeilDiv(phases_.row_length / lanes_, fellows) * lanes_;
  const V length = b_.I32(phases_.row_length);
  const V from = is_ordered ? b_.SMin(b_.IMul(fellow_, b_.I32(share)), length) : b_.IMul(fellow_, b_.I32(lanes_));
  const V end = is_ordered ? b_.SMin(b_.IAdd(from, b_.I32(share)), length) : length;
  const V step = b_.I32(is_ordered ? lanes_ : int64_t{lanes_} * fellows);
  return {from, end, step, share / lanes_};
}

StatusOr<Set> RowKernel::SumLoop(const RowPhase& phase, const Set& start) {
  Status status;
  const auto add = [&](V at, std::span<const V> carried) -> std::vector<V> {
    Elemental::Scope scope(elemental_);
    const StatusOr<Set> sums = AddAt(phase, {at, b_.Bool(true)}, phase.combiner.Unflatten(carried));
    if (sums.ok()) return FlattenScalars(*sums);
    status = sums.status();
    return {carried.begin(), carried.end()};
  };
  const std::vector<V> result = b_.For(OwnPositions(phase.combiner.is_ordered()), FlattenScalars(start), add);
  if (!status.ok()) return status;
  return phase.combiner.Unflatten(result);
}

Status RowKernel::EmitPhase(size_t number) {
  const RowPhase phase(phases_.phases[number]);
  ASSIGN_OR_RETURN(Set sums, phase.combiner.Start(elemental_));
  if (is_resident()) {
    for (int load = 0; load < plan_.resident_loads; ++load) {
      ASSIGN_OR_RETURN(sums, AddAt(phase, ResidentPosition(load), std::move(sums)));
    }
  } else if (phases_.row_length > 0) {
    ASSIGN_OR_RETURN(sums, SumLoop(phase, sums));
  }
  ASSIGN_OR_RETURN(const std::vector<Set> combined,
                   combine_.Combine(phase.combiner, {std::move(sums)}, {fellow_, plan_.reduce.fellows, 1}));
  ASSIGN_OR_RETURN(const Set results, phase.combiner.Finish(elemental_, combined[0]));
  size_t next = 0;
  for (const ir::Op* op : phase.ops) {
    for (const auto& result : op->results) elemental_.Pin(result.get(), results[next++]);
  }
  // Computed once, outside of the loops over the row.
  for (const ir::Value* value : phases_.row_values[number]) {
    RETURN_IF_ERROR(elemental_.At(value, Index::FromLinear(row_)).status());
  }
  return OkStatus();
}

Index RowKernel::ElementIndex(V position) {
  const KType type = IndexType(phases_.num_rows * phases_.row_length);
  return Index::FromLinear(b_.MulAdd(ToIndexType(b_, row_, type), phases_.row_length, ToIndexType(b_, position, type)));
}

Status RowKernel::WriteElements(const Position& position) {
  std::vector<Lanes> values;
  std::vector<Index> indices;
  for (const ir::Value* output : phases_.element_outputs) {
    Index index = ElementIndex(position.at);
    // Dimensions that make up the row, when they can be told apart from those that make up its number.
    Dims dims = output->type.dims;
    int64_t inner = 1;
    size_t first = dims.size();
    while (first > 0 && inner < phases_.row_length) inner *= dims[--first];
    if (inner == phases_.row_length && elemental_.NeedsDims(output)) {
      index.dims = elemental_.Delinearize(Index::FromLinear(row_), {dims.begin(), dims.begin() + first});
      const std::vector<V> rest =
          elemental_.Delinearize(Index::FromLinear(position.at), {dims.begin() + first, dims.end()});
      index.dims.insert(index.dims.end(), rest.begin(), rest.end());
    }
    ASSIGN_OR_RETURN(Lanes value, elemental_.AtLanes(output, index, lanes_));
    values.push_back(std::move(value));
    indices.push_back(std::move(index));
  }
  b_.If(b_.And(is_real_row_, position.is_real), [&] {
    Elemental::Scope scope(elemental_);
    for (size_t i = 0; i < values.size(); ++i) {
      elemental_.StoreLanes(phases_.element_outputs[i], indices[i], values[i], lanes_);
    }
  });
  return OkStatus();
}

Status RowKernel::WriteRow() {
  Elemental::Scope scope(elemental_);
  for (const ir::Value* output : phases_.row_outputs) {
    ASSIGN_OR_RETURN(const Scalar value, elemental_.At(output, Index::FromLinear(row_)));
    elemental_.Store(output, Index::FromLinear(row_), value);
  }
  return OkStatus();
}

// Everything is computed from elements of `value` at the same place, or of the same row.
bool RowKernel::StaysInRow(const ir::Value* value) const {
  std::unordered_set<const ir::Value*> dependent = {value};
  for (const ir::Op* op : group_.members) {
    const auto is_row_reduce = [&](const auto& phase) { return std::ranges::find(phase, op) != phase.end(); };
    const bool is_phase = std::ranges::any_of(phases_.phases, is_row_reduce);
    for (const ir::Value* operand : op->operands) {
      if (!dependent.contains(operand) || is_phase) continue;
      if (!ir::KeepsLinearIndex(*op, operand)) return false;
      for (const auto& result : op->results) dependent.insert(result.get());
    }
  }
  return true;
}

Division RowKernel::DivisionByRows(const Dispatch& dispatch, int64_t rows) const {
  Division division{.shares = dispatch.workgroups};
  const std::unordered_set<const ir::Value*> outputs(group_.outputs.begin(), group_.outputs.end());
  for (const Argument& argument : dispatch.arguments) {
    Pieces& pieces = division.pieces.emplace_back();
    const int64_t count = argument.value == nullptr ? 0 : argument.value->type.num_elements();
    const bool is_output = outputs.contains(argument.value);
    if (count == phases_.num_rows * phases_.row_length && (is_output || StaysInRow(argument.value))) {
      pieces = RunsOf(rows * phases_.row_length, dispatch.workgroups);
    } else if (count == phases_.num_rows && is_output) {
      pieces = RunsOf(rows, dispatch.workgroups);
    }
  }
  return division;
}

StatusOr<Dispatch> RowKernel::Emit() {
  const int fellows = plan_.reduce.fellows;
  const int64_t rows = plan_.reduce.groups();
  fellow_ = b_.URem(combine_.position(), b_.I32(fellows));
  const V row = b_.MulAdd(b_.WorkgroupIndex(), rows, b_.UDiv(combine_.position(), b_.I32(fellows)));
  const bool is_whole = phases_.num_rows % rows == 0;
  // Rows beyond the last read it again: everyone meets at the barriers.
  row_ = is_whole ? row : b_.UMin(row, b_.I32(phases_.num_rows - 1));
  is_real_row_ = is_whole ? b_.Bool(true) : b_.ULt(row, b_.I32(phases_.num_rows));
  for (size_t phase = 0; phase < phases_.phases.size(); ++phase) RETURN_IF_ERROR(EmitPhase(phase));
  Status status;
  if (!phases_.element_outputs.empty()) {
    if (is_resident()) {
      for (int load = 0; load < plan_.resident_loads; ++load) RETURN_IF_ERROR(WriteElements(ResidentPosition(load)));
    } else {
      const int64_t step = int64_t{lanes_} * fellows;
      const int64_t most = CeilDiv(phases_.row_length, step);
      b_.ForEach({b_.IMul(fellow_, b_.I32(lanes_)), b_.I32(phases_.row_length), b_.I32(step), most}, [&](V at) {
        Elemental::Scope scope(elemental_);
        status = WriteElements({at, b_.Bool(true)});
      });
      RETURN_IF_ERROR(status);
    }
  }
  if (!phases_.row_outputs.empty()) {
    b_.If(b_.And(is_real_row_, b_.IEq(fellow_, b_.I32(0))), [&] { status = WriteRow(); });
    RETURN_IF_ERROR(status);
  }
  Dispatch dispatch;
  dispatch.kernel = std::move(b_).Finish(plan_.reduce.workgroup_size);
  dispatch.arguments = elemental_.arguments();
  dispatch.workgroups = CeilDiv(phases_.num_rows, rows);
  if (is_whole) dispatch.division = DivisionByRows(dispatch, rows);
  dispatch.label = Format("{} phases over {} rows of {}", phases_.phases.size(), phases_.num_rows, phases_.row_length);
  return dispatch;
}

}  // namespace

StatusOr<LoweredGroup> LowerRow(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  ASSIGN_OR_RETURN(const RowPhases phases, FindRowPhases(group));
  if (phases.phases.empty()) return Internal("A row group has no reduction.");
  if (phases.num_rows == 0) return lowered;
  if (phases.num_rows > kMaxPositions || phases.row_length > kMaxPositions) {
    return Unimplemented(Format("{} rows of {} elements are more than the {} positions that their kernel counts.",
                                phases.num_rows, phases.row_length, kMaxPositions));
  }
  const RowPlan plan = ChooseRow(group, phases, context.profile);
  lowered.reason = plan.reason;
  ASSIGN_OR_RETURN(Dispatch dispatch, RowKernel(group, phases, plan, context.profile).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
