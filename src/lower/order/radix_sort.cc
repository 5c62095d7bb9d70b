// SPDX-License-Identifier: Apache-2.0
#include "lower/order/radix_sort.h"

#include <array>
#include <utility>

#include "base/arithmetic.h"
#include "element/launch.h"
#include "lower/order/workgroup_sum.h"

namespace dragoman::kernel {
namespace {

constexpr int kWorkgroup = 256;
constexpr int kItems = 8;  // keys an invocation, at most: a digit's count fits four bits
constexpr int kTile = kWorkgroup * kItems;
constexpr int64_t kManyCount = 1 << 19;  // fewer keys take smaller tiles, so that there are enough of them
constexpr int kDigitBits = 4;
constexpr int kDigits = 1 << kDigitBits;
// Counts by digit and invocation, one word of padding after every sixteen so that rows of sixteen fall on all banks.
constexpr int kCounts = kDigits * kWorkgroup + kWorkgroup;
constexpr int64_t kMinCount = 32768;
constexpr int64_t kMaxCount = int64_t{1} << 29;  // so that the totals of chunks of counts fit one tile

int ItemsOf(int64_t count) { return count < kManyCount ? kItems / 2 : kItems; }

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
        items_(ItemsOf(sort.count)),
        tile_(items_ * kWorkgroup),
        tiles_(CeilDiv(sort.count, tile_)),
        lane_(b_.LocalIndex()) {}

  // `source` is the pair of temporaries to read, or -1 to ask for the elements' keys.
  StatusOr<Dispatch> EmitCounts(int source) {
    counts_ = b_.AddShared(KType::kI32, kCounts);
    scan_ = b_.AddShared(KType::kI32, kWorkgroup);
    const V shift = b_.Param(b_.AddParam());
    const V base = b_.IMul(b_.WorkgroupIndex(), b_.I32(tile_));
    const auto packed =
        b_.For(b_.I32(0), b_.I32(tile_), b_.I32(kWorkgroup), {b_.I32(0), b_.I32(0)}, [&](V k, std::span<const V> c) {
          const V index = b_.IAdd(b_.IAdd(base, k), lane_);
          return b_.IfValue(
              b_.ULt(index, b_.I32(sort_.count)),
              [&] {
                Elemental::Scope scope(e_);
                const Packed next = Increment({c[0], c[1]}, Digit(LoadKey(source, index), shift));
                return std::vector<V>{next.low, next.high};
              },
              [&] {
                return std::vector<V>{c[0], c[1]};
              });
        });
    StoreCounts({packed[0], packed[1]});
    b_.Barrier();
    b_.StoreShared(scan_, lane_, SumOwnRow());
    b_.Barrier();
    b_.If(b_.ULt(lane_, b_.I32(kDigits)), [&] {
      const auto total = b_.For(b_.I32(0), b_.I32(kDigits), b_.I32(1), {b_.I32(0)}, [&](V j, std::span<const V> c) {
        return std::vector<V>{b_.IAdd(c[0], b_.LoadShared(scan_, b_.MulAdd(lane_, kDigits, j)))};
      });
      b_.Store(Bind(scratch_.counts, true), b_.MulAdd(lane_, tiles_, b_.WorkgroupIndex()), total[0]);
    });
    RETURN_IF_ERROR(status_);
    return Finish(tiles_, "counts");
  }

  // Exclusive sums of a tile of `values`, in place; each tile's total to `totals` unless that is negative.
  StatusOr<Dispatch> EmitSums(int values, int totals, int64_t count) {
    WorkgroupSum workgroup_sum(b_, kWorkgroup);
    const int buffer = Bind(values, true);
    const V begin =
        b_.UMin(b_.IAdd(b_.IMul(b_.WorkgroupIndex(), b_.I32(kTile)), b_.IMul(lane_, b_.I32(kItems))), b_.I32(count));
    const V end = b_.UMin(b_.IAdd(begin, b_.I32(kItems)), b_.I32(count));
    const auto sum = b_.For({begin, end, b_.I32(1), kItems}, {b_.I32(0)}, [&](V i, std::span<const V> c) {
      return std::vector<V>{b_.IAdd(c[0], b_.Load(buffer, i))};
    });
    const V before = workgroup_sum.Exclusive(sum[0]);
    b_.For({begin, end, b_.I32(1), kItems}, {before}, [&](V i, std::span<const V> c) {
      const V value = b_.Load(buffer, i);
      b_.Store(buffer, i, c[0]);
      return std::vector<V>{b_.IAdd(c[0], value)};
    });
    if (totals >= 0) {
      b_.If(b_.IEq(lane_, b_.I32(kWorkgroup - 1)),
            [&] { b_.Store(Bind(totals, true), b_.WorkgroupIndex(), b_.IAdd(before, sum[0])); });
    }
    return Finish(CeilDiv(count, kTile), "sums");
  }

