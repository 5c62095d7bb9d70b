// SPDX-License-Identifier: Apache-2.0
// Runs of any length in parallel, for associative combiners: an invocation takes one place of the window and a chunk of
// consecutive sorted positions. Runs inside the chunk are done at once; what belongs to a run that spans chunks is left
// as a part (of the run that comes in, of the run that goes out), and the chunk where a run starts joins its parts.
#include <algorithm>

#include "lower/order/scatter_kernels.h"

namespace dragoman::kernel {

// One step through a chunk.
struct ScatterKernel::Segment {
  V chunk;
  V place;
  V slot;
  V chunk_end;
  V start;
  V run_goes_on;  // in the next slot
  V starts_here;  // the run's first position is in this chunk
  Values sum;     // of the run's updates in this chunk so far
};

void ScatterKernel::StorePart(int temporary, V chunk, V place, const Values& values) {
  const std::vector<V> parts = Flatten(values);
  const int64_t count = IsComplex(g_.op().type().dtype) ? 2 : 1;
  const V index = b_.IMul(b_.MulAdd(chunk, g_.window_size(), place), b_.I32(count));
  const int buffer = Temporary(temporary, PartType(), true);
  for (size_t i = 0; i < parts.size(); i += 4) {
    const std::span<const V> group = std::span(parts).subspan(i, std::min<size_t>(4, parts.size() - i));
    b_.StoreVector(buffer, b_.IAdd(index, b_.I32(static_cast<int64_t>(i))), group);
  }
}

ScatterKernel::Values ScatterKernel::LoadPart(int temporary, V chunk, V place) {
  const int count = IsComplex(g_.op().type().dtype) ? 2 : 1;
  const V index = b_.IMul(b_.MulAdd(chunk, g_.window_size(), place), b_.I32(count));
  const int buffer = Temporary(temporary, PartType(), false);
  std::vector<V> parts;
  for (int i = 0; i < count * lanes_; i += 4) {
    const std::vector<V> group = b_.LoadVector(buffer, b_.IAdd(index, b_.I32(i)), std::min(4, count * lanes_ - i));
    parts.insert(parts.end(), group.begin(), group.end());
  }
  return Unflatten(parts);
}

// What to do with the sum when the run, or the chunk, ends after this slot.
Status ScatterKernel::EmitChunkStep(const Segment& segment, const SortedUpdates& sorted) {
  const V next = b_.IAdd(segment.slot, b_.I32(1));
  const V run_goes_on = segment.run_goes_on;
  const V is_last_slot = b_.IEq(next, segment.chunk_end);
  const V is_done = b_.And(b_.Not(run_goes_on), segment.starts_here);
  const V is_inside = b_.ULt(segment.start, b_.I32(g_.num_starts()));
  b_.If(b_.And(is_done, is_inside), [&] {
    Elemental::Scope scope(e_);
    Note(CombineInto(Order(sorted, segment.slot), segment.place, segment.sum));
  });
  b_.If(b_.And(b_.Not(run_goes_on), b_.Not(segment.starts_here)),
        [&] { StorePart(sorted.first_parts, segment.chunk, segment.place, segment.sum); });
  b_.If(b_.And(run_goes_on, is_last_slot),
        [&] { StorePart(sorted.last_parts, segment.chunk, segment.place, segment.sum); });
  return OkStatus();
}

Status ScatterKernel::EmitChunk(V chunk, V place, const SortedUpdates& sorted) {
  const V begin = b_.IMul(chunk, b_.I32(kChunk));
  const V end = b_.UMin(b_.IAdd(begin, b_.I32(kChunk)), b_.I32(g_.num_positions()));
  std::vector<V> initial = Flatten(Values(lanes_, ZeroScalar(b_, g_.op().type().dtype)));
  initial.push_back(b_.Bool(false));
  initial.push_back(StartOrNone(sorted, b_.ISub(begin, b_.I32(1))));
  initial.push_back(StartOrNone(sorted, begin));
  b_.For({begin, end, b_.I32(1), kChunk}, initial, [&](V slot, std::span<const V> c) {
    Elemental::Scope scope(e_);
    const std::vector<V> unchanged(c.begin(), c.end());
    const auto updates = LoadUpdates(Order(sorted, slot), place);
    Note(updates.status());
    if (!updates.ok()) return unchanged;
    const auto combined = Combine(Unflatten(c.first(c.size() - 3)), *updates);
    Note(combined.status());
    if (!combined.ok()) return unchanged;
    const V had_started_here = c[c.size() - 3], before = c[c.size() - 2], start = c[c.size() - 1];
    const V after = StartOrNone(sorted, b_.IAdd(slot, b_.I32(1)));
    const V continues = b_.IEq(before, start);
    const V adds = b_.And(continues, b_.INe(slot, begin));
    std::vector<V> sum;
    const std::vector<V> fresh = Flatten(*updates), longer = Flatten(*combined);
    for (size_t i = 0; i < fresh.size(); ++i) sum.push_back(b_.Select(adds, longer[i], fresh[i]));
    const V starts_here = b_.Or(b_.Not(continues), b_.And(adds, had_started_here));
    Note(EmitChunkStep({chunk, place, slot, end, start, b_.IEq(start, after), starts_here, Unflatten(sum)}, sorted));
    sum.insert(sum.end(), {starts_here, start, after});
    return sum;
  });
  return OkStatus();
}

StatusOr<Dispatch> ScatterKernel::EmitChunks(const SortedUpdates& sorted) {
  return ForAllPlaces(NumChunks(), "chunks", [&](V chunk, V place) { return EmitChunk(chunk, place, sorted); });
}

// Whether the run that chunk `chunk` ends with, if that is `start`'s, goes on in the next.
V ScatterKernel::GoesOut(const SortedUpdates& sorted, V chunk, V start) {
  const V after = b_.IAdd(b_.IMul(chunk, b_.I32(kChunk)), b_.I32(kChunk));
  const V last_slot = b_.ISub(b_.UMin(after, b_.I32(g_.num_positions())), b_.I32(1));
  return b_.And(b_.IEq(StartAt(sorted, last_slot), start), Continues(sorted, after));
}

// What a chunk adds to a run that comes in.
ScatterKernel::Values ScatterKernel::PartOf(const SortedUpdates& sorted, V chunk, V place, V goes_out) {
  const auto load = [&](int temporary) {
    return [this, temporary, chunk, place] { return Flatten(LoadPart(temporary, chunk, place)); };
  };
  return Unflatten(b_.IfValue(goes_out, load(sorted.last_parts), load(sorted.first_parts)));
}

// A run whose parts up to chunk `chunk` make `sum`; `slot` is one of its slots.
struct ScatterKernel::Join {
  V chunk;
  V place;
  V slot;
  V start;
  V goes_out;  // of the chunk
  Values sum;
};

// Adds the parts of the chunks that follow, as far as the range goes, and combines the sum into the results.
void ScatterKernel::EmitJoinLoop(const Join& join, const SortedUpdates& sorted, const Range& range) {
  const auto stays = [&](V goes_on, V chunk) {
    return range.is_all ? goes_on : b_.And(goes_on, b_.ULt(chunk, range.end));
  };
  std::vector<V> initial = Flatten(join.sum);
  initial.push_back(b_.IAdd(join.chunk, b_.I32(1)));
  initial.push_back(stays(join.goes_out, initial.back()));
  const std::vector<V> joined = b_.While(
      range.most, initial, [&](std::span<const V> c) { return c.back(); },
      [&](std::span<const V> c) {
        Elemental::Scope loop(e_);
        const V at = c[c.size() - 2];
        const V goes_on = GoesOut(sorted, at, join.start);
        const Values part = PartOf(sorted, at, join.place, goes_on);
        std::vector<V> next(c.begin(), c.end());
        const auto combined = Combine(Unflatten(c.first(c.size() - 2)), part);
        Note(combined.status());
        if (!combined.ok()) return next;
        next = Flatten(*combined);
        next.push_back(b_.IAdd(at, b_.I32(1)));
        next.push_back(stays(goes_on, next.back()));
        return next;
      });
  Note(CombineInto(Order(sorted, join.slot), join.place, Unflatten(std::span(joined).first(joined.size() - 2))));
}

Status ScatterKernel::EmitJoin(V chunk, V place, const SortedUpdates& sorted, const Range& range) {
  const V begin = b_.IMul(chunk, b_.I32(kChunk));
  const V end = b_.IAdd(begin, b_.I32(kChunk));
  const V goes_out = Continues(sorted, end);
  b_.If(goes_out, [&] {
    Elemental::Scope scope(e_);
    const V last = b_.ISub(end, b_.I32(1));
    const V start = StartAt(sorted, last);
    // The run starts in this chunk unless it fills it and comes from the one before.
    const V fills = b_.And(b_.IEq(StartAt(sorted, begin), start), Continues(sorted, begin));
    const V is_inside = b_.ULt(start, b_.I32(g_.num_starts()));
    b_.If(b_.And(b_.Not(fills), is_inside), [&] {
      Elemental::Scope inner(e_);
      const Values own = LoadPart(sorted.last_parts, chunk, place);
      EmitJoinLoop({chunk, place, last, start, b_.Bool(true), own}, sorted, range);
    });
  });
  return OkStatus();
}

// The run that comes into the first chunk of a range goes on where the stage before left it.
Status ScatterKernel::EmitJoinOfIncoming(V chunk, V place, const SortedUpdates& sorted, const Range& range) {
  const V slot = b_.IMul(chunk, b_.I32(kChunk));
  b_.If(b_.And(b_.IEq(chunk, range.begin), Continues(sorted, slot)), [&] {
    Elemental::Scope scope(e_);
    const V start = StartAt(sorted, slot);
    b_.If(b_.ULt(start, b_.I32(g_.num_starts())), [&] {
      Elemental::Scope inner(e_);
      const V goes_out = GoesOut(sorted, chunk, start);
      const Values own = PartOf(sorted, chunk, place, goes_out);
      EmitJoinLoop({chunk, place, slot, start, goes_out, own}, sorted, range);
    });
  });
  return OkStatus();
}

StatusOr<Dispatch> ScatterKernel::EmitChunkJoins(const SortedUpdates& sorted) {
  return ForAllPlaces(NumChunks(), "joins",
                      [&](V chunk, V place) { return EmitJoin(chunk, place, sorted, WholeRange(NumChunks())); });
}

StatusOr<Dispatch> ScatterKernel::EmitChunkJoinsStage(const SortedUpdates& sorted, int64_t stage) {
  const Range range = StageRange(NumChunks(), stage);
  return ForAllPlaces(stage, "joins", [&](V number, V place) -> Status {
    const V chunk = b_.IAdd(range.begin, number);
    b_.If(b_.ULt(chunk, range.end), [&] {
      Elemental::Scope scope(e_);
      Note(EmitJoinOfIncoming(chunk, place, sorted, range));
      Note(EmitJoin(chunk, place, sorted, range));
    });
    return OkStatus();
  });
}

}  // namespace dragoman::kernel
