// SPDX-License-Identifier: Apache-2.0
// Scatter, in place: the outputs hold the operands. Updates that meet are combined in an order that does not depend on
// timing, so that the same input gives the same bits.
#include <algorithm>
#include <bit>

#include "base/format.h"
#include "element/staged_loop.h"
#include "kernel/loop_bound.h"
#include "lower/order/kinds.h"
#include "lower/order/permutation_sort.h"
#include "lower/order/radix_sort.h"
#include "lower/order/scatter_kernels.h"

namespace dragoman::kernel {
namespace {

// Up to here comparing every position with every other is one short kernel and costs little.
constexpr int64_t kMaxPairedPositions = 96;
constexpr int64_t kMaxStarts = (int64_t{1} << 31) - 2;

using Emit = std::function<StatusOr<Dispatch>(ScatterKernel&)>;
using EmitOfStage = std::function<StatusOr<Dispatch>(ScatterKernel&, int64_t stage)>;

class ScatterLowering {
 public:
  ScatterLowering(const fusion::Group& group, const target::DeviceProfile& profile)
      : group_(group), profile_(profile), geometry_(*group.hero), combiner_(CombinerOf(*group.hero)) {}

  StatusOr<LoweredGroup> Run() {
    RETURN_IF_ERROR(Lower());
    return std::move(lowered_);
  }

 private:
  Status Append(const Emit& emit) {
    ScatterKernel kernel(group_, geometry_, profile_);
    ASSIGN_OR_RETURN(Dispatch dispatch, emit(kernel));
    lowered_.dispatches.push_back(std::move(dispatch));
    return OkStatus();
  }

  // In stages of `count` steps where the device limits loops.
  Status AppendLimited(const Emit& emit, int64_t count, const EmitOfStage& emit_stage) {
    ScatterKernel kernel(group_, geometry_, profile_);
    ASSIGN_OR_RETURN(Dispatch dispatch, emit(kernel));
    if (FitsLoopLimit(dispatch.kernel, profile_)) {
      lowered_.dispatches.push_back(std::move(dispatch));
      return OkStatus();
    }
    return AppendStages(lowered_, profile_, count, [&](int64_t stage, int) -> StatusOr<StagedDispatch> {
      ScatterKernel staged(group_, geometry_, profile_);
      ASSIGN_OR_RETURN(Dispatch part, emit_stage(staged, stage));
      return StagedDispatch{std::move(part), {}};
    });
  }

  int AddTemporary(int64_t bytes) {
    lowered_.temporaries.push_back(bytes);
    return static_cast<int>(lowered_.temporaries.size()) - 1;
  }

  Status Lower() {
    const int64_t positions = geometry_.num_positions();
    if (positions * geometry_.window_size() == 0 || NumElements(geometry_.input_dims()) == 0) return OkStatus();
    const bool is_unique = geometry_.op().attributes.IntOr(ir::AttrKey::kUniqueIndices, 0) != 0;
    if (is_unique || positions == 1) return Append([](ScatterKernel& k) { return k.EmitDirect(std::nullopt); });
    if (const auto atomic = AtomicOf(geometry_.op()); atomic.has_value()) {
      return Append([&](ScatterKernel& k) { return k.EmitDirect(atomic); });
    }
    if (geometry_.CanOverlapPartly() || geometry_.num_starts() > kMaxStarts) {
      const int64_t steps = ScatterKernel(group_, geometry_, profile_).NumSequentialSteps();
      return AppendLimited([](ScatterKernel& k) { return k.EmitSequential(); }, steps,
                           [](ScatterKernel& k, int64_t stage) { return k.EmitSequentialStage(stage); });
    }
    if (positions <= kMaxPairedPositions) return Append([](ScatterKernel& k) { return k.EmitPairs(); });
    return LowerSorted();
  }

