// SPDX-License-Identifier: Apache-2.0
// Each workgroup has some of the panel's columns, and the block on the diagonal besides: all of them factor it, so that
// one dispatch makes the whole panel. Everything is in registers, a tile an invocation, and only the row that is
// eliminated goes through shared memory; there are two of these, so that one barrier a row is enough. Rows are divided
// by the roots of their pivots in the end.
#include "lower/block_kernel.h"
#include "lower/panel.h"

namespace dragoman::kernel {
namespace {

// An invocation has every side-th row and column, as many as this.
constexpr int kTileSide = 4;

class PanelOfCholesky : public BlockKernel {
 public:
  PanelOfCholesky(const fusion::Group& group, const target::DeviceProfile& profile)
      : BlockKernel(group, profile, InvocationsFor(*group.hero)),
        width_(op_.type().dims[1]),
        columns_(op_.type().dims[2]),
        side_(static_cast<int>(width_ / kTileSide)) {}

  StatusOr<Dispatch> Emit() {
    const int64_t tiles = CeilDiv(columns_, width_);
    shared_row_ = field_.AddShared(4 * width_);
    pivots_ = b_.AddShared(field_.type(), static_cast<int>(width_));
    matrix_ = b_.UDiv(b_.WorkgroupIndex(), b_.I32(tiles));
    first_column_ = b_.IMul(b_.URem(b_.WorkgroupIndex(), b_.I32(tiles)), b_.I32(width_));
    row_ = b_.UDiv(b_.LocalIndex(), b_.I32(side_));
    column_ = b_.URem(b_.LocalIndex(), b_.I32(side_));
    first_ = At(op_.operands[1], b_.I32(0)).re;
    std::vector<Scalar> tiles_of_both = Fetch(first_);
    for (const Scalar& value : Fetch(first_column_)) tiles_of_both.push_back(value);
    for (int a = 0; a < kTileSide; ++a) tiles_of_both = EliminateRows(a, std::move(tiles_of_both));
    b_.Barrier();
    Store(tiles_of_both);
    return Finish(op_.type().dims[0] * tiles);
  }

 private:
  static int InvocationsFor(const ir::Op& op) {
    const auto side = static_cast<int>(op.type().dims[1] / kTileSide);
    return side * side;
  }

  // Number i of this invocation's rows or columns.
  V RowOf(int i) { return b_.IAdd(row_, b_.I32(int64_t{i} * side_)); }
  V ColumnOf(int i) { return b_.IAdd(column_, b_.I32(int64_t{i} * side_)); }
  static int Place(int row, int column) { return row * kTileSide + column; }
  // Of the block on the diagonal the tile below it is not needed; neither are rows that are done.
  static bool IsNeeded(int done, int row, int column, bool is_diagonal) {
    return row >= done && (!is_diagonal || column >= row);
  }

  std::vector<Scalar> Fetch(V first_column) {
    std::vector<Scalar> tile;
    for (int i = 0; i < kTileSide * kTileSide; ++i) {
      const V column = b_.IAdd(first_column, ColumnOf(i % kTileSide));
      const V inside = b_.SMin(column, b_.I32(columns_ - 1));
      const V row = RowOf(i / kTileSide);
      Scalar value = At(op_.operands[0], Index::FromDims({matrix_, row, inside}));
      const V diagonal = b_.IAdd(first_, row);
      // The diagonal of a Hermitian matrix is real, whatever stands there.
      if (field_.is_complex()) value.im = b_.Select(b_.IEq(column, diagonal), field_.real_zero(), value.im);
      tile.push_back(field_.Select(b_.SLt(column, diagonal), field_.Zero(), value));
    }
    return tile;
  }

  // The rows that are number `a` of their invocations.
  std::vector<Scalar> EliminateRows(int a, std::vector<Scalar> tiles) {
    const std::vector<DType> dtypes(tiles.size(), op_.type().dtype);
    const auto step = [&](V owner, std::span<const V> carried) {
      Elemental::Scope scope(e_);
      std::vector<Scalar> next = UnflattenScalars(carried, dtypes);
      Eliminate(a, owner, next);
      return FlattenScalars(next);
    };
    return UnflattenScalars(b_.For(b_.I32(0), b_.I32(side_), b_.I32(1), FlattenScalars(tiles), step), dtypes);
  }

