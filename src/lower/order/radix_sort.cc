// SPDX-License-Identifier: Apache-2.0
#include "lower/order/radix_sort.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/arithmetic.h"
#include "element/launch.h"
#include "lower/order/workgroup_sum.h"

namespace dragoman::kernel {
namespace {

constexpr int kWorkgroup = 256;
constexpr int kTeam = 16;  // invocations that rank their keys together: half of a word holds a bit for each
constexpr int kTeams = kWorkgroup / kTeam;
constexpr int kDigitBits = 8;
constexpr int kDigits = 1 << kDigitBits;
static_assert(kDigits == kWorkgroup, "an invocation has one digit whose counts it sums");
constexpr int kCounts = kDigits * kTeams;
constexpr int kCopies = 4;  // of the counts of a tile, so that fewer invocations meet at one
// Keys an invocation, at most. A tile of keys, or of keys and elements, lies where the counts lay.
constexpr int kItems = kCounts / kWorkgroup;
constexpr int64_t kManyCount = 1 << 21;  // fewer keys take smaller tiles, so that there are enough of them
constexpr int kChunk = 2048;             // counts that a workgroup sums
constexpr int64_t kMinCount = 32768;
constexpr int64_t kMaxCount = int64_t{1} << 29;

int ItemsOf(const RadixSort& sort) {
  if (sort.count < kManyCount) return kItems / 4;
  return sort.carries_elements ? kItems / 2 : kItems;
}

// Temporaries of the whole sort.
struct Scratch {
  std::array<int, 2> keys;
  std::array<int, 2> elements;
  int counts;  // by digit, then tile; later the place of each tile's first key of a digit, within a chunk
  int totals;  // of chunks of counts
};

// One kernel of the sort.
class RadixKernel {
 public:
  RadixKernel(const fusion::Group& group, const target::DeviceProfile& profile, const RadixSort& sort,
              const Scratch& scratch)
      : sort_(sort),
        scratch_(scratch),
        b_(profile),
        e_(b_, group),
        items_(ItemsOf(sort)),
        tile_(items_ * kWorkgroup),
        tiles_(CeilDiv(sort.count, tile_)),
        lane_(b_.LocalIndex()),
        team_(b_.UDiv(lane_, b_.I32(kTeam))) {}

  // `source` is the pair of temporaries to read, or -1 to ask for the elements' keys.
  StatusOr<Dispatch> EmitCounts(int source) {
    counts_ = b_.AddShared(KType::kI32, kCopies * kDigits);
    const V shift = b_.Param(b_.AddParam());
    const V copy = b_.UDiv(lane_, b_.I32(kWorkgroup / kCopies));
    Clear(kCopies * kDigits);
    b_.Barrier();
    const V base = b_.MulAdd(b_.WorkgroupIndex(), tile_, lane_);
    b_.ForEach(b_.I32(0), b_.I32(tile_), b_.I32(4 * kWorkgroup), [&](V k) {
      std::vector<V> keys;
      for (int i = 0; i < 4; ++i)
        keys.push_back(LoadItem(source, b_.IAdd(base, b_.IAdd(k, b_.I32(i * kWorkgroup))), false).key);
      for (const V key : keys)
        b_.SharedAtomic(KOp::kSharedAtomicAdd, counts_, CountIndex(copy, Digit(key, shift)), b_.I32(1));
    });
    b_.Barrier();
    V total = b_.I32(0);
    for (int i = 0; i < kCopies; ++i) total = b_.IAdd(total, b_.LoadShared(counts_, CountIndex(b_.I32(i), lane_)));
    b_.Store(Bind(scratch_.counts, true), b_.MulAdd(lane_, tiles_, b_.WorkgroupIndex()), total);
    RETURN_IF_ERROR(status_);
    return Finish(tiles_, "counts");
  }

  // Exclusive sums of chunks of `values`, in place; each chunk's total to `totals`, or all are one chunk.
  StatusOr<Dispatch> EmitSums(int values, int totals, int64_t count) {
    const int64_t chunk = totals >= 0 ? kChunk : CeilDiv(count, kWorkgroup) * kWorkgroup;
    const int64_t items = chunk / kWorkgroup;
    WorkgroupSum workgroup_sum(b_, kWorkgroup);
    const int buffer = Bind(values, true);
    const V begin = b_.UMin(b_.MulAdd(b_.WorkgroupIndex(), chunk, b_.IMul(lane_, b_.I32(items))), b_.I32(count));
    const V end = b_.UMin(b_.IAdd(begin, b_.I32(items)), b_.I32(count));
    const auto sum = b_.For({begin, end, b_.I32(1), items}, {b_.I32(0)}, [&](V i, std::span<const V> c) {
      return std::vector<V>{b_.IAdd(c[0], b_.Load(buffer, i))};
    });
    const V before = workgroup_sum.Exclusive(sum[0]);
    b_.For({begin, end, b_.I32(1), items}, {before}, [&](V i, std::span<const V> c) {
      const V value = b_.Load(buffer, i);
      b_.Store(buffer, i, c[0]);
      return std::vector<V>{b_.IAdd(c[0], value)};
    });
    if (totals >= 0) {
      b_.If(b_.IEq(lane_, b_.I32(kWorkgroup - 1)),
            [&] { b_.Store(Bind(totals, true), b_.WorkgroupIndex(), b_.IAdd(before, sum[0])); });
    }
    return Finish(CeilDiv(count, chunk), "sums");
  }

