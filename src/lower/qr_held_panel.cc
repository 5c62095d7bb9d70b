// SPDX-License-Identifier: Apache-2.0
// One combination of all invocations a column: the products of the column below the diagonal with all columns, itself
// among them, give the norm and, once the reflector's factors are known, its products with the columns.
#include "lower/held_panel.h"
#include "lower/panel.h"

namespace dragoman::kernel {
namespace {

class HeldQrKernel : public HeldPanelKernel {
 public:
  HeldQrKernel(const fusion::Group& group, const target::DeviceProfile& profile) : HeldPanelKernel(group, profile) {}

  StatusOr<Dispatch> Emit() {
    diagonal_row_ = field_.AddShared(width_);
    changes_ = field_.AddShared(width_);
    scale_ = field_.AddShared(1);
    beta_ = field_.AddShared(1);
    units_ = b_.AddShared(field_.type(), static_cast<int>(width_));
    State state = Fetch();
    Scale(state);
    state = ForEachColumn(state, [&](V k, V diagonal, const State& now) { return Step(k, diagonal, now); });
    std::vector<V> sizes;
    for (int64_t j = 0; j < width_; ++j) sizes.push_back(b_.FDiv(One(), b_.LoadShared(units_, b_.I32(j))));
    Give(state, [&](int64_t column, V place, const Scalar& value) {
      const V is_below = b_.SLt(b_.IAdd(first_, b_.I32(column)), place);
      return field_.Scale(value, b_.Select(is_below, One(), sizes[column]));
    });
    return Finish(op_.type(0).dims[0]);
  }

 private:
  V One() { return b_.Float(field_.type(), 1); }
  V Less(V a, V b) { return b_.Compare(KOp::kFLt, a, b); }

  // Columns of huge or tiny elements are multiplied by a power of two, so that no square overflows or vanishes. The
  // reflectors stay the same, R is divided in the end.
  void Scale(State& state) {
    std::vector<Scalar> largest;
    for (int64_t j = 0; j < width_; ++j) {
      V most = field_.real_zero();
      for (const Row& row : state.rows) most = Larger(most, field_.AbsSum(row[j]));
      largest.push_back(field_.Real(most));
    }
    const auto larger = [&](const Scalar& a, const Scalar& b) { return field_.Real(Larger(a.re, b.re)); };
    CombineEach(largest, larger,
                [&](V j, const Scalar& most, const Scalar&) { b_.StoreShared(units_, j, UnitFor(most.re)); });
    b_.Barrier();
    for (Row& row : state.rows) {
      for (int64_t j = 0; j < width_; ++j) row[j] = field_.Scale(row[j], b_.LoadShared(units_, b_.I32(j)));
    }
  }
  V Larger(V a, V b) { return b_.Select(Less(a, b), b, a); }

  V UnitFor(V most) {
    const bool is_double = field_.type() == KType::kF64;
    const auto number = [&](double of_double, double of_single) {
      return b_.Float(field_.type(), is_double ? of_double : of_single);
    };
    const V is_huge = Less(number(0x1p400, 0x1p40), most), is_tiny = Less(most, number(0x1p-400, 0x1p-40));
    const V of_tiny = b_.Select(is_tiny, number(0x1p600, 0x1p64), One());
    return b_.Select(is_huge, number(0x1p-700, 0x1p-80), of_tiny);
  }

  State Step(V k, V diagonal, const State& state) {
    std::vector<Scalar> products(width_, field_.Zero());
    for (int r = 0; r < shape_.rows; ++r) {
      const Row& row = state.rows[r];
      const V is_below = b_.SLt(diagonal, state.places[r]);
      const Scalar head = field_.Select(is_below, field_.Conjugate(row[0]), field_.Zero());
      for (int64_t j = 0; j < width_; ++j) products[j] = field_.MultiplyAdd(head, row[j], products[j]);
      b_.If(b_.IEq(state.places[r], diagonal), [&] {
        for (int64_t j = 0; j < width_; ++j) field_.Store(diagonal_row_, b_.I32(j), row[j]);
      });
    }
    const auto add = [&](const Scalar& a, const Scalar& b) { return field_.Add(a, b); };
    CombineEach(products, add,
                [&](V j, const Scalar& product, const Scalar& square) { MakeChange(k, j, product, square.re); });
    b_.Barrier();
    return Changed(diagonal, state);
  }

