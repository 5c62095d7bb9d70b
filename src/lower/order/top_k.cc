// SPDX-License-Identifier: Apache-2.0
#include "lower/order/top_k.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/arithmetic.h"
#include "element/launch.h"
#include "lower/order/workgroup_sum.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMinExtent = 512;  // shorter rows are sorted, several a workgroup
constexpr int kMaxKept = 1024;

// Elements that an invocation holds, at most: all code of the search is unrolled over them.
int MostItems(const target::DeviceProfile& profile) { return profile.unrolling_is_costly ? 4 : 16; }

// Temporaries of candidates: keys and elements; -1 for none.
struct Candidates {
  int keys = -1;
  int elements = -1;
};

// One round of choosing.
struct Round {
  Candidates source;  // none: the row's own elements
  Candidates target;  // none: the last round
  int64_t count;      // candidates a row
  int64_t chunk;      // of which so many a workgroup
  int items;          // an invocation

  int64_t chunks() const { return CeilDiv(count, chunk); }
};

class TopKKernel {
 public:
  TopKKernel(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows,
             const Round& round)
      : rows_(rows),
        round_(round),
        workgroup_(DefaultWorkgroupSize(profile)),
        b_(profile),
        e_(b_, group),
        sum_(b_, workgroup_),
        lane_(b_.LocalIndex()),
        row_(b_.UDiv(b_.WorkgroupIndex(), b_.I32(round.chunks()))),
        chunk_(b_.URem(b_.WorkgroupIndex(), b_.I32(round.chunks()))) {}

  StatusOr<Dispatch> Emit() {
    LoadItems();
    Choose(FindBound());
    if (is_last()) {
      Sort();
      Finish();
    }
    RETURN_IF_ERROR(status_);
    return FinishDispatch(std::move(b_), e_, workgroup_, rows_.rows * round_.chunks(), rows_.label);
  }