  StatusOr<Dispatch> EmitMoves(int source, bool is_last) {
    counts_ = b_.AddShared(KType::kI32, kCounts);
    places_ = b_.AddShared(KType::kI32, kDigits);
    const V shift = b_.Param(b_.AddParam());
    const V base = b_.IMul(b_.WorkgroupIndex(), b_.I32(tile_));
    Clear(kCounts);
    std::vector<Item> items = LoadItems(source, base, shift);
    b_.Barrier();
    for (Item& item : items) Rank(item);
    FindPlaces();
    StoreTile(items);
    const V size = b_.UMin(b_.ISub(b_.I32(sort_.count), base), b_.I32(tile_));
    b_.ForEach(b_.I32(0), b_.I32(tile_), b_.I32(kWorkgroup), [&](V k) {
      const V slot = b_.IAdd(k, lane_);
      b_.If(b_.ULt(slot, size), [&] { WriteSlot(slot, shift, is_last ? -1 : 1 - std::max(source, 0)); });
    });
    RETURN_IF_ERROR(status_);
    return Finish(tiles_, "moves");
  }

 private:
  struct Item {
    V key;
    V element;
    V digit;
    V rank;  // among the team's keys of the digit
  };

  int Bind(int temporary, bool is_written) { return e_.BindTemporary(temporary, DType::kU32, !is_written, is_written); }
  V Digit(V key, V shift) { return b_.And(b_.Binary(KOp::kShrU, key, shift), b_.I32(kDigits - 1)); }
  V CountIndex(V team, V digit) { return b_.MulAdd(team, kDigits, digit); }

  void Clear(int count) {
    b_.ForEach(b_.I32(0), b_.I32(count), b_.I32(kWorkgroup),
               [&](V k) { b_.StoreShared(counts_, b_.IAdd(k, lane_), b_.I32(0)); });
  }

  // Beyond the end are the largest keys, so that they come after all others of their tile, which is the last.
  Item LoadItem(int source, V index, bool with_element) {
    const V is_inside = b_.ULt(index, b_.I32(sort_.count));
    const V at = b_.UMin(index, b_.I32(sort_.count - 1));
    Elemental::Scope scope(e_);
    Item item{at, at, {}, {}};
    if (source >= 0) {
      item.key = b_.Load(Bind(scratch_.keys[source], false), at);
      if (with_element) item.element = b_.Load(Bind(scratch_.elements[source], false), at);
    } else {
      const auto key = sort_.key(e_, at);
      if (key.ok()) item.key = *key;
      if (!key.ok()) status_ = key.status();
    }
    item.key = b_.Select(is_inside, item.key, b_.I32(-1));
    return item;
  }

  // A team's keys follow each other, and so do the keys that its invocations load at once.
  std::vector<Item> LoadItems(int source, V base, V shift) {
    const V bit = b_.And(lane_, b_.I32(kTeam - 1));
    const V first = b_.IAdd(base, b_.MulAdd(team_, int64_t{kTeam} * items_, bit));
    std::vector<Item> items;
    for (int k = 0; k < items_; ++k) {
      items.push_back(LoadItem(source, b_.IAdd(first, b_.I32(k * kTeam)), sort_.carries_elements));
      items.back().digit = Digit(items.back().key, shift);
    }
    return items;
  }

  // A count has its number in the upper half of its word and a mask in the lower: every invocation of the team sets its
  // bit, those below are the keys of the digit before its own, and the first of them counts them all.
  void Rank(Item& item) {
    const V bit = b_.Binary(KOp::kShl, b_.I32(1), b_.And(lane_, b_.I32(kTeam - 1)));
    const V at = CountIndex(team_, item.digit);
    b_.SharedAtomic(KOp::kSharedAtomicOr, counts_, at, bit);
    b_.Barrier();
    const V word = b_.LoadShared(counts_, at);
    const V before = b_.Unary(KOp::kPopcount, b_.And(word, b_.ISub(bit, b_.I32(1))));
    const V earlier = NumberOf(word);
    item.rank = b_.IAdd(earlier, before);
    b_.Barrier();
    b_.If(b_.IEq(before, b_.I32(0)), [&] {
      const V peers = b_.Unary(KOp::kPopcount, b_.And(word, b_.I32((1 << kTeam) - 1)));
      b_.StoreShared(counts_, at, b_.Binary(KOp::kShl, b_.IAdd(earlier, peers), b_.I32(kTeam)));
    });
    b_.Barrier();
  }
  V NumberOf(V word) { return b_.Binary(KOp::kShrU, word, b_.I32(kTeam)); }

