// SPDX-License-Identifier: Apache-2.0
#include "lower/order/permutation_sort.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/launch.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMaxBlock = 1024;
constexpr int64_t kMinBlock = 256;

// What a workgroup sorts in shared memory: `segments` segments of `segment` slots, each a whole short row or a chunk of
// a long one.
struct Block {
  int workgroup_size;
  int64_t slots;
  int64_t segment;
  int64_t chunks_per_row;
  int64_t workgroups;

  int64_t segments() const { return slots / segment; }
};

Block ChooseBlock(const PermutationSort& sort, const target::DeviceProfile& profile) {
  Block block{};
  const int64_t padded = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(sort.extent)));
  block.slots = std::clamp(padded, kMinBlock, kMaxBlock);
  block.segment = std::min(padded, block.slots);
  block.workgroup_size = DefaultWorkgroupSize(profile);
  block.chunks_per_row = CeilDiv(sort.extent, block.segment);
  block.workgroups = CeilDiv(sort.rows * block.chunks_per_row, block.segments());
  return block;
}

// Two neighbouring sorted runs, seen from an element of one of them.
struct Runs {
  V length;    // of a full run
  V size;      // elements there are in all
  V is_right;  // the element's own run is the second
  V pair;      // where the first run starts
  V own_start;
  V sibling_start;
  V sibling_end;
};

Runs RunsOf(Builder& b, V position, V length, V size) {
  Runs runs{length, size, {}, {}, {}, {}, {}};
  const V twice = b.IAdd(length, length);
  runs.pair = b.And(position, b.Not(b.ISub(twice, b.I32(1))));
  const V middle = b.UMin(b.IAdd(runs.pair, length), size);
  const V end = b.UMin(b.IAdd(runs.pair, twice), size);
  runs.is_right = b.INe(b.And(position, length), b.I32(0));
  runs.own_start = b.Select(runs.is_right, middle, runs.pair);
  runs.sibling_start = b.Select(runs.is_right, runs.pair, middle);
  runs.sibling_end = b.Select(runs.is_right, middle, end);
  return runs;
}

// Where the element at `position` (with number `element`) comes in the merge of its run with the other: its place in
// its own run and how many of the other come before it. Equal elements of the first run come first.
class Merger {
 public:
  Merger(Elemental& elemental, const PermutationSort& sort, std::function<V(V)> element_at)
      : e_(elemental), b_(elemental.builder()), sort_(sort), element_at_(std::move(element_at)) {}

  StatusOr<V> PositionOf(V row, V position, V element, const Runs& runs) {
    ASSIGN_OR_RETURN(const std::vector<Scalar> own, sort_.load(e_, row, element));
    Status status;
    const int64_t most = std::bit_width(static_cast<uint64_t>(sort_.extent));
    const std::vector<V> found = b_.While(
        most, {runs.sibling_start, runs.sibling_end}, [&](std::span<const V> c) { return b_.ULt(c[0], c[1]); },
        [&](std::span<const V> c) {
          Elemental::Scope scope(e_);
          const V middle = b_.Binary(KOp::kShrU, b_.IAdd(c[0], c[1]), b_.I32(1));
          auto before = ComesBefore(row, middle, own, runs.is_right);
          if (!before.ok()) {
            status = before.status();
            return std::vector<V>(c.begin(), c.end());
          }
          return std::vector<V>{b_.Select(*before, b_.IAdd(middle, b_.I32(1)), c[0]), b_.Select(*before, c[1], middle)};
        });
    RETURN_IF_ERROR(status);
    const V smaller = b_.ISub(found[0], runs.sibling_start);
    return b_.IAdd(b_.IAdd(runs.pair, b_.ISub(position, runs.own_start)), smaller);
  }

 private:
  // Whether the sibling at `position` comes before the own element. One comparison serves both runs: seen from the
  // second, a sibling comes before unless the own element is strictly before it.
  StatusOr<V> ComesBefore(V row, V position, const std::vector<Scalar>& own, V is_right) {
    ASSIGN_OR_RETURN(const std::vector<Scalar> other, sort_.load(e_, row, element_at_(position)));
    std::vector<Scalar> first, second;
    for (size_t i = 0; i < own.size(); ++i) {
      first.push_back(Choose(is_right, own[i], other[i]));
      second.push_back(Choose(is_right, other[i], own[i]));
    }
    ASSIGN_OR_RETURN(const V before, sort_.is_before(e_, first, second));
    return b_.Xor(before, is_right);
  }

