// SPDX-License-Identifier: Apache-2.0
#include "lower/order/row_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/arithmetic.h"
#include "element/launch.h"

namespace dragoman::kernel {
namespace {

constexpr int kDistances = 3;  // of one round
constexpr int kRowItems = 1 << kDistances;
constexpr int64_t kMinRowExtent = kRowItems / 2 + 1;
constexpr int64_t kMaxRowExtent = 2048;
constexpr int64_t kMinRowSlots = 1024;

// What a workgroup sorts: rows of `row_slots` slots each, the row's elements and padding after them.
struct RowSlots {
  explicit RowSlots(const KeyedRows& rows)
      : row_slots(
            static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(rows.extent, kRowItems))))),
        count(std::max(row_slots, kMinRowSlots)) {}

  // One word after every eight: so slots at any power of two from each other fall on different banks.
  int words() const { return static_cast<int>(count + count / kRowItems); }
  int workgroup_size() const { return static_cast<int>(count / kRowItems); }
  int levels() const { return std::countr_zero(static_cast<uint64_t>(row_slots)); }
  int64_t rows() const { return count / row_slots; }

  int64_t row_slots;
  int64_t count;
};

class RowSortKernel {
 public:
  RowSortKernel(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows)
      : rows_(rows),
        slots_(rows),
        b_(profile),
        e_(b_, group),
        lane_(b_.LocalIndex()),
        keys_(b_.AddShared(KType::kI32, slots_.words())),
        elements_(b_.AddShared(KType::kI32, slots_.words())) {}

  StatusOr<Dispatch> Emit() {
    ForSlots([&](V slot) { LoadElement(slot); });
    b_.Barrier();
    SortEights();
    b_.Barrier();
    b_.ForEach(b_.I32(kDistances + 1), b_.I32(slots_.levels() + 1), b_.I32(1), [&](V level) {
      const V rounds = b_.UDiv(b_.IAdd(level, b_.I32(kDistances - 1)), b_.I32(kDistances));
      b_.ForEach({b_.I32(0), rounds, b_.I32(1), CeilDiv(slots_.levels(), kDistances)}, [&](V round) {
        Merge(level, b_.ISub(b_.ISub(level, b_.I32(1)), b_.IMul(round, b_.I32(kDistances))));
        b_.Barrier();
      });
    });
    ForSlots([&](V slot) { FinishElement(slot); });
    RETURN_IF_ERROR(status_);
    return FinishDispatch(std::move(b_), e_, slots_.workgroup_size(), CeilDiv(rows_.rows, slots_.rows()), rows_.label);
  }

 private:
  using Items = std::array<KeyedElement, kRowItems>;

  V WordOf(V slot) { return b_.IAdd(slot, b_.Binary(KOp::kShrU, slot, b_.I32(kDistances))); }
  KeyedElement Get(V slot) {
    const V word = WordOf(slot);
    return {b_.LoadShared(keys_, word), b_.LoadShared(elements_, word)};
  }
  void Put(V slot, const KeyedElement& item) {
    const V word = WordOf(slot);
    b_.StoreShared(keys_, word, item.key);
    b_.StoreShared(elements_, word, item.element);
  }

  void ForSlots(const std::function<void(V)>& body) {
    for (int k = 0; k < kRowItems; ++k) body(b_.IAdd(lane_, b_.I32(k * slots_.workgroup_size())));
  }
  V RowOf(V slot) {
    const V first = b_.IMul(b_.WorkgroupIndex(), b_.I32(slots_.rows()));
    return b_.IAdd(first, b_.UDiv(slot, b_.I32(slots_.row_slots)));
  }
  V PositionOf(V slot) { return b_.URem(slot, b_.I32(slots_.row_slots)); }

  void LoadElement(V slot) {
    const V row = RowOf(slot), position = PositionOf(slot);
    const V is_there = b_.And(b_.ULt(row, b_.I32(rows_.rows)), b_.ULt(position, b_.I32(rows_.extent)));
    const auto loaded = b_.IfValue(
        is_there,
        [&] {
          Elemental::Scope scope(e_);
          const auto key = rows_.key(e_, row, position);
          if (!key.ok()) status_ = key.status();
          return std::vector<V>{key.ok() ? *key : position, position};
        },
        [&] { return std::vector<V>(2, b_.I32(-1)); });
    Put(slot, {loaded[0], loaded[1]});
  }

  void FinishElement(V slot) {
    const V row = RowOf(slot), position = PositionOf(slot);
    b_.If(b_.And(b_.ULt(row, b_.I32(rows_.rows)), b_.ULt(position, b_.I32(rows_.kept))), [&] {
      Elemental::Scope scope(e_);
      const Status finished = rows_.finish(e_, row, position, Get(slot).element);
      if (!finished.ok()) status_ = finished;
    });
  }