  StatusOr<Dispatch> EmitMoves(int source, bool is_last) {
    counts_ = b_.AddShared(KType::kI32, kCounts);
    places_ = b_.AddShared(KType::kI32, kDigits);
    const V shift = b_.Param(b_.AddParam());
    const V base = b_.IMul(b_.WorkgroupIndex(), b_.I32(tile_));
    const V size = b_.UMin(b_.ISub(b_.I32(sort_.count), base), b_.I32(tile_));
    const std::vector<Item> items = LoadItems(source, base, shift);
    RankTile(items.back().counts);
    std::vector<V> slots;
    for (const Item& item : items)
      slots.push_back(b_.IAdd(b_.LoadShared(counts_, CountIndex(item.digit, lane_)), item.rank));
    LoadPlaces();
    b_.Barrier();
    for (int k = 0; k < items_; ++k) {
      b_.StoreShared(counts_, slots[k], items[k].key);
      if (sort_.carries_elements) b_.StoreShared(counts_, b_.IAdd(slots[k], b_.I32(tile_)), items[k].element);
    }
    b_.Barrier();
    b_.ForEach(b_.I32(0), b_.I32(tile_), b_.I32(kWorkgroup), [&](V k) {
      const V slot = b_.IAdd(k, lane_);
      b_.If(b_.ULt(slot, size), [&] { WriteSlot(slot, shift, is_last ? -1 : 1 - std::max(source, 0)); });
    });
    RETURN_IF_ERROR(status_);
    return Finish(tiles_, "moves");
  }

 private:
  // Sixteen four-bit counters.
  struct Packed {
    V low;
    V high;
  };
  struct Item {
    V key;
    V element;
    V digit;
    V rank;         // among the invocation's own keys of the digit
    Packed counts;  // of the invocation's keys up to this one
  };

  int Bind(int temporary, bool is_written) { return e_.BindTemporary(temporary, DType::kU32, !is_written, is_written); }
  V Digit(V key, V shift) { return b_.And(b_.Binary(KOp::kShrU, key, shift), b_.I32(kDigits - 1)); }
  V CountIndex(V digit, V lane) {
    const V index = b_.MulAdd(digit, kWorkgroup, lane);
    return b_.IAdd(index, b_.Binary(KOp::kShrU, index, b_.I32(kDigitBits)));
  }
  V NibbleShift(V digit) { return b_.IMul(b_.And(digit, b_.I32(7)), b_.I32(4)); }
  V Nibble(const Packed& packed, V digit) {
    const V word = b_.Select(b_.ULt(digit, b_.I32(8)), packed.low, packed.high);
    return b_.And(b_.Binary(KOp::kShrU, word, NibbleShift(digit)), b_.I32(15));
  }
  Packed Increment(const Packed& packed, V digit) {
    const V one = b_.Binary(KOp::kShl, b_.I32(1), NibbleShift(digit));
    const V is_low = b_.ULt(digit, b_.I32(8));
    return {b_.IAdd(packed.low, b_.Select(is_low, one, b_.I32(0))),
            b_.IAdd(packed.high, b_.Select(is_low, b_.I32(0), one))};
  }

  V LoadKey(int source, V index) {
    if (source >= 0) return b_.Load(Bind(scratch_.keys[source], false), index);
    const auto key = sort_.key(e_, index);
    if (!key.ok()) status_ = key.status();
    return key.ok() ? *key : index;
  }