  void Eliminate(int a, V owner, std::vector<Scalar>& tiles) {
    const V pivot_row = b_.IAdd(owner, b_.I32(int64_t{a} * side_));
    const V base = b_.IMul(b_.And(owner, b_.I32(1)), b_.I32(2 * width_));
    ShareRow(a, owner, base, tiles);
    b_.Barrier();
    const V pivot = field_.Load(shared_row_, b_.IAdd(base, pivot_row)).re;
    const V inverse = b_.FDiv(b_.Float(field_.type(), 1), pivot);
    b_.If(b_.And(b_.IEq(row_, owner), b_.IEq(column_, owner)), [&] { b_.StoreShared(pivots_, pivot_row, pivot); });
    std::vector<Scalar> factors(kTileSide);
    for (int r = a; r < kTileSide; ++r) {
      const Scalar mirrored = field_.Conjugate(field_.Load(shared_row_, b_.IAdd(base, RowOf(r))));
      const V is_later = b_.SLt(pivot_row, RowOf(r));
      factors[r] = field_.Scale(mirrored, b_.Select(is_later, b_.Unary(KOp::kFNeg, inverse), field_.real_zero()));
    }
    for (int part = 0; part < 2; ++part) {
      for (int c = part == 0 ? a : 0; c < kTileSide; ++c) {
        const Scalar value = field_.Load(shared_row_, b_.IAdd(base, b_.IAdd(b_.I32(part * width_), ColumnOf(c))));
        for (int r = a; r < kTileSide; ++r) {
          if (!IsNeeded(a, r, c, part == 0)) continue;
          Scalar& element = tiles[part * kTileSide * kTileSide + Place(r, c)];
          element = field_.MultiplyAdd(factors[r], value, element);
        }
      }
    }
  }

  // The block's row, then the columns'.
  void ShareRow(int a, V owner, V base, const std::vector<Scalar>& tiles) {
    b_.If(b_.IEq(row_, owner), [&] {
      for (int part = 0; part < 2; ++part) {
        for (int c = part == 0 ? a : 0; c < kTileSide; ++c) {
          const V place = b_.IAdd(base, b_.IAdd(b_.I32(part * width_), ColumnOf(c)));
          field_.Store(shared_row_, place, tiles[part * kTileSide * kTileSide + Place(a, c)]);
        }
      }
    });
  }

  void Store(const std::vector<Scalar>& tiles) {
    for (int r = 0; r < kTileSide; ++r) {
      const V root = b_.Unary(KOp::kSqrt, b_.LoadShared(pivots_, RowOf(r)));
      for (int c = 0; c < kTileSide; ++c) {
        const V column = b_.IAdd(first_column_, ColumnOf(c));
        b_.If(b_.SLt(column, b_.I32(columns_)), [&] {
          Elemental::Scope scope(e_);
          const Scalar& left = tiles[kTileSide * kTileSide + Place(r, c)];
          const Scalar value{b_.FDiv(left.re, root), field_.is_complex() ? b_.FDiv(left.im, root) : V{}};
          const V is_zero = b_.SLt(column, b_.IAdd(first_, RowOf(r)));
          e_.Store(op_.result(), Index::FromDims({matrix_, RowOf(r), column}),
                   field_.Select(is_zero, field_.Zero(), value));
        });
      }
    }
  }

  const int64_t width_, columns_;
  const int side_;
  Field::Shared shared_row_;
  int pivots_ = 0;
  V matrix_, first_column_, row_, column_, first_;
};

}  // namespace

StatusOr<Dispatch> CholeskyPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  const int64_t width = group.hero->type().dims[1], side = width / kTileSide;
  if (width % kTileSide != 0 || side * side > profile.widest_workgroup()) {
    return Unimplemented(Format("A panel of {} rows has no kernel on this device.", width));
  }
  return PanelOfCholesky(group, profile).Emit();
}

}  // namespace dragoman::kernel