  // Whether the run of 2^level slots that holds `slot` is to descend: every second of a row, as its merging wants.
  V Descends(V slot, V level) {
    const V in_row = b_.And(slot, b_.I32(slots_.row_slots - 1));
    return b_.INe(b_.And(b_.Binary(KOp::kShrU, in_row, level), b_.I32(1)), b_.I32(0));
  }

  void Exchange(KeyedElement& x, KeyedElement& y, V descends) {
    const V is_wrong = b_.Xor(IsBefore(b_, y, x), descends);
    const KeyedElement first{b_.Select(is_wrong, y.key, x.key), b_.Select(is_wrong, y.element, x.element)};
    y = {b_.Select(is_wrong, x.key, y.key), b_.Select(is_wrong, x.element, y.element)};
    x = first;
  }

  // Items 2^distance apart.
  void ExchangeAll(Items& items, int distance, const std::function<V(int item)>& descends) {
    for (int i = 0; i < kRowItems; ++i) {
      if ((i >> distance & 1) == 0) Exchange(items[i], items[i | 1 << distance], descends(i));
    }
  }

  // Runs of eight slots, up and down in turn.
  void SortEights() {
    const V first = b_.IMul(lane_, b_.I32(kRowItems));
    Items items;
    for (int i = 0; i < kRowItems; ++i) items[i] = Get(b_.IAdd(first, b_.I32(i)));
    const V all_descend = Descends(first, b_.I32(kDistances));
    for (int level = 1; level <= kDistances; ++level) {
      for (int distance = level - 1; distance >= 0; --distance) {
        ExchangeAll(items, distance,
                    [&](int i) { return level < kDistances ? b_.Bool((i >> level & 1) != 0) : all_descend; });
      }
    }
    for (int i = 0; i < kRowItems; ++i) Put(b_.IAdd(first, b_.I32(i)), items[i]);
  }

  // Exchanges at 2^highest and the next two distances, as far as there are any, within runs of 2^level.
  void Merge(V level, V highest) {
    const V lowest = b_.SMax(b_.ISub(highest, b_.I32(kDistances - 1)), b_.I32(0));
    const V low = b_.And(lane_, b_.ISub(b_.Binary(KOp::kShl, b_.I32(1), lowest), b_.I32(1)));
    const V first = b_.IAdd(b_.IMul(b_.ISub(lane_, low), b_.I32(kRowItems)), low);
    const V descends = Descends(first, level);
    const auto slot = [&](int i) { return b_.IAdd(first, b_.Binary(KOp::kShl, b_.I32(i), lowest)); };
    Items items;
    for (int i = 0; i < kRowItems; ++i) items[i] = Get(slot(i));
    for (int distance = kDistances - 1; distance > 0; --distance) {
      const V is_due = b_.SLe(b_.IAdd(lowest, b_.I32(distance)), highest);
      items = Unflatten(b_.IfValue(
          is_due,
          [&] {
            Items exchanged = items;
            ExchangeAll(exchanged, distance, [&](int) { return descends; });
            return Flatten(exchanged);
          },
          [&] { return Flatten(items); }));
    }
    ExchangeAll(items, 0, [&](int) { return descends; });
    for (int i = 0; i < kRowItems; ++i) Put(slot(i), items[i]);
  }

  static std::vector<V> Flatten(const Items& items) {
    std::vector<V> values;
    for (const KeyedElement& item : items) values.insert(values.end(), {item.key, item.element});
    return values;
  }
  static Items Unflatten(const std::vector<V>& values) {
    Items items;
    for (int i = 0; i < kRowItems; ++i) items[i] = {values[2 * i], values[2 * i + 1]};
    return items;
  }

  const KeyedRows& rows_;
  const RowSlots slots_;
  Builder b_;
  Elemental e_;
  const V lane_;
  const int keys_;
  const int elements_;
  Status status_;
};

}  // namespace

bool SuitsRowSort(const KeyedRows& rows, const target::DeviceProfile& profile) {
  const RowSlots slots(rows);
  return rows.extent >= kMinRowExtent && rows.extent <= kMaxRowExtent && rows.rows * rows.extent < kMaxPositions &&
         profile.widest_workgroup() >= slots.workgroup_size() && profile.shared_memory_bytes >= 8 * slots.words() &&
         !profile.unrolling_is_costly;
}

Status AppendRowSort(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows,
                     LoweredGroup& lowered) {
  ASSIGN_OR_RETURN(Dispatch dispatch, RowSortKernel(group, profile, rows).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  return OkStatus();
}

}  // namespace dragoman::kernel
