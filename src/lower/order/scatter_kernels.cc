// SPDX-License-Identifier: Apache-2.0
#include "lower/order/scatter_kernels.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/launch.h"

namespace dragoman::kernel {
namespace {

using ir::OpCode;

// The region's one operation on its two arguments, or kReturn.
OpCode SingleOp(const ir::Op& scatter) {
  const ir::Block& block = *scatter.regions[0];
  if (scatter.results.size() != 1 || block.ops.size() != 2 ||
      block.terminator()->operands[0] != block.ops[0]->result()) {
    return OpCode::kReturn;
  }
  const ir::Op& op = *block.ops[0];
  const ir::Value* first = block.arguments[0].get();
  const ir::Value* second = block.arguments[1].get();
  const bool takes_both = op.operands.size() == 2 && ((op.operands[0] == first && op.operands[1] == second) ||
                                                      (op.operands[0] == second && op.operands[1] == first));
  return takes_both ? op.code : OpCode::kReturn;
}

}  // namespace

ScatterCombiner CombinerOf(const ir::Op& scatter) {
  const ir::Block& block = *scatter.regions[0];
  const size_t num_inputs = scatter.results.size();
  bool returns_updates = true;
  for (size_t i = 0; i < num_inputs; ++i) {
    returns_updates &= block.terminator()->operands[i] == block.arguments[num_inputs + i].get();
  }
  if (returns_updates) return ScatterCombiner::kOverwrite;
  constexpr OpCode kAssociative[] = {OpCode::kAdd, OpCode::kMultiply, OpCode::kMaximum, OpCode::kMinimum,
                                     OpCode::kAnd, OpCode::kOr,       OpCode::kXor};
  const OpCode code = SingleOp(scatter);
  const bool is_associative =
      std::find(std::begin(kAssociative), std::end(kAssociative), code) != std::end(kAssociative);
  return is_associative ? ScatterCombiner::kAssociative : ScatterCombiner::kOther;
}

std::optional<KOp> AtomicOf(const ir::Op& scatter) {
  const DType dtype = scatter.type().dtype;
  if (dtype != DType::kS32 && dtype != DType::kU32) return std::nullopt;
  const bool is_unsigned = dtype == DType::kU32;
  switch (SingleOp(scatter)) {
    case OpCode::kAdd:
      return KOp::kAtomicAdd;
    case OpCode::kAnd:
      return KOp::kAtomicAnd;
    case OpCode::kOr:
      return KOp::kAtomicOr;
    case OpCode::kMaximum:
      return is_unsigned ? std::optional(KOp::kAtomicMax) : std::nullopt;
    case OpCode::kMinimum:
      return is_unsigned ? std::optional(KOp::kAtomicMin) : std::nullopt;
    default:
      return std::nullopt;
  }
}

ScatterKernel::ScatterKernel(const fusion::Group& group, const ScatterGeometry& geometry,
                             const target::DeviceProfile& profile)
    : g_(geometry), profile_(profile), lanes_(geometry.VectorLanes(profile)), b_(profile), e_(b_, group) {}

int ScatterKernel::Temporary(int temporary, DType memory, bool is_written) {
  return e_.BindTemporary(temporary, memory, !is_written, is_written);
}

void ScatterKernel::Note(const Status& status) {
  if (!status.ok()) status_ = status;
}

StatusOr<Dispatch> ScatterKernel::ForAll(int64_t count, const std::string& what, const std::function<Status(V)>& body) {
  if (count >= int64_t{1} << 31)
    return Unimplemented(Format("Scatter of {} updates has no kernel; the limit is 2^31 - 1.", count));
  const int workgroup_size = WorkgroupSize();
  const V index = b_.GlobalIndex(workgroup_size);
  b_.If(b_.ULt(index, b_.I32(count)), [&] {
    Elemental::Scope scope(e_);
    Note(body(index));
  });
  RETURN_IF_ERROR(status_);
  return FinishDispatch(
      std::move(b_), e_, workgroup_size, CeilDiv(count, workgroup_size),
      Format("scatter {} into {}: {}", g_.updates(0)->type.ToString(), g_.op().type().ToString(), what));
}

StatusOr<Dispatch> ScatterKernel::ForAllPlaces(int64_t outer, const std::string& what,
                                               const std::function<Status(V, V)>& body) {
  const int64_t places = g_.window_size() / lanes_;
  return ForAll(outer * places, what, [&](V index) {
    return body(b_.UDiv(index, b_.I32(places)), b_.IMul(b_.URem(index, b_.I32(places)), b_.I32(lanes_)));
  });
}

StatusOr<ScatterKernel::Values> ScatterKernel::LoadUpdates(const Index& at) {
  Values values(g_.num_inputs() * lanes_);
  for (int i = 0; i < g_.num_inputs(); ++i) {
    ASSIGN_OR_RETURN(const Lanes loaded, e_.AtLanes(g_.updates(i), at, lanes_));
    for (int lane = 0; lane < lanes_; ++lane) values[lane * g_.num_inputs() + i] = Lane(loaded, lane);
  }
  return values;
}

StatusOr<ScatterKernel::Values> ScatterKernel::LoadUpdates(V position, V place) {
  const std::vector<V> position_dims = PositionDims(position), window_dims = WindowDims(place);
  return LoadUpdates(g_.UpdateIndex(position_dims, window_dims));
}

ScatterKernel::Values ScatterKernel::LoadResults(const Index& at) {
  Values values(g_.num_inputs() * lanes_);
  for (int i = 0; i < g_.num_inputs(); ++i) {
    const Lanes loaded = e_.LoadLanes(g_.op().result(i), at, lanes_);
    for (int lane = 0; lane < lanes_; ++lane) values[lane * g_.num_inputs() + i] = loaded[lane];
  }
  return values;
}

void ScatterKernel::StoreResults(const Index& at, const Values& values) {
  for (int i = 0; i < g_.num_inputs(); ++i) {
    Lanes stored(lanes_);
    for (int lane = 0; lane < lanes_; ++lane) stored[lane] = values[lane * g_.num_inputs() + i];
    e_.StoreLanes(g_.op().result(i), at, stored, lanes_);
  }
}

StatusOr<ScatterKernel::Values> ScatterKernel::Combine(const Values& results, const Values& updates) {
  Values combined;
  const int count = g_.num_inputs();
  for (int lane = 0; lane < lanes_; ++lane) {
    Values inputs(results.begin() + lane * count, results.begin() + (lane + 1) * count);
    inputs.insert(inputs.end(), updates.begin() + lane * count, updates.begin() + (lane + 1) * count);
    ASSIGN_OR_RETURN(const Values outputs, e_.Region(*g_.op().regions[0], inputs));
    combined.insert(combined.end(), outputs.begin(), outputs.end());
  }
  return combined;
}

StatusOr<Index> ScatterKernel::TargetOf(V position, V place) {
  ASSIGN_OR_RETURN(const ScatterGeometry::Start start, g_.EmitStart(e_, PositionDims(position)));
  return g_.TargetIndex(b_, start, WindowDims(place));
}

// Combines values into the results at the target of an update element whose window is inside.
Status ScatterKernel::CombineInto(V position, V place, const Values& values) {
  ASSIGN_OR_RETURN(const Index target, TargetOf(position, place));
  if (CombinerOf(g_.op()) == ScatterCombiner::kOverwrite) {
    StoreResults(target, values);
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Values combined, Combine(LoadResults(target), values));
  StoreResults(target, combined);
  return OkStatus();
}

std::vector<V> ScatterKernel::Flatten(const Values& values) const {
  std::vector<V> parts;
  for (const Scalar& value : values) {
    parts.push_back(value.re);
    if (value.im.id != kNoValue) parts.push_back(value.im);
  }
  return parts;
}

ScatterKernel::Values ScatterKernel::Unflatten(std::span<const V> parts) const {
  Values values;
  size_t next = 0;
  for (int k = 0; k < g_.num_inputs() * lanes_; ++k) {
    Scalar value{parts[next++], {}};
    if (IsComplex(g_.op().type(k % g_.num_inputs()).dtype)) value.im = parts[next++];
    values.push_back(value);
  }
  return values;
}

StatusOr<Dispatch> ScatterKernel::EmitDirect(std::optional<KOp> atomic) {
  const Dims& update_dims = g_.updates(0)->type.dims;
  if (atomic.has_value()) lanes_ = 1;
  const auto emit = [&](const Index& from, const Index& target) -> Status {
    ASSIGN_OR_RETURN(const Values updates, LoadUpdates(from));
    if (atomic.has_value()) {
      const ir::Value* result = g_.op().result();
      b_.Atomic(*atomic, e_.BufferOf(result, true), e_.Linear(target, result->type.dims), updates[0].re);
      return OkStatus();
    }
    if (CombinerOf(g_.op()) == ScatterCombiner::kOverwrite) {
      StoreResults(target, updates);
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const Values combined, Combine(LoadResults(target), updates));
    StoreResults(target, combined);
    return OkStatus();
  };
  const int64_t count = NumElements(update_dims) / lanes_;
  return ForAll(count, atomic.has_value() ? "atomic" : "direct", [&](V index) -> Status {
    std::vector<V> position, window;
    const V linear = b_.IMul(index, b_.I32(lanes_));
    g_.SplitUpdateIndex(e_.Delinearize(Index::FromLinear(linear), update_dims), position, window);
    ASSIGN_OR_RETURN(const ScatterGeometry::Start start, g_.EmitStart(e_, position));
    b_.If(start.is_inside, [&] {
      Elemental::Scope scope(e_);
      Note(emit(g_.UpdateIndex(position, window), g_.TargetIndex(b_, start, window)));
    });
    return OkStatus();
  });
}

Status ScatterKernel::EmitPair(V position, V place) {
  ASSIGN_OR_RETURN(const V own, g_.EmitStartNumber(e_, PositionDims(position)));
  const auto start_of = [&](V other) -> V {
    const auto number = g_.EmitStartNumber(e_, PositionDims(other));
    Note(number.status());
    return number.ok() ? *number : own;
  };
  const int64_t most = g_.num_positions();
  const auto is_first = b_.For({b_.I32(0), position, b_.I32(1), most}, {b_.ULt(own, b_.I32(g_.num_starts()))},
                               [&](V other, std::span<const V> c) {
                                 Elemental::Scope scope(e_);
                                 return std::vector<V>{b_.And(c[0], b_.INe(start_of(other), own))};
                               });
  b_.If(is_first[0], [&] {
    Elemental::Scope scope(e_);
    const auto target = TargetOf(position, place);
    Note(target.status());
    if (!target.ok()) return;
    const auto result = b_.For({position, b_.I32(most), b_.I32(1), most}, Flatten(LoadResults(*target)),
                               [&](V other, std::span<const V> c) {
                                 Elemental::Scope scope(e_);
                                 const std::vector<V> unchanged(c.begin(), c.end());
                                 return b_.IfValue(
                                     b_.IEq(start_of(other), own),
                                     [&] {
                                       Elemental::Scope scope(e_);
                                       const auto updates = LoadUpdates(other, place);
                                       Note(updates.status());
                                       if (!updates.ok()) return unchanged;
                                       const auto combined = Combine(Unflatten(unchanged), *updates);
                                       Note(combined.status());
                                       return combined.ok() ? Flatten(*combined) : unchanged;
                                     },
                                     [&] { return unchanged; });
                               });
    StoreResults(*target, Unflatten(result));
  });
  return OkStatus();
}

StatusOr<Dispatch> ScatterKernel::EmitPairs() {
  return ForAllPlaces(g_.num_positions(), "pairs", [&](V position, V place) { return EmitPair(position, place); });
}

StatusOr<Dispatch> ScatterKernel::EmitSequential() {
  const int workgroup_size = WorkgroupSize();
  b_.ForEach(b_.I32(0), b_.I32(g_.num_positions()), b_.I32(1), [&](V position) {
    Elemental::Scope scope(e_);
    const auto start = g_.EmitStart(e_, PositionDims(position));
    Note(start.status());
    if (!start.ok()) return;
    const V end = b_.Select(start->is_inside, b_.I32(g_.window_size()), b_.I32(0));
    const V first = b_.IMul(b_.LocalIndex(), b_.I32(lanes_));
    b_.ForEach({first, end, b_.I32(PlacesAtOnce()), NumBlocks()}, [&](V place) {
      Elemental::Scope inner(e_);
      CombineUpdates(position, place);
    });
    b_.DeviceBarrier();
  });
  RETURN_IF_ERROR(status_);
  return FinishDispatch(
      std::move(b_), e_, workgroup_size, 1,
      Format("scatter {} into {}: in order", g_.updates(0)->type.ToString(), g_.op().type().ToString()));
}

void ScatterKernel::CombineUpdates(V position, V place) {
  const auto updates = LoadUpdates(position, place);
  Note(updates.ok() ? CombineInto(position, place, *updates) : updates.status());
}

StatusOr<Dispatch> ScatterKernel::EmitSequentialStage(int64_t stage) {
  const Range steps = StageRange(NumSequentialSteps(), stage);
  b_.ForEach({steps.begin, steps.end, b_.I32(1), steps.most}, [&](V step) {
    Elemental::Scope scope(e_);
    const V position = b_.UDiv(step, b_.I32(NumBlocks())), block = b_.URem(step, b_.I32(NumBlocks()));
    const auto start = g_.EmitStart(e_, PositionDims(position));
    Note(start.status());
    if (!start.ok()) return;
    const V place = b_.MulAdd(block, PlacesAtOnce(), b_.IMul(b_.LocalIndex(), b_.I32(lanes_)));
    b_.If(b_.And(start->is_inside, b_.ULt(place, b_.I32(g_.window_size()))), [&] {
      Elemental::Scope inner(e_);
      CombineUpdates(position, place);
    });
    b_.DeviceBarrier();
  });
  RETURN_IF_ERROR(status_);
  return FinishDispatch(
      std::move(b_), e_, WorkgroupSize(), 1,
      Format("scatter {} into {}: in order", g_.updates(0)->type.ToString(), g_.op().type().ToString()));
}

ScatterKernel::Range ScatterKernel::StageRange(int64_t count, int64_t stage) {
  const V begin = b_.Param(b_.AddParam());
  return {begin, b_.EndOfPart(begin, stage, count), stage, false};
}

StatusOr<Dispatch> ScatterKernel::EmitStarts(int starts) {
  return ForAll(g_.num_positions(), "starts", [&](V position) -> Status {
    ASSIGN_OR_RETURN(const V number, g_.EmitStartNumber(e_, PositionDims(position)));
    b_.Store(Temporary(starts, DType::kU32, true), position, number);
    return OkStatus();
  });
}

// None is no start number, and all positions outside have it.
V ScatterKernel::StartOrNone(const SortedUpdates& sorted, V slot) {
  return b_.IfValue(
      b_.ULt(slot, b_.I32(g_.num_positions())), [&] { return std::vector<V>{StartAt(sorted, slot)}; },
      [&] { return std::vector<V>{b_.I32(-1)}; })[0];
}

V ScatterKernel::Continues(const SortedUpdates& sorted, V slot) {
  const V before = StartOrNone(sorted, b_.ISub(slot, b_.I32(1)));
  const V is_there = b_.ULt(slot, b_.I32(g_.num_positions()));
  return b_.And(is_there, b_.IEq(before, StartOrNone(sorted, slot)));
}

// Everything that the run of `slot` does to its target, from that slot to the end of the range.
Status ScatterKernel::CombineRun(V slot, V place, const SortedUpdates& sorted, const Range& range) {
  ASSIGN_OR_RETURN(const Index target, TargetOf(Order(sorted, slot), place));
  std::vector<V> initial = Flatten(LoadResults(target));
  initial.push_back(slot);
  initial.push_back(b_.Bool(true));
  const std::vector<V> result = b_.While(
      range.most, initial, [&](std::span<const V> c) { return c.back(); },
      [&](std::span<const V> c) {
        Elemental::Scope scope(e_);
        std::vector<V> next(c.begin(), c.end());
        const V at = c[c.size() - 2];
        const auto updates = LoadUpdates(Order(sorted, at), place);
        Note(updates.status());
        if (!updates.ok()) return next;
        const auto combined = Combine(Unflatten(c.first(c.size() - 2)), *updates);
        Note(combined.status());
        if (!combined.ok()) return next;
        next = Flatten(*combined);
        next.push_back(b_.IAdd(at, b_.I32(1)));
        const V goes_on = Continues(sorted, next.back());
        next.push_back(range.is_all ? goes_on : b_.And(goes_on, b_.ULt(next.back(), range.end)));
        return next;
      });
  StoreResults(target, Unflatten(std::span(result).first(result.size() - 2)));
  return OkStatus();
}

StatusOr<Dispatch> ScatterKernel::EmitRunsStage(const SortedUpdates& sorted, int64_t stage) {
  const Range range = StageRange(g_.num_positions(), stage);
  return ForAllPlaces(stage, "runs", [&](V number, V place) -> Status {
    const V slot = b_.IAdd(range.begin, number);
    b_.If(b_.ULt(slot, range.end), [&] {
      Elemental::Scope scope(e_);
      const V is_first = b_.Or(b_.IEq(slot, range.begin), b_.Not(Continues(sorted, slot)));
      const V is_inside = b_.ULt(StartAt(sorted, slot), b_.I32(g_.num_starts()));
      b_.If(b_.And(is_first, is_inside), [&] {
        Elemental::Scope inner(e_);
        Note(CombineRun(slot, place, sorted, range));
      });
    });
    return OkStatus();
  });
}

StatusOr<Dispatch> ScatterKernel::EmitRuns(const SortedUpdates& sorted, ScatterCombiner combiner) {
  return ForAllPlaces(g_.num_positions(), "runs", [&](V slot, V place) -> Status {
    const bool overwrites = combiner == ScatterCombiner::kOverwrite;
    const V is_mine = b_.Not(Continues(sorted, overwrites ? b_.IAdd(slot, b_.I32(1)) : slot));
    const V is_inside = b_.ULt(StartAt(sorted, slot), b_.I32(g_.num_starts()));
    b_.If(b_.And(is_mine, is_inside), [&] {
      Elemental::Scope scope(e_);
      if (!overwrites) {
        Note(CombineRun(slot, place, sorted, WholeRange(g_.num_positions())));
        return;
      }
      const V position = Order(sorted, slot);
      CombineUpdates(position, place);
    });
    return OkStatus();
  });
}

}  // namespace dragoman::kernel
