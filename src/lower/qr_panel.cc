// SPDX-License-Identifier: Apache-2.0
// One workgroup a panel, one Householder reflection a column (conventions of LAPACK's geqrf: H = I - tau v v^H with v =
// 1 on the diagonal). All invocations make the reflector, then each group of them applies it to one of the columns
// after.
#include "lower/panel.h"
#include "lower/panel_kernel.h"

namespace dragoman::kernel {
namespace {

// Rows that an invocation changes at a time: as many loads are under way.
constexpr int kRowsAtATime = 4;

class QrKernel : public PanelKernel {
 public:
  QrKernel(const fusion::Group& group, const target::DeviceProfile& profile) : PanelKernel(group, profile) {
    while (group_size_ * 2 * width_ <= team_.size()) group_size_ *= 2;
  }

  StatusOr<Dispatch> Emit() {
    scales_ = b_.AddShared(field_.type(), team_.size());
    squares_ = b_.AddShared(field_.type(), team_.size());
    products_ = field_.AddShared(team_.size());
    Fetch();
    team_.Share(width_, [&](V k) { StoreTau(k, field_.Zero()); });
    b_.DeviceBarrier();
    ForEachColumn([&](V k, V diagonal) { Step(k, diagonal); });
    Give([&](V column, V row) { return Get(column, row); });
    return Finish(op_.type(0).dims[0]);
  }

 private:
  V One() { return b_.Float(field_.type(), 1); }
  V IsZero(V a) { return b_.Compare(KOp::kFEq, a, field_.real_zero()); }
  void StoreTau(V k, const Scalar& tau) { StoreOfColumn(1, k, tau); }

  // A sum of squares as (scale, sum), which is scale^2 sum: no square overflows or vanishes.
  struct Norm {
    V scale;
    V sum;
  };
  Norm Joined(const Norm& a, const Norm& b) {
    const V is_less = b_.Compare(KOp::kFLt, a.scale, b.scale);
    const V large = b_.Select(is_less, b.scale, a.scale), small = b_.Select(is_less, a.scale, b.scale);
    const V ratio = b_.FDiv(small, b_.Select(IsZero(large), One(), large));
    const V large_sum = b_.Select(is_less, b.sum, a.sum), small_sum = b_.Select(is_less, a.sum, b.sum);
    return {large, b_.Fma(b_.FMul(ratio, ratio), small_sum, large_sum)};
  }
  Norm NormOf(V size) { return {size, One()}; }
  V Root(const Norm& norm) { return b_.FMul(norm.scale, b_.Unary(KOp::kSqrt, norm.sum)); }
  Norm NormAt(V slot) { return {b_.LoadShared(scales_, slot), b_.LoadShared(squares_, slot)}; }
  void StoreNorm(V slot, const Norm& norm) {
    b_.StoreShared(scales_, slot, norm.scale);
    b_.StoreShared(squares_, slot, norm.sum);
  }

  // Of column k below the diagonal; its sum is 0 where there is nothing.
  Norm NormBelow(V k, V diagonal) {
    const LoopRange range{b_.IAdd(b_.IAdd(diagonal, b_.I32(1)), b_.LocalIndex()), b_.I32(height_), b_.I32(team_.size()),
                          CeilDiv(height_, team_.size())};
    const std::vector<V> found =
        b_.For(range, {field_.real_zero(), field_.real_zero()}, [&](V row, std::span<const V> norm) {
          const Norm next = Joined({norm[0], norm[1]}, NormOf(field_.Abs(Get(k, row))));
          return std::vector<V>{next.scale, next.sum};
        });
    StoreNorm(b_.LocalIndex(), {found[0], found[1]});
    team_.Halve(team_.size(), [&](V here, V other) { StoreNorm(here, Joined(NormAt(here), NormAt(other))); });
    return NormAt(b_.I32(0));
  }

  void Step(V k, V diagonal) {
    const Scalar alpha = Get(k, diagonal);
    const Norm below = NormBelow(k, diagonal);
    b_.DeviceBarrier();
    V is_done = b_.And(IsZero(below.scale), b_.Not(b_.Convert(KOp::kIsNan, below.sum, KType::kBool)));
    if (field_.is_complex()) is_done = b_.And(is_done, IsZero(alpha.im));
    const V length = Root(Joined(below, NormOf(field_.Abs(alpha))));
    const V is_negative = b_.Compare(KOp::kFLt, alpha.re, field_.real_zero());
    const V beta = b_.Select(is_negative, length, b_.Unary(KOp::kFNeg, length));
    const V safe_beta = b_.Select(is_done, One(), beta);
    const Scalar difference = field_.Subtract(field_.Real(beta), alpha);
    const Scalar quotient{b_.FDiv(difference.re, safe_beta),
                          field_.is_complex() ? b_.FDiv(difference.im, safe_beta) : V{}};
    const Scalar tau = field_.Select(is_done, field_.Zero(), quotient);
    const Scalar divisor = field_.Select(is_done, field_.One(), field_.Negate(difference));
    team_.Share(b_.IAdd(diagonal, b_.I32(1)), height_,
                [&](V row) { Put(k, row, field_.Divide(Get(k, row), divisor)); });
    Once([&] {
      Put(k, diagonal, field_.Select(is_done, alpha, field_.Real(beta)));
      StoreTau(k, tau);
    });
    b_.DeviceBarrier();
    Apply(k, diagonal, field_.Conjugate(tau));
    b_.DeviceBarrier();
  }

