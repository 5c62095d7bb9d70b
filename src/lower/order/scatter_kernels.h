// SPDX-License-Identifier: Apache-2.0
// Scatter's kernels. Every one gives the same bits on every run; how is chosen in lower_scatter.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/arithmetic.h"
#include "element/dispatch.h"
#include "element/launch.h"
#include "fusion/plan.h"
#include "lower/order/scatter_geometry.h"

namespace dragoman::kernel {

enum class ScatterCombiner : uint8_t {
  kOverwrite,    // the region returns the updates
  kAssociative,  // one input, combined by one associative and commutative operation
  kOther,
};
ScatterCombiner CombinerOf(const ir::Op& scatter);
// The atomic operation that combines in one step without an order that shows; only for one input of 32-bit integers.
std::optional<KOp> AtomicOf(const ir::Op& scatter);

// Where updates sorted by their target are, as temporaries of the group.
struct SortedUpdates {
  int order = -1;        // u32: positions, equal starts together and in order
  int starts = -1;       // u32: their start numbers
  int first_parts = -1;  // partial results of chunks, see EmitChunks
  int last_parts = -1;
};

// A kernel under construction.
class ScatterKernel {
 public:
  ScatterKernel(const fusion::Group& group, const ScatterGeometry& geometry, const target::DeviceProfile& profile);

  // One invocation an update element; no two updates meet, or `atomic` combines them.
  StatusOr<Dispatch> EmitDirect(std::optional<KOp> atomic);
  // Few positions: the first of several with equal starts combines them all, found by comparing starts.
  StatusOr<Dispatch> EmitPairs();
  // Windows that overlap partly: one workgroup, position after position.
  StatusOr<Dispatch> EmitSequential();
  // What follows takes a stage: the dispatch then does its part of the whole from the parameter on. The combination of
  // a run that spans stages goes on where it was left, in the results.
  StatusOr<Dispatch> EmitSequentialStage(int64_t stage);
  // Steps of EmitSequentialStage in all: a step is a position's places that the workgroup takes at once.
  int64_t NumSequentialSteps() const { return g_.num_positions() * NumBlocks(); }
  // Start numbers of all positions into a temporary.
  StatusOr<Dispatch> EmitStarts(int starts);
  // After sorting: the first position of a run combines the run in order; for kOverwrite the last one writes.
  StatusOr<Dispatch> EmitRuns(const SortedUpdates& sorted, ScatterCombiner combiner);
  StatusOr<Dispatch> EmitRunsStage(const SortedUpdates& sorted, int64_t stage);  // not for kOverwrite
  // After sorting, for associative combiners: chunks of consecutive positions first, then chunks that a run spans.
  StatusOr<Dispatch> EmitChunks(const SortedUpdates& sorted);
  StatusOr<Dispatch> EmitChunkJoins(const SortedUpdates& sorted);
  StatusOr<Dispatch> EmitChunkJoinsStage(const SortedUpdates& sorted, int64_t stage);  // in chunks
  int64_t NumChunks() const { return CeilDiv(g_.num_positions(), kChunk); }

  static constexpr int64_t kChunk = 32;

 private:
  // Of every input, for each of lanes_ consecutive places of the window: lanes outermost.
  using Values = std::vector<Scalar>;
  struct Segment;

  int Temporary(int temporary, DType memory, bool is_written);
  void Note(const Status& status);
  std::vector<V> PositionDims(V position) { return e_.Delinearize(Index::FromLinear(position), g_.position_extents()); }
  std::vector<V> WindowDims(V place) { return e_.Delinearize(Index::FromLinear(place), g_.window_extents()); }
  StatusOr<Values> LoadUpdates(const Index& at);
  StatusOr<Values> LoadUpdates(V position, V place);
  Values LoadResults(const Index& at);
  void StoreResults(const Index& at, const Values& values);
  StatusOr<Values> Combine(const Values& results, const Values& updates);
  StatusOr<Index> TargetOf(V position, V place);
  Status CombineInto(V position, V place, const Values& values);
  // Loads a position's updates and combines them into its place.
  void CombineUpdates(V position, V place);
  std::vector<V> Flatten(const Values& values) const;
  Values Unflatten(std::span<const V> parts) const;
  // A part of the slots or chunks: [begin, end), `most` of them.
  struct Range {
    V begin;
    V end;
    int64_t most;
    bool is_all;
  };
  Range WholeRange(int64_t count) { return {b_.I32(0), b_.I32(count), count, true}; }
  Range StageRange(int64_t count, int64_t stage);
  Status CombineRun(V slot, V place, const SortedUpdates& sorted, const Range& range);
  int WorkgroupSize() const { return DefaultWorkgroupSize(profile_); }
  int64_t PlacesAtOnce() const { return int64_t{WorkgroupSize()} * lanes_; }
  int64_t NumBlocks() const { return (g_.window_size() + PlacesAtOnce() - 1) / PlacesAtOnce(); }
  Status EmitPair(V position, V place);
  Status EmitChunk(V chunk, V place, const SortedUpdates& sorted);
  Status EmitChunkStep(const Segment& segment, const SortedUpdates& sorted);
  Status EmitJoin(V chunk, V place, const SortedUpdates& sorted, const Range& range);
  Status EmitJoinOfIncoming(V chunk, V place, const SortedUpdates& sorted, const Range& range);
  struct Join;
  void EmitJoinLoop(const Join& join, const SortedUpdates& sorted, const Range& range);
  V GoesOut(const SortedUpdates& sorted, V chunk, V start);
  Values PartOf(const SortedUpdates& sorted, V chunk, V place, V goes_out);
  void StorePart(int temporary, V chunk, V place, const Values& values);
  Values LoadPart(int temporary, V chunk, V place);
  V Order(const SortedUpdates& sorted, V slot) { return b_.Load(Temporary(sorted.order, DType::kU32, false), slot); }
  V StartAt(const SortedUpdates& sorted, V slot) { return b_.Load(Temporary(sorted.starts, DType::kU32, false), slot); }
  V StartOrNone(const SortedUpdates& sorted, V slot);
  // Whether slots `slot` - 1 and `slot` are of one run; false at the ends.
  V Continues(const SortedUpdates& sorted, V slot);
  // Runs `body` for each of `outer` numbers and each lanes_ places of the window.
  StatusOr<Dispatch> ForAllPlaces(int64_t outer, const std::string& what, const std::function<Status(V, V)>& body);
  DType PartType() const { return RealPart(g_.op().type().dtype); }

  // Runs `body` for every index below `count`.
  StatusOr<Dispatch> ForAll(int64_t count, const std::string& what, const std::function<Status(V)>& body);

  const ScatterGeometry& g_;
  const target::DeviceProfile& profile_;
  int lanes_;
  Builder b_;
  Elemental e_;
  Status status_;
};

}  // namespace dragoman::kernel
