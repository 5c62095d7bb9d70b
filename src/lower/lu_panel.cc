// SPDX-License-Identifier: Apache-2.0
// One workgroup a panel, column by column (Crout's order; Golub and Van Loan, Matrix Computations, section 3.2): a
// column is made from those before it, so that nothing but it is written, its largest element becomes the pivot, then
// the pivot's row is made. Columns of L are kept undivided until the end; U, in shared memory, is divided instead.
#include <limits>

#include "lower/panel.h"
#include "lower/panel_kernel.h"

namespace dragoman::kernel {
namespace {

constexpr int kTermsAtATime = 4;  // a power of two

class LuKernel : public PanelKernel {
 public:
  LuKernel(const fusion::Group& group, const target::DeviceProfile& profile) : PanelKernel(group, profile) {}

  StatusOr<Dispatch> Emit() {
    upper_ = field_.AddShared(width_ * width_);
    pivots_ = field_.AddShared(width_);
    sizes_ = b_.AddShared(field_.type(), team_.size());
    rows_ = b_.AddShared(KType::kI32, team_.size());
    order_ = e_.BindTemporary(1, DType::kS32, /*is_read=*/true, /*is_written=*/true);
    Fetch();
    team_.Share(height_, [&](V row) { b_.Store(order_, OrderPlace(row), row); });
    team_.Share(width_, [&](V k) { StorePivotRow(k, b_.IAdd(first_, k)); });
    b_.DeviceBarrier();
    ForEachColumn([&](V k, V diagonal) { Step(k, diagonal); });
    b_.DeviceBarrier();
    GiveResults();
    return Finish(op_.type(0).dims[0]);
  }

 private:
  V OrderPlace(V row) { return b_.IAdd(b_.IMul(b_.WorkgroupIndex(), b_.I32(height_)), row); }
  V UpperPlace(V row, V column) { return b_.IAdd(b_.IMul(row, b_.I32(width_)), column); }
  void StorePivotRow(V k, V row) { StoreOfColumn(1, k, {row, {}}); }

  // The element less what `known` columns of L times rows of U make of it; several at a time, whose loads are under way
  // together, then the rest.
  Scalar Reduced(V column, V row, V known) {
    const Scalar start[] = {Get(column, row)};
    const int at_a_time = b_.profile().unrolling_is_costly ? 1 : kTermsAtATime;
    const V whole = b_.And(known, b_.I32(-at_a_time));
    std::vector<V> sum = AddTerms({column, row}, {b_.I32(0), whole, b_.I32(at_a_time), width_}, FlattenScalars(start));
    if (at_a_time > 1) sum = AddTerms({column, row}, {whole, known, b_.I32(1), at_a_time}, std::move(sum));
    const DType dtypes[] = {op_.type(0).dtype};
    return UnflattenScalars(sum, dtypes)[0];
  }

  struct Element {
    V column;
    V row;
  };
  std::vector<V> AddTerms(const Element& element, const LoopRange& range, std::vector<V> sum) {
    const int64_t at_a_time = b_.ConstantInt(range.step).value_or(1);
    const DType dtypes[] = {op_.type(0).dtype};
    return b_.For(range, std::move(sum), [&](V i, std::span<const V> carried) {
      std::vector<Scalar> lower, upper;
      for (int64_t t = 0; t < at_a_time; ++t) {
        const V term = b_.IAdd(i, b_.I32(t));
        lower.push_back(Get(term, element.row));
        upper.push_back(field_.Load(upper_, UpperPlace(term, element.column)));
      }
      Scalar total = UnflattenScalars(carried, dtypes)[0];
      for (int64_t t = 0; t < at_a_time; ++t) total = field_.MultiplyAdd(lower[t], upper[t], total);
      const Scalar next[] = {total};
      return FlattenScalars(next);
    });
  }

