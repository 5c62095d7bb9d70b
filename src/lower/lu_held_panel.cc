// SPDX-License-Identifier: Apache-2.0
// Rows never move between invocations: each knows its place in the matrix, and an exchange of two rows is one of their
// places.
#include <limits>

#include "lower/held_panel.h"
#include "lower/panel.h"

namespace dragoman::kernel {
namespace {

class HeldLuKernel : public HeldPanelKernel {
 public:
  HeldLuKernel(const fusion::Group& group, const target::DeviceProfile& profile) : HeldPanelKernel(group, profile) {}

  StatusOr<Dispatch> Emit() {
    pivot_row_ = field_.AddShared(width_);
    // Where no row is left, none is shared: what is there, zeros at first, meets factors of zero.
    team_.Share(width_, [&](V j) { field_.Store(pivot_row_, j, field_.Zero()); });
    const State start = Fetch();
    const State end =
        ForEachColumn(start, [&](V k, V diagonal, const State& state) { return Step(k, diagonal, state); });
    Give(end, [](int64_t, V, const Scalar& value) { return value; });
    const V base = b_.IMul(b_.WorkgroupIndex(), b_.I32(height_));
    for (int r = 0; r < shape_.rows; ++r) {
      b_.If(b_.SLe(b_.I32(0), start.places[r]), [&] {
        Elemental::Scope scope(e_);
        e_.Store(op_.results[2].get(), Index::FromLinear(b_.IAdd(base, end.places[r])), {start.places[r], {}});
      });
    }
    return Finish(op_.type(0).dims[0]);
  }

 private:
  // NaN is the largest: it becomes a pivot, and visible.
  V SizeOf(const Scalar& value) {
    const V sum = field_.AbsSum(value);
    const V is_nan = b_.Convert(KOp::kIsNan, sum, KType::kBool);
    return b_.Select(is_nan, b_.Float(field_.type(), std::numeric_limits<double>::infinity()), sum);
  }

  // (size, place) of the larger one, of equal ones the first.
  std::vector<V> Larger(const std::vector<V>& a, const std::vector<V>& b) {
    const V is_less = b_.Compare(KOp::kFLt, a[0], b[0]);
    const V is_equal_and_later = b_.And(b_.Compare(KOp::kFEq, a[0], b[0]), b_.SLt(b[1], a[1]));
    const V takes_b = b_.Or(is_less, is_equal_and_later);
    return {b_.Select(takes_b, b[0], a[0]), b_.Select(takes_b, b[1], a[1])};
  }

  V FindPivot(V diagonal, const State& state) {
    const V none = b_.Float(field_.type(), -1);
    std::vector<V> found = {none, diagonal};
    for (int r = 0; r < shape_.rows; ++r) {
      const V counts = b_.SLe(diagonal, state.places[r]);
      const V size = b_.Select(counts, SizeOf(state.rows[r][0]), none);
      found = Larger(found, {size, b_.Select(counts, state.places[r], diagonal)});
    }
    return CombineAll(found, [&](const auto& a, const auto& b) { return Larger(a, b); })[1];
  }

  State Step(V k, V diagonal, const State& state) {
    const V pivot = FindPivot(diagonal, state);
    Once([&] { StoreOfColumn(1, k, {pivot, {}}); });
    for (int r = 0; r < shape_.rows; ++r) {
      b_.If(b_.IEq(state.places[r], pivot), [&] { SharePivotRow(k, state.rows[r]); });
    }
    b_.Barrier();
    Row pivot_row;
    for (int64_t j = 0; j < width_; ++j) pivot_row.push_back(field_.Load(pivot_row_, b_.I32(j)));
    // A pivot of zero has a column of zeros below it, which stays.
    const V is_zero = b_.Compare(KOp::kFEq, field_.AbsSum(pivot_row[0]), field_.real_zero());
    pivot_row[0] = field_.Select(is_zero, field_.One(), pivot_row[0]);
    State next;
    for (int r = 0; r < shape_.rows; ++r) {
      const V place = state.places[r];
      const V moved = b_.Select(b_.IEq(place, diagonal), pivot, place);
      next.places.push_back(b_.Select(b_.IEq(place, pivot), diagonal, moved));
      next.rows.push_back(Eliminated(state.rows[r], pivot_row, b_.SLt(diagonal, next.places[r])));
    }
    return next;
  }

  // Zeros for the finished columns, which change no more.
  void SharePivotRow(V k, const Row& row) {
    for (int64_t j = 0; j < width_; ++j) {
      field_.Store(pivot_row_, b_.I32(j), field_.Select(IsOpen(k, b_.I32(j)), row[j], field_.Zero()));
    }
  }

  Row Eliminated(const Row& row, const Row& pivot_row, V is_below) {
    const Scalar factor = field_.Divide(row[0], pivot_row[0]);
    const Scalar minus = field_.Select(is_below, field_.Negate(factor), field_.Zero());
    Row next;
    for (int64_t j = 1; j < width_; ++j) next.push_back(field_.MultiplyAdd(minus, pivot_row[j], row[j]));
    next.push_back(field_.Select(is_below, factor, row[0]));
    return next;
  }

  Field::Shared pivot_row_;
};

}  // namespace

StatusOr<Dispatch> HeldLuPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  return HeldLuKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
