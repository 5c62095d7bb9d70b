// SPDX-License-Identifier: Apache-2.0
// A workgroup has a tile of the matrix, an invocation two of its columns and some of its rows. It solves for the rows
// of U of its columns, in registers, and subtracts their products with rows of L, in shared memory, in which the part
// of L on and above its diagonal is zero: so rows of U come out of the same sums as the rows below them.
#include "lower/block_kernel.h"
#include "lower/panel.h"
#include "target/team_size.h"

namespace dragoman::kernel {
namespace {

constexpr int kTileRows = target::kLuTileRows;
constexpr int kColumnLanes = 64;  // invocations side by side
constexpr int kColumnsEach = 2;   // of an invocation
constexpr int kRowsUnderWay = 4;  // of an invocation: as many loads are under way

class UpdateOfLu : public BlockKernel {
 public:
  UpdateOfLu(const fusion::Group& group, const target::DeviceProfile& profile)
      : BlockKernel(group, profile, target::TeamSize(256, profile)),
        width_(op_.operands[1]->type.dims[1]),
        m_(op_.type().dims[1]),
        n_(op_.type().dims[2]) {}

  StatusOr<Dispatch> Emit() {
    const int64_t row_tiles = CeilDiv(m_, kTileRows), column_tiles = CeilDiv(n_, kColumnsEach * kColumnLanes);
    lower_ = field_.AddShared(kTileRows * width_);
    triangle_ = field_.AddShared(width_ * width_);
    sources_ = b_.AddShared(KType::kI32, kTileRows);
    matrix_ = b_.UDiv(b_.WorkgroupIndex(), b_.I32(row_tiles * column_tiles));
    const V tile = b_.URem(b_.WorkgroupIndex(), b_.I32(row_tiles * column_tiles));
    first_row_ = b_.IMul(b_.UDiv(tile, b_.I32(column_tiles)), b_.I32(kTileRows));
    const V first_column = b_.IMul(b_.URem(tile, b_.I32(column_tiles)), b_.I32(kColumnsEach * kColumnLanes));
    first_ = At(op_.operands[3], b_.I32(0)).re;
    end_ = b_.IAdd(first_, b_.I32(width_));
    ShareLower();
    b_.Barrier();
    for (int c = 0; c < kColumnsEach; ++c) {
      const V lane = b_.And(b_.LocalIndex(), b_.I32(kColumnLanes - 1));
      columns_.push_back(b_.IAdd(first_column, b_.IAdd(lane, b_.I32(int64_t{c} * kColumnLanes))));
    }
    const V has_rest = b_.SLt(end_, b_.IAdd(first_column, b_.I32(kColumnsEach * kColumnLanes)));
    b_.If(
        has_rest, [&] { MakeTile(RowsOfU()); }, [&] { MakeTile({}); });
    return Finish(op_.type().dims[0] * row_tiles * column_tiles);
  }

 private:
  V RowOfTile(V row) { return b_.SMin(b_.IAdd(first_row_, row), b_.I32(m_ - 1)); }
  V Inside(V column) { return b_.SMin(column, b_.I32(n_ - 1)); }
  Scalar Panel(V column, V row) { return At(op_.operands[1], Index::FromDims({matrix_, column, row})); }
  V Source(V row) { return At(op_.operands[2], Index::FromDims({matrix_, row})).re; }

  void ShareLower() {
    team_.Share(kTileRows * width_, [&](V k) {
      const V j = b_.UDiv(k, b_.I32(kTileRows)), r = b_.URem(k, b_.I32(kTileRows));
      const V row = RowOfTile(r);
      const V is_below = b_.SLt(j, b_.ISub(row, first_));
      field_.Store(lower_, b_.IAdd(b_.IMul(r, b_.I32(width_)), j),
                   field_.Select(is_below, Panel(j, row), field_.Zero()));
    });
    // Place j of row i is what row i gives row i + j.
    team_.Share(width_ * width_, [&](V k) {
      const V i = b_.UDiv(k, b_.I32(width_)), row = b_.IAdd(i, b_.URem(k, b_.I32(width_)));
      const V is_below = b_.And(b_.SLt(i, row), b_.SLt(row, b_.I32(width_)));
      field_.Store(triangle_, k, field_.Select(is_below, Panel(i, RowOfU(row)), field_.Zero()));
    });
    team_.Share(kTileRows, [&](V r) { b_.StoreShared(sources_, r, Source(RowOfTile(r))); });
  }
  // A panel may have fewer diagonals than columns.
  V RowOfU(V i) { return b_.SMin(b_.IAdd(first_, i), b_.I32(m_ - 1)); }

  // [kColumnsEach][width_] of this invocation's columns.
  std::vector<std::vector<Scalar>> RowsOfU() {
    Elemental::Scope scope(e_);
    std::vector<std::vector<Scalar>> upper(kColumnsEach);
    for (int64_t i = 0; i < width_; ++i) {
      const V source = Source(RowOfU(b_.I32(i)));
      for (int c = 0; c < kColumnsEach; ++c) {
        upper[c].push_back(At(op_.operands[0], Index::FromDims({matrix_, source, Inside(columns_[c])})));
      }
    }
    return Solved(upper);
  }