  Status LowerSorted() {
    const int64_t positions = geometry_.num_positions();
    const int starts = AddTemporary(positions * 4);
    SortedUpdates sorted;
    sorted.order = AddTemporary(positions * 4);
    sorted.starts = AddTemporary(positions * 4);
    RETURN_IF_ERROR(Append([&](ScatterKernel& k) { return k.EmitStarts(starts); }));
    RETURN_IF_ERROR(Sort(starts, sorted));
    if (combiner_ != ScatterCombiner::kAssociative) {
      return AppendLimited([&](ScatterKernel& k) { return k.EmitRuns(sorted, combiner_); }, positions,
                           [&](ScatterKernel& k, int64_t stage) { return k.EmitRunsStage(sorted, stage); });
    }
    const int64_t chunks = (positions + ScatterKernel::kChunk - 1) / ScatterKernel::kChunk;
    const int64_t part_bytes = chunks * geometry_.window_size() * SizeBytes(geometry_.op().type().dtype);
    sorted.first_parts = AddTemporary(part_bytes);
    sorted.last_parts = AddTemporary(part_bytes);
    RETURN_IF_ERROR(Append([&](ScatterKernel& k) { return k.EmitChunks(sorted); }));
    return AppendLimited([&](ScatterKernel& k) { return k.EmitChunkJoins(sorted); }, chunks,
                         [&](ScatterKernel& k, int64_t stage) { return k.EmitChunkJoinsStage(sorted, stage); });
  }

  Status Sort(int starts, const SortedUpdates& sorted) {
    if (SuitsRadixSort(geometry_.num_positions(), profile_)) return SortByKeys(starts, sorted);
    PermutationSort sort;
    sort.extent = geometry_.num_positions();
    sort.label = Format("scatter: order of {} starts", sort.extent);
    const auto bind = [](Elemental& elemental, int temporary, bool is_written) {
      return elemental.BindTemporary(temporary, DType::kU32, !is_written, is_written);
    };
    sort.load = [&](Elemental& elemental, V, V element) -> StatusOr<std::vector<Scalar>> {
      return std::vector<Scalar>{{elemental.builder().Load(bind(elemental, starts, false), element), {}}};
    };
    sort.is_before = [](Elemental& elemental, std::span<const Scalar> a, std::span<const Scalar> b) -> StatusOr<V> {
      return elemental.builder().ULt(a[0].re, b[0].re);
    };
    sort.finish = [&](Elemental& elemental, V, V position, V element) -> Status {
      Builder& b = elemental.builder();
      b.Store(bind(elemental, sorted.order, true), position, element);
      const V start = b.Load(bind(elemental, starts, false), element);
      b.Store(bind(elemental, sorted.starts, true), position, start);
      return OkStatus();
    };
    return AppendSort(group_, profile_, sort, lowered_);
  }

  Status SortByKeys(int starts, const SortedUpdates& sorted) {
    RadixSort sort;
    sort.count = geometry_.num_positions();
    sort.key_bits = std::bit_width(static_cast<uint64_t>(geometry_.num_starts()));
    sort.label = Format("scatter: order of {} starts", sort.count);
    sort.key = [&](Elemental& elemental, V element) -> StatusOr<V> {
      return elemental.builder().Load(elemental.BindTemporary(starts, DType::kU32, true, false), element);
    };
    sort.finish = [&](Elemental& elemental, V position, V key, V element) -> Status {
      Builder& b = elemental.builder();
      b.Store(elemental.BindTemporary(sorted.order, DType::kU32, false, true), position, element);
      b.Store(elemental.BindTemporary(sorted.starts, DType::kU32, false, true), position, key);
      return OkStatus();
    };
    return AppendRadixSort(group_, profile_, sort, lowered_);
  }

  const fusion::Group& group_;
  const target::DeviceProfile& profile_;
  const ScatterGeometry geometry_;
  const ScatterCombiner combiner_;
  LoweredGroup lowered_;
};

}  // namespace

StatusOr<LoweredGroup> LowerScatter(const fusion::Group& group, const target::CompileContext& context) {
  return ScatterLowering(group, context.profile).Run();
}

}  // namespace dragoman::kernel