  // The invocation's consecutive keys. Beyond the end they sort last, as the largest.
  std::vector<Item> LoadItems(int source, V base, V shift) {
    std::vector<Item> items;
    Packed counts{b_.I32(0), b_.I32(0)};
    for (int k = 0; k < items_; ++k) {
      const V index = b_.IAdd(b_.IAdd(base, b_.IMul(lane_, b_.I32(items_))), b_.I32(k));
      const auto loaded = b_.IfValue(
          b_.ULt(index, b_.I32(sort_.count)),
          [&] {
            Elemental::Scope scope(e_);
            const V key = LoadKey(source, index);
            if (!sort_.carries_elements) return std::vector<V>{key};
            return std::vector<V>{key, source >= 0 ? b_.Load(Bind(scratch_.elements[source], false), index) : index};
          },
          [&] { return std::vector<V>(sort_.carries_elements ? 2 : 1, b_.I32(-1)); });
      const V digit = Digit(loaded[0], shift);
      const V rank = Nibble(counts, digit);
      counts = Increment(counts, digit);
      items.push_back({loaded[0], loaded.back(), digit, rank, counts});
    }
    return items;
  }

  void StoreCounts(const Packed& packed) {
    b_.ForEach(b_.I32(0), b_.I32(kDigits), b_.I32(1),
               [&](V digit) { b_.StoreShared(counts_, CountIndex(digit, lane_), Nibble(packed, digit)); });
  }

  // Over sixteen consecutive counts: those of one digit and sixteen invocations.
  V SumOwnRow() {
    const V row = b_.IMul(lane_, b_.I32(kDigits + 1));
    return b_.For(b_.I32(0), b_.I32(kDigits), b_.I32(1), {b_.I32(0)}, [&](V j, std::span<const V> c) {
      return std::vector<V>{b_.IAdd(c[0], b_.LoadShared(counts_, b_.IAdd(row, j)))};
    })[0];
  }

  // Turns counts into places within the tile, digits first.
  void RankTile(const Packed& counts) {
    StoreCounts(counts);
    b_.Barrier();
    const V before = WorkgroupSum(b_, kWorkgroup).Exclusive(SumOwnRow());
    const V row = b_.IMul(lane_, b_.I32(kDigits + 1));
    b_.For(b_.I32(0), b_.I32(kDigits), b_.I32(1), {before}, [&](V j, std::span<const V> c) {
      const V at = b_.IAdd(row, j);
      const V count = b_.LoadShared(counts_, at);
      b_.StoreShared(counts_, at, c[0]);
      return std::vector<V>{b_.IAdd(c[0], count)};
    });
    b_.Barrier();
  }

  // What to add to a slot of the tile to get its place among all keys, by digit.
  void LoadPlaces() {
    b_.If(b_.ULt(lane_, b_.I32(kDigits)), [&] {
      const V index = b_.MulAdd(lane_, tiles_, b_.WorkgroupIndex());
      V place = b_.Load(Bind(scratch_.counts, false), index);
      if (scratch_.totals >= 0)
        place = b_.IAdd(place, b_.Load(Bind(scratch_.totals, false), b_.UDiv(index, b_.I32(kTile))));
      b_.StoreShared(places_, lane_, b_.ISub(place, b_.LoadShared(counts_, CountIndex(lane_, b_.I32(0)))));
    });
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
  int counts_ = 0;
  int scan_ = 0;
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
  const int64_t counts = kDigits * CeilDiv(sort.count, ItemsOf(sort.count) * kWorkgroup);
  const int64_t chunks = CeilDiv(counts, kTile);
  Scratch scratch{};
  scratch.keys = {temporary(sort.count), temporary(sort.count)};
  if (sort.carries_elements) scratch.elements = {temporary(sort.count), temporary(sort.count)};
  scratch.counts = temporary(counts);
  scratch.totals = chunks > 1 ? temporary(chunks) : -1;
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
    if (chunks > 1)
      RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitSums(scratch.totals, -1, chunks); }, shift));
    RETURN_IF_ERROR(append([&](RadixKernel& k) { return k.EmitMoves(source, is_last); }, shift));
    source = 1 - std::max(source, 0);
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