  // The first row is known; it is taken out of the others, then all move one place and it goes to the end, so that one
  // loop body serves for all rows. Those that are there already find zeros in the triangle.
  std::vector<std::vector<Scalar>> Solved(const std::vector<std::vector<Scalar>>& upper) {
    const std::vector<DType> dtypes(width_, op_.type().dtype);
    std::vector<V> initial;
    for (const auto& column : upper) {
      for (const V part : FlattenScalars(column)) initial.push_back(part);
    }
    const size_t parts = initial.size() / kColumnsEach;
    const auto step = [&](V i, std::span<const V> carried) {
      std::vector<V> next;
      std::vector<Scalar> minus;
      for (int64_t j = 1; j < width_; ++j) {
        minus.push_back(field_.Negate(field_.Load(triangle_, b_.IAdd(b_.IMul(i, b_.I32(width_)), b_.I32(j)))));
      }
      for (int c = 0; c < kColumnsEach; ++c) {
        const std::vector<Scalar> column = UnflattenScalars(carried.subspan(c * parts, parts), dtypes);
        std::vector<Scalar> moved;
        for (int64_t j = 1; j < width_; ++j) moved.push_back(field_.MultiplyAdd(minus[j - 1], column[0], column[j]));
        moved.push_back(column[0]);
        for (const V part : FlattenScalars(moved)) next.push_back(part);
      }
      return next;
    };
    const std::vector<V> solved = b_.For(b_.I32(0), b_.I32(width_), b_.I32(1), std::move(initial), step);
    std::vector<std::vector<Scalar>> result;
    for (int c = 0; c < kColumnsEach; ++c) {
      result.push_back(UnflattenScalars(std::span<const V>(solved).subspan(c * parts, parts), dtypes));
    }
    return result;
  }

  void MakeTile(const std::vector<std::vector<Scalar>>& upper) {
    const int groups = team_.size() / kColumnLanes;
    const V group = b_.UDiv(b_.LocalIndex(), b_.I32(kColumnLanes));
    b_.ForEach(b_.I32(0), b_.I32(kTileRows), b_.I32(int64_t{groups} * kRowsUnderWay), [&](V from) {
      Elemental::Scope scope(e_);
      std::vector<std::vector<Scalar>> values(kRowsUnderWay);
      for (int r = 0; r < kRowsUnderWay; ++r) {
        const V source = b_.LoadShared(sources_, RowInTile(from, group, r));
        for (const V column : columns_) {
          values[r].push_back(At(op_.operands[0], Index::FromDims({matrix_, source, Inside(column)})));
        }
      }
      for (int r = 0; r < kRowsUnderWay; ++r) {
        const V row = RowInTile(from, group, r);
        std::vector<Scalar> sums = values[r];
        if (!upper.empty()) Subtract(row, upper, sums);
        for (int c = 0; c < kColumnsEach; ++c) StoreElement(row, columns_[c], values[r][c], sums[c]);
      }
    });
  }
  V RowInTile(V from, V group, int r) {
    return b_.IAdd(b_.IAdd(from, group), b_.I32(int64_t{r} * (team_.size() / kColumnLanes)));
  }

  void Subtract(V row, const std::vector<std::vector<Scalar>>& upper, std::vector<Scalar>& sums) {
    for (int64_t j = 0; j < width_; ++j) {
      const V place = b_.IAdd(b_.IMul(row, b_.I32(width_)), b_.I32(j));
      const Scalar minus = field_.Negate(field_.Load(lower_, place));
      for (int c = 0; c < kColumnsEach; ++c) sums[c] = field_.MultiplyAdd(minus, upper[c][j], sums[c]);
    }
  }

  void StoreElement(V row_in_tile, V column, const Scalar& moved, const Scalar& rest) {
    const V row = b_.IAdd(first_row_, row_in_tile);
    b_.If(b_.And(b_.SLt(row, b_.I32(m_)), b_.SLt(column, b_.I32(n_))), [&] {
      Elemental::Scope scope(e_);
      const V is_panel = b_.And(b_.SLe(first_, column), b_.SLt(column, end_));
      const DType dtypes[] = {op_.type().dtype};
      const Scalar others[] = {field_.Select(b_.SLt(column, first_), moved, rest)};
      const auto value = b_.IfValue(
          is_panel,
          [&] {
            Elemental::Scope inner(e_);
            const Scalar loaded[] = {Panel(b_.ISub(column, first_), row)};
            return FlattenScalars(loaded);
          },
          [&] { return FlattenScalars(others); });
      e_.Store(op_.result(), Index::FromDims({matrix_, row, column}), UnflattenScalars(value, dtypes)[0]);
    });
  }

  const int64_t width_, m_, n_;
  Field::Shared lower_, triangle_;
  int sources_ = 0;
  V matrix_, first_row_, first_, end_;
  std::vector<V> columns_;
};

}  // namespace

StatusOr<Dispatch> LuUpdateKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  if (target::TeamSize(256, profile) < kColumnLanes) {
    return Unimplemented("Operation lu_update has no kernel for workgroups this small.");
  }
  return UpdateOfLu(group, profile).Emit();
}

}  // namespace dragoman::kernel