  void Step(V k, V diagonal) {
    MakeColumn(k, diagonal);
    b_.DeviceBarrier();
    team_.Halve(team_.size(), [&](V here, V other) { KeepLarger(here, other); });
    const V pivot = b_.LoadShared(rows_, b_.I32(0));
    b_.If(b_.INe(pivot, diagonal), [&] {
      Elemental::Scope scope(e_);
      SwapRows(diagonal, pivot);
    });
    Once([&] { StorePivotRow(k, pivot); });
    b_.DeviceBarrier();
    MakeRow(k, diagonal);
    b_.Barrier();
  }

  // Each invocation notes the largest element that it makes, of equal ones the first.
  void MakeColumn(V k, V diagonal) {
    const LoopRange range{b_.IAdd(diagonal, b_.LocalIndex()), b_.I32(height_), b_.I32(team_.size()),
                          CeilDiv(height_, team_.size())};
    const auto best = b_.For(range, {b_.Float(field_.type(), -1), diagonal}, [&](V row, std::span<const V> found) {
      Elemental::Scope scope(e_);
      const Scalar value = Reduced(k, row, k);
      Put(k, row, value);
      // NaN is the largest: it becomes a pivot, and visible.
      const V sum = field_.AbsSum(value);
      const V is_nan = b_.Convert(KOp::kIsNan, sum, KType::kBool);
      const V size = b_.Select(is_nan, b_.Float(field_.type(), std::numeric_limits<double>::infinity()), sum);
      const V is_larger = b_.Compare(KOp::kFLt, found[0], size);
      return std::vector<V>{b_.Select(is_larger, size, found[0]), b_.Select(is_larger, row, found[1])};
    });
    b_.StoreShared(sizes_, b_.LocalIndex(), best[0]);
    b_.StoreShared(rows_, b_.LocalIndex(), best[1]);
  }

  void KeepLarger(V here, V other) {
    const V size = b_.LoadShared(sizes_, here), other_size = b_.LoadShared(sizes_, other);
    const V row = b_.LoadShared(rows_, here), other_row = b_.LoadShared(rows_, other);
    const V is_equal_and_first = b_.And(b_.Compare(KOp::kFEq, size, other_size), b_.SLt(other_row, row));
    b_.If(b_.Or(b_.Compare(KOp::kFLt, size, other_size), is_equal_and_first), [&] {
      b_.StoreShared(sizes_, here, other_size);
      b_.StoreShared(rows_, here, other_row);
    });
  }

  void SwapRows(V one, V other) {
    team_.Share(width_, [&](V column) {
      const Scalar here = Get(column, one), there = Get(column, other);
      Put(column, one, there);
      Put(column, other, here);
    });
    Once([&] {
      const V here = b_.Load(order_, OrderPlace(one)), there = b_.Load(order_, OrderPlace(other));
      b_.Store(order_, OrderPlace(one), there);
      b_.Store(order_, OrderPlace(other), here);
    });
  }

  // A pivot of zero has a column of zeros below it, which stays.
  void MakeRow(V k, V diagonal) {
    const Scalar pivot = Get(k, diagonal);
    const V is_zero = b_.Compare(KOp::kFEq, field_.AbsSum(pivot), field_.real_zero());
    const Scalar divisor = field_.Select(is_zero, field_.One(), pivot);
    Once([&] { field_.Store(pivots_, k, divisor); });
    team_.Share(b_.IAdd(k, b_.I32(1)), width_, [&](V column) {
      const Scalar value = Reduced(column, diagonal, k);
      Put(column, diagonal, value);
      field_.Store(upper_, UpperPlace(k, column), field_.Negate(field_.Divide(value, divisor)));
    });
  }

  void GiveResults() {
    Give([&](V column, V row) {
      const V is_below = b_.SLt(b_.IAdd(first_, column), row);
      const Scalar divisor = field_.Select(is_below, field_.Load(pivots_, column), field_.One());
      return field_.Divide(Get(column, row), divisor);
    });
    team_.Share(height_, [&](V row) {
      const V place = OrderPlace(row);
      e_.Store(op_.results[2].get(), Index::FromLinear(place), {b_.Load(order_, place), {}});
    });
  }

  Field::Shared upper_, pivots_;
  int sizes_ = 0, rows_ = 0, order_ = 0;
};

}  // namespace

StatusOr<Dispatch> LuPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  return LuKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