  // Columns after k less v (factor v^H column).
  void Apply(V k, V diagonal, const Scalar& factor) {
    const V lane = b_.And(b_.LocalIndex(), b_.I32(group_size_ - 1));
    const V column = b_.IAdd(b_.IAdd(k, b_.I32(1)), b_.UDiv(b_.LocalIndex(), b_.I32(group_size_)));
    const V is_mine = b_.SLt(column, b_.I32(width_));
    const V below = b_.IAdd(diagonal, b_.I32(1));
    const V is_leader = b_.And(is_mine, b_.IEq(lane, b_.I32(0)));
    field_.Store(products_, b_.LocalIndex(), field_.Zero());
    b_.If(is_mine, [&] {
      Elemental::Scope scope(e_);
      field_.Store(products_, b_.LocalIndex(), Product(k, column, b_.IAdd(below, lane)));
    });
    b_.If(is_leader, [&] {
      Elemental::Scope scope(e_);
      const Scalar rest = field_.Load(products_, b_.LocalIndex());
      field_.Store(products_, b_.LocalIndex(), field_.Add(Get(column, diagonal), rest));
    });
    team_.Halve(group_size_, [&](V here, V other) {
      field_.Store(products_, here, field_.Add(field_.Load(products_, here), field_.Load(products_, other)));
    });
    const Scalar product = field_.Load(products_, b_.ISub(b_.LocalIndex(), lane));
    const Scalar change = field_.Negate(field_.Multiply(factor, product));
    b_.If(is_mine, [&] {
      Elemental::Scope scope(e_);
      Change(k, column, b_.IAdd(below, lane), change);
    });
    b_.If(is_leader, [&] {
      Elemental::Scope scope(e_);
      Put(column, diagonal, field_.Add(Get(column, diagonal), change));
    });
  }

  // Every stride-th row from this one on, as far as there are any: the others are this one again.
  struct Rows {
    std::vector<V> rows;
    std::vector<V> are_inside;
  };
  Rows RowsFrom(V row) {
    Rows all;
    for (int i = 0; i < kRowsAtATime; ++i) {
      const V next = b_.IAdd(row, b_.I32(int64_t{i} * group_size_));
      all.are_inside.push_back(b_.SLt(next, b_.I32(height_)));
      all.rows.push_back(b_.Select(all.are_inside[i], next, row));
    }
    return all;
  }
  LoopRange RangeOfRows(V from) {
    const int64_t stride = int64_t{kRowsAtATime} * group_size_;
    return {from, b_.I32(height_), b_.I32(stride), CeilDiv(height_, stride)};
  }

  // What this invocation has of v^H column, below the diagonal.
  Scalar Product(V k, V column, V from) {
    const Scalar start[] = {field_.Zero()};
    const DType dtypes[] = {op_.type(0).dtype};
    const auto add = [&](V row, std::span<const V> carried) {
      const Rows all = RowsFrom(row);
      std::vector<Scalar> v, values;
      for (const V inside : all.rows) {
        v.push_back(field_.Conjugate(Get(k, inside)));
        values.push_back(Get(column, inside));
      }
      Scalar sum = UnflattenScalars(carried, dtypes)[0];
      for (int i = 0; i < kRowsAtATime; ++i) {
        sum = field_.Select(all.are_inside[i], field_.MultiplyAdd(v[i], values[i], sum), sum);
      }
      const Scalar next[] = {sum};
      return FlattenScalars(next);
    };
    return UnflattenScalars(b_.For(RangeOfRows(from), FlattenScalars(start), add), dtypes)[0];
  }

  void Change(V k, V column, V from, const Scalar& change) {
    b_.ForEach(RangeOfRows(from), [&](V row) {
      const Rows all = RowsFrom(row);
      std::vector<Scalar> values;
      for (const V inside : all.rows) {
        values.push_back(field_.MultiplyAdd(Get(k, inside), change, Get(column, inside)));
      }
      for (int i = 0; i < kRowsAtATime; ++i) {
        b_.If(all.are_inside[i], [&] { Put(column, all.rows[i], values[i]); });
      }
    });
  }

  int group_size_ = 1;
  Field::Shared products_;
  int scales_ = 0, squares_ = 0;
};

}  // namespace

StatusOr<Dispatch> QrPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  const int64_t width = group.hero->type(0).dims[1];
  if (width > target::PanelInvocations(profile)) {
    return Unimplemented(Format("A panel of {} columns is too wide for a workgroup.", width));
  }
  return QrKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