  Scalar Choose(V condition, const Scalar& x, const Scalar& y) {
    if (x.re.id == kNoValue) return x;
    Scalar result{b_.Select(condition, x.re, y.re), {}};
    if (x.im.id != kNoValue) result.im = b_.Select(condition, x.im, y.im);
    return result;
  }

  Elemental& e_;
  Builder& b_;
  const PermutationSort& sort_;
  std::function<V(V)> element_at_;
};

// A slot of a block: where it is in its row.
struct Slot {
  V slot;
  V position;  // in its segment
  V row;
  V first_element;  // of the segment, in the row
  V size;           // elements of the segment
  V is_there;
};

class BlockSort {
 public:
  BlockSort(const fusion::Group& group, const target::DeviceProfile& profile, const PermutationSort& sort)
      : sort_(sort), block_(ChooseBlock(sort, profile)), b_(profile), e_(b_, group) {}

  // With `target`, leaves the permutation there for merging; else finishes.
  StatusOr<Dispatch> Run(int target) {
    shared_ = b_.AddShared(KType::kI32, static_cast<int>(2 * block_.slots));
    if (target >= 0) target_buffer_ = e_.BindTemporary(target, DType::kU32, false, true);
    ForSlots([&](const Slot& slot) { b_.StoreShared(shared_, slot.slot, b_.IAdd(slot.first_element, slot.position)); });
    b_.Barrier();
    const int passes = std::countr_zero(static_cast<uint64_t>(block_.segment));
    b_.ForEach(b_.I32(0), b_.I32(passes), b_.I32(1), [&](V pass) {
      ForSlots([&](const Slot& slot) { Note(MergeSlot(slot, pass)); });
      b_.Barrier();
    });
    const V result = b_.I32(passes % 2 == 0 ? 0 : block_.slots);
    ForSlots([&](const Slot& slot) { Note(WriteSlot(slot, b_.LoadShared(shared_, b_.IAdd(result, slot.slot)))); });
    RETURN_IF_ERROR(status_);
    return FinishDispatch(std::move(b_), e_, block_.workgroup_size, block_.workgroups, sort_.label);
  }

 private:
  void Note(const Status& status) {
    if (!status.ok()) status_ = status;
  }

  void ForSlots(const std::function<void(const Slot&)>& body) {
    b_.ForEach(b_.I32(0), b_.I32(block_.slots), b_.I32(block_.workgroup_size), [&](V base) {
      const Slot slot = SlotAt(b_.IAdd(base, b_.LocalIndex()));
      b_.If(slot.is_there, [&] {
        Elemental::Scope scope(e_);
        body(slot);
      });
    });
  }

  Slot SlotAt(V index) {
    Slot slot{index, {}, {}, {}, {}, {}};
    const V segment =
        b_.IAdd(b_.IMul(b_.WorkgroupIndex(), b_.I32(block_.segments())), b_.UDiv(index, b_.I32(block_.segment)));
    slot.position = b_.URem(index, b_.I32(block_.segment));
    slot.row = b_.UDiv(segment, b_.I32(block_.chunks_per_row));
    slot.first_element = b_.IMul(b_.URem(segment, b_.I32(block_.chunks_per_row)), b_.I32(block_.segment));
    slot.size = b_.UMin(b_.ISub(b_.I32(sort_.extent), slot.first_element), b_.I32(block_.segment));
    slot.is_there = b_.And(b_.ULt(slot.row, b_.I32(sort_.rows)), b_.ULt(slot.position, slot.size));
    return slot;
  }