 private:
  bool is_last() const { return round_.target.keys < 0; }
  int64_t slots() const { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows_.kept))); }
  // Of element numbers, with those of the padding beyond the end of a row.
  int ElementBits() const { return std::bit_width(static_cast<uint64_t>(rows_.extent + workgroup_ * round_.items)); }
  int Bind(int temporary, bool is_written) { return e_.BindTemporary(temporary, DType::kU32, !is_written, is_written); }

  V LoadKey(V position) {
    const auto key = rows_.key(e_, row_, position);
    if (!key.ok()) status_ = key.status();
    return key.ok() ? *key : position;
  }

  // Padding comes after all else. That of rows is distinct, since a last chunk may have to choose some of it; that of
  // candidates is never chosen, since every chunk of those has enough.
  void LoadItems() {
    const V base = b_.IMul(chunk_, b_.I32(round_.chunk));
    const V end = b_.UMin(b_.IAdd(base, b_.I32(round_.chunk)), b_.I32(round_.count));
    const V last_key = b_.I32(rows_.key_bits == 32 ? -1 : (int64_t{1} << rows_.key_bits) - 1);
    const bool is_first = round_.source.keys < 0;
    for (int k = 0; k < round_.items; ++k) {
      const V position = b_.IAdd(b_.IAdd(base, b_.I32(k * workgroup_)), lane_);
      const auto loaded = b_.IfValue(
          b_.ULt(position, end),
          [&] {
            Elemental::Scope scope(e_);
            if (is_first) return std::vector<V>{LoadKey(position)};
            const V at = b_.MulAdd(row_, round_.count, position);
            return std::vector<V>{b_.Load(Bind(round_.source.keys, false), at),
                                  b_.Load(Bind(round_.source.elements, false), at)};
          },
          [&] {
            return is_first ? std::vector<V>{last_key} : std::vector<V>{last_key, b_.I32(-1)};
          });
      items_.push_back({loaded[0], is_first ? position : loaded[1]});
    }
  }

  V CountBefore(const KeyedElement& bound) {
    V count = b_.I32(0);
    for (const KeyedElement& item : items_)
      count = b_.IAdd(count, b_.Select(IsBefore(b_, item, bound), b_.I32(1), b_.I32(0)));
    return count;
  }

  // What exactly `kept` of the workgroup's items come before: a bit is set where no more do, those of keys first.
  KeyedElement FindBound() {
    const int element_bits = ElementBits();
    const V kept = b_.I32(rows_.kept), zero = b_.I32(0);
    const int steps = rows_.key_bits + element_bits;
    const std::vector<V> found = b_.While(
        steps, {b_.I32(steps), zero, zero, b_.Bool(false)}, [&](std::span<const V> c) { return b_.ULt(zero, c[0]); },
        [&](std::span<const V> c) {
          const V step = b_.ISub(c[0], b_.I32(1));
          const V is_of_key = b_.ULe(b_.I32(element_bits), step);
          const V shift = b_.Select(is_of_key, b_.ISub(step, b_.I32(element_bits)), step);
          const V bit = b_.Binary(KOp::kShl, b_.I32(1), shift);
          const KeyedElement bound{b_.Or(c[1], b_.Select(is_of_key, bit, zero)),
                                   b_.Or(c[2], b_.Select(is_of_key, zero, bit))};
          const V count = sum_.Total(CountBefore(bound));
          const V is_met = b_.IEq(count, kept), is_low = b_.ULe(count, kept);
          return std::vector<V>{b_.Select(is_met, zero, step), b_.Select(is_low, bound.key, c[1]),
                                b_.Select(is_low, bound.element, c[2]), is_met};
        });
    return {found[1], b_.Select(found[3], found[2], b_.IAdd(found[2], b_.I32(1)))};
  }

  void Choose(const KeyedElement& bound) {
    if (is_last()) {
      keys_ = b_.AddShared(KType::kI32, static_cast<int>(slots()));
      elements_ = b_.AddShared(KType::kI32, static_cast<int>(slots()));
    }
    const V first = b_.IMul(b_.WorkgroupIndex(), b_.I32(rows_.kept));
    V slot = sum_.Exclusive(CountBefore(bound));
    for (const KeyedElement& item : items_) {
      const V is_chosen = IsBefore(b_, item, bound);
      b_.If(is_chosen, [&] {
        if (is_last()) {
          StoreSlot(slot, item);
        } else {
          b_.Store(Bind(round_.target.keys, true), b_.IAdd(first, slot), item.key);
          b_.Store(Bind(round_.target.elements, true), b_.IAdd(first, slot), item.element);
        }
      });
      slot = b_.IAdd(slot, b_.Select(is_chosen, b_.I32(1), b_.I32(0)));
    }
  }

  KeyedElement LoadSlot(V slot) { return {b_.LoadShared(keys_, slot), b_.LoadShared(elements_, slot)}; }
  void StoreSlot(V slot, const KeyedElement& item) {
    b_.StoreShared(keys_, slot, item.key);
    b_.StoreShared(elements_, slot, item.element);
  }
  void ForSlots(int64_t begin, int64_t end, const std::function<void(V)>& body) {
    b_.ForEach(b_.I32(begin), b_.I32(end), b_.I32(workgroup_), [&](V base) {
      const V slot = b_.IAdd(base, lane_);
      b_.If(b_.ULt(slot, b_.I32(end)), [&] { body(slot); });
    });
  }

  // A bitonic network over the slots.
  void Sort() {
    ForSlots(rows_.kept, slots(), [&](V slot) { StoreSlot(slot, {b_.I32(-1), b_.I32(-1)}); });
    b_.Barrier();
    const int levels = std::countr_zero(static_cast<uint64_t>(slots()));
    b_.ForEach(b_.I32(0), b_.I32(levels), b_.I32(1), [&](V level) {
      b_.ForEach({b_.I32(0), b_.IAdd(level, b_.I32(1)), b_.I32(1), levels}, [&](V step) {
        ForSlots(0, slots() / 2, [&](V pair) { Exchange(pair, b_.ISub(level, step), level); });
        b_.Barrier();
      });
    });
  }

  // Orders the two slots 2^distance apart that are number `pair` of all such; runs are of 2^(level + 1).
  void Exchange(V pair, V distance, V level) {
    const V one = b_.I32(1), apart = b_.Binary(KOp::kShl, one, distance);
    const V low = b_.And(pair, b_.ISub(apart, one));
    const V first = b_.IAdd(b_.IMul(b_.ISub(pair, low), b_.I32(2)), low), second = b_.IAdd(first, apart);
    const V is_upward = b_.IEq(b_.And(b_.Binary(KOp::kShrU, pair, level), one), b_.I32(0));
    const KeyedElement x = LoadSlot(first), y = LoadSlot(second);
    b_.If(b_.Xor(IsBefore(b_, x, y), is_upward), [&] {
      StoreSlot(first, y);
      StoreSlot(second, x);
    });
  }

  void Finish() {
    ForSlots(0, rows_.kept, [&](V position) {
      Elemental::Scope scope(e_);
      const Status finished = rows_.finish(e_, row_, position, b_.LoadShared(elements_, position));
      if (!finished.ok()) status_ = finished;
    });
  }

  const KeyedRows& rows_;
  const Round& round_;
  const int workgroup_;
  Builder b_;
  Elemental e_;
  WorkgroupSum sum_;
  const V lane_;
  const V row_;
  const V chunk_;
  std::vector<KeyedElement> items_;
  int keys_ = 0;
  int elements_ = 0;
  Status status_;
};

// A round over `count` candidates of each row, of which every chunk has `kept` unless they are the row's own.
Round RoundOver(int64_t count, const Candidates& source, const KeyedRows& rows, const target::DeviceProfile& profile) {
  const int64_t workgroup = DefaultWorkgroupSize(profile);
  const auto needed = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(CeilDiv(count, workgroup))));
  Round round{source, {}, count, 0, static_cast<int>(std::min<int64_t>(needed, MostItems(profile)))};
  round.chunk = workgroup * round.items;
  if (source.keys >= 0) round.chunk -= round.chunk % rows.kept;
  return round;
}

}  // namespace

bool SuitsTopK(const KeyedRows& rows, const target::DeviceProfile& profile) {
  const int64_t tile = int64_t{DefaultWorkgroupSize(profile)} * MostItems(profile);
  return rows.kept > 0 && rows.kept <= std::min<int64_t>(kMaxKept, tile / 4) && rows.extent >= kMinExtent &&
         rows.rows * rows.extent < kMaxPositions - tile;
}

Status AppendTopK(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows,
                  LoweredGroup& lowered) {
  Candidates source;
  for (int64_t count = rows.extent;;) {
    Round round = RoundOver(count, source, rows, profile);
    count = round.chunks() * rows.kept;
    if (round.chunks() > 1) {
      const int first = static_cast<int>(lowered.temporaries.size());
      lowered.temporaries.insert(lowered.temporaries.end(), 2, rows.rows * count * 4);
      round.target = {first, first + 1};
    }
    ASSIGN_OR_RETURN(Dispatch dispatch, TopKKernel(group, profile, rows, round).Emit());
    lowered.dispatches.push_back(std::move(dispatch));
    if (round.chunks() == 1) return OkStatus();
    source = round.target;
  }
}

}  // namespace dragoman::kernel