  // What a unit of the reflector adds to column j; of column 0, the one at hand, the reflector's factors instead.
  void MakeChange(V k, V j, const Scalar& product, V square) {
    const Scalar alpha = field_.Load(diagonal_row_, b_.I32(0));
    V is_done = b_.Compare(KOp::kFEq, square, field_.real_zero());
    if (field_.is_complex()) is_done = b_.And(is_done, b_.Compare(KOp::kFEq, alpha.im, field_.real_zero()));
    is_done = b_.Or(is_done, b_.SLe(b_.I32(height_), b_.IAdd(first_, k)));
    V sum = b_.Fma(alpha.re, alpha.re, square);
    if (field_.is_complex()) sum = b_.Fma(alpha.im, alpha.im, sum);
    const V length = b_.Unary(KOp::kSqrt, sum);
    const V beta = b_.Select(Less(alpha.re, field_.real_zero()), length, b_.Unary(KOp::kFNeg, length));
    const Scalar difference = field_.Subtract(field_.Real(beta), alpha);
    const V inverse_beta = b_.FDiv(One(), b_.Select(is_done, One(), beta));
    const Scalar tau = field_.Select(is_done, field_.Zero(), field_.Scale(difference, inverse_beta));
    const Scalar divisor = field_.Select(is_done, field_.One(), field_.Negate(difference));
    const Scalar scale = field_.Divide(field_.One(), divisor);
    const Scalar head = field_.Load(diagonal_row_, j);
    const Scalar with_reflector = field_.MultiplyAdd(field_.Conjugate(scale), product, head);
    const Scalar change = field_.Negate(field_.Multiply(field_.Conjugate(tau), with_reflector));
    const V has_change = b_.And(IsOpen(k, j), b_.Not(is_done));
    field_.Store(changes_, j, field_.Select(has_change, change, field_.Zero()));
    b_.If(b_.IEq(j, b_.I32(0)), [&] {
      StoreOfColumn(1, k, tau);
      field_.Store(scale_, b_.I32(0), scale);
      field_.Store(beta_, b_.I32(0), field_.Select(is_done, alpha, field_.Real(beta)));
    });
  }

  State Changed(V diagonal, const State& state) {
    const Scalar scale = field_.Load(scale_, b_.I32(0)), beta = field_.Load(beta_, b_.I32(0));
    Row changes;
    for (int64_t j = 1; j < width_; ++j) changes.push_back(field_.Load(changes_, b_.I32(j)));
    State next{{}, state.places};
    for (int r = 0; r < shape_.rows; ++r) {
      const Row& row = state.rows[r];
      const V is_below = b_.SLt(diagonal, state.places[r]), is_head = b_.IEq(diagonal, state.places[r]);
      const Scalar below = field_.Multiply(row[0], scale);
      const Scalar head = field_.Select(is_head, field_.One(), field_.Zero());
      const Scalar reflector = field_.Select(is_below, below, head);
      Row changed;
      for (int64_t j = 1; j < width_; ++j) changed.push_back(field_.MultiplyAdd(reflector, changes[j - 1], row[j]));
      changed.push_back(field_.Select(is_below, below, field_.Select(is_head, beta, row[0])));
      next.rows.push_back(std::move(changed));
    }
    return next;
  }

  Field::Shared diagonal_row_, changes_, scale_, beta_;
  int units_ = 0;
};

}  // namespace

StatusOr<Dispatch> HeldQrPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  return HeldQrKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