  // The teams' counts of the invocation's digit.
  std::vector<V> OwnCounts() {
    std::vector<V> counts;
    for (int team = 0; team < kTeams; ++team)
      counts.push_back(NumberOf(b_.LoadShared(counts_, CountIndex(b_.I32(team), lane_))));
    return counts;
  }

  // Turns counts into slots of the tile, digits first, then teams. And what to add to a slot to get its place among all
  // keys, by digit.
  void FindPlaces() {
    const std::vector<V> counts = OwnCounts();
    V total = counts[0];
    for (int team = 1; team < kTeams; ++team) total = b_.IAdd(total, counts[team]);
    V slot = WorkgroupSum(b_, kWorkgroup).Exclusive(total);
    const V index = b_.MulAdd(lane_, tiles_, b_.WorkgroupIndex());
    const V in_chunk = b_.Load(Bind(scratch_.counts, false), index);
    const V place = b_.IAdd(in_chunk, b_.Load(Bind(scratch_.totals, false), b_.UDiv(index, b_.I32(kChunk))));
    b_.StoreShared(places_, lane_, b_.ISub(place, slot));
    for (int team = 0; team < kTeams; ++team) {
      b_.StoreShared(counts_, CountIndex(b_.I32(team), lane_), slot);
      slot = b_.IAdd(slot, counts[team]);
    }
    b_.Barrier();
  }

  void StoreTile(const std::vector<Item>& items) {
    std::vector<V> slots;
    for (const Item& item : items)
      slots.push_back(b_.IAdd(b_.LoadShared(counts_, CountIndex(team_, item.digit)), item.rank));
    b_.Barrier();
    for (size_t k = 0; k < items.size(); ++k) {
      b_.StoreShared(counts_, slots[k], items[k].key);
      if (sort_.carries_elements) b_.StoreShared(counts_, b_.IAdd(slots[k], b_.I32(tile_)), items[k].element);
    }
    b_.Barrier();
  }

  void WriteSlot(V slot, V shift, int target) {
    Elemental::Scope scope(e_);
    const V key = b_.LoadShared(counts_, slot);
    const V place = b_.IAdd(b_.LoadShared(places_, Digit(key, shift)), slot);
    const V element = sort_.carries_elements ? b_.LoadShared(counts_, b_.IAdd(slot, b_.I32(tile_))) : key;
    if (target < 0) {
      const Status finished = sort_.finish(e_, place, key, element);
      if (!finished.ok()) status_ = finished;
      return;
    }
    b_.Store(Bind(scratch_.keys[target], true), place, key);
    if (sort_.carries_elements) b_.Store(Bind(scratch_.elements[target], true), place, element);
  }

  Dispatch Finish(int64_t workgroups, const char* what) {
    return FinishDispatch(std::move(b_), e_, kWorkgroup, workgroups, sort_.label + ": " + what);
  }

  const RadixSort& sort_;
  const Scratch& scratch_;
  Builder b_;
  Elemental e_;
  const int items_;
  const int tile_;
  const int64_t tiles_;
  const V lane_;
  const V team_;
  int counts_ = 0;
  int places_ = 0;
  Status status_;
};

}  // namespace

bool SuitsRadixSort(int64_t count, const target::DeviceProfile& profile) {
  constexpr int kSharedBytes = 4 * (kCounts + 2 * kWorkgroup + kDigits);
  return count >= kMinCount && count <= kMaxCount && profile.widest_workgroup() >= kWorkgroup &&
         profile.shared_memory_bytes >= kSharedBytes && !profile.unrolling_is_costly;
}

Status AppendRadixSort(const fusion::Group& group, const target::DeviceProfile& profile, const RadixSort& sort,
                       LoweredGroup& lowered) {
  const auto temporary = [&](int64_t count) {
    lowered.temporaries.push_back(4 * count);
    return static_cast<int>(lowered.temporaries.size()) - 1;
  };
  const int64_t counts = kDigits * CeilDiv(sort.count, ItemsOf(sort) * kWorkgroup);
  const int64_t chunks = CeilDiv(counts, kChunk);
  Scratch scratch{};
  scratch.keys = {temporary(sort.count), temporary(sort.count)};
  if (sort.carries_elements) scratch.elements = {temporary(sort.count), temporary(sort.count)};
  scratch.counts = temporary(counts);
  scratch.totals = temporary(chunks);
  const auto append = [&](auto emit, int shift) -> Status {
    RadixKernel kernel(group, profile, sort, scratch);
    ASSIGN_OR_RETURN(Dispatch dispatch, emit(kernel));
    if (dispatch.kernel.num_params == 1) dispatch.params = {static_cast<uint32_t>(shift)};
    lowered.dispatches.push_back(std::move(dispatch));
    return OkStatus();
  };
  int source = -1;
  for (int shift = 0; shift < sort.key_bits; shift += kDigitBits) {
    const bool is_last = shift + kDigitBits >= sort.key_bits;
    RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitCounts(source); }, shift));
    RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitSums(scratch.counts, scratch.totals, counts); }, shift));
    RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitSums(scratch.totals, -1, chunks); }, shift));
    RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitMoves(source, is_last); }, shift));
    source = 1 - std::max(source, 0);
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