  Status MergeSlot(const Slot& slot, V pass) {
    const V slots = b_.I32(block_.slots);
    const V is_odd = b_.And(pass, b_.I32(1));
    const V from = b_.IMul(is_odd, slots), to = b_.ISub(slots, from);
    const V segment_slot = b_.ISub(slot.slot, slot.position);
    const V source = b_.IAdd(from, segment_slot);
    const auto element_at = [&](V position) { return b_.LoadShared(shared_, b_.IAdd(source, position)); };
    const V element = element_at(slot.position);
    const Runs runs = RunsOf(b_, slot.position, b_.Binary(KOp::kShl, b_.I32(1), pass), slot.size);
    ASSIGN_OR_RETURN(const V position,
                     Merger(e_, sort_, element_at).PositionOf(slot.row, slot.position, element, runs));
    b_.StoreShared(shared_, b_.IAdd(b_.IAdd(to, segment_slot), position), element);
    return OkStatus();
  }

  Status WriteSlot(const Slot& slot, V element) {
    const V position = b_.IAdd(slot.first_element, slot.position);
    if (target_buffer_ < 0) return sort_.finish(e_, slot.row, position, element);
    b_.Store(target_buffer_, b_.MulAdd(slot.row, sort_.extent, position), element);
    return OkStatus();
  }

  const PermutationSort& sort_;
  const Block block_;
  Builder b_;
  Elemental e_;
  int shared_ = 0;
  int target_buffer_ = -1;
  Status status_;
};

// One merge of runs of `length` elements, from one temporary to another; with `target` negative the last one.
StatusOr<Dispatch> MergePass(const fusion::Group& group, const target::DeviceProfile& profile,
                             const PermutationSort& sort, int source, int target) {
  const int workgroup_size = DefaultWorkgroupSize(profile);
  const int64_t count = sort.rows * sort.extent;
  Builder b(profile);
  Elemental e(b, group);
  const int from = e.BindTemporary(source, DType::kU32, true, false);
  const int to = target >= 0 ? e.BindTemporary(target, DType::kU32, false, true) : -1;
  const V length = b.Param(b.AddParam());
  const V index = b.GlobalIndex(workgroup_size);
  Status status;
  b.If(b.ULt(index, b.I32(count)), [&] {
    Elemental::Scope scope(e);
    const V row = b.UDiv(index, b.I32(sort.extent)), position = b.URem(index, b.I32(sort.extent));
    const V base = b.ISub(index, position);
    const auto element_at = [&](V p) { return b.Load(from, b.IAdd(base, p)); };
    const V element = element_at(position);
    const Runs runs = RunsOf(b, position, length, b.I32(sort.extent));
    const auto merged = Merger(e, sort, element_at).PositionOf(row, position, element, runs);
    if (!merged.ok()) {
      status = merged.status();
    } else if (to >= 0) {
      b.Store(to, b.IAdd(base, *merged), element);
    } else {
      status = sort.finish(e, row, *merged, element);
    }
  });
  RETURN_IF_ERROR(status);
  return FinishDispatch(std::move(b), e, workgroup_size, CeilDiv(count, workgroup_size), sort.label);
}

}  // namespace

Status AppendSort(const fusion::Group& group, const target::DeviceProfile& profile, const PermutationSort& sort,
                  LoweredGroup& lowered) {
  const int64_t count = sort.rows * sort.extent;
  if (count == 0) return OkStatus();
  if (count >= int64_t{1} << 31) {
    return Unimplemented(Format("Sorting {} elements has no kernel; the limit is 2^31 - 1.", count));
  }
  const Block block = ChooseBlock(sort, profile);
  const bool is_single = block.chunks_per_row == 1;
  int source = -1, target = -1;
  if (!is_single) {
    source = static_cast<int>(lowered.temporaries.size());
    target = source + 1;
    lowered.temporaries.insert(lowered.temporaries.end(), {count * 4, count * 4});
  }
  ASSIGN_OR_RETURN(Dispatch first, BlockSort(group, profile, sort).Run(source));
  lowered.dispatches.push_back(std::move(first));
  for (int64_t length = block.segment; !is_single && length < sort.extent; length *= 2) {
    const bool is_last = 2 * length >= sort.extent;
    ASSIGN_OR_RETURN(Dispatch pass, MergePass(group, profile, sort, source, is_last ? -1 : target));
    pass.params = {static_cast<uint32_t>(length)};
    lowered.dispatches.push_back(std::move(pass));
    std::swap(source, target);
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
