// SPDX-License-Identifier: Apache-2.0
// How the results of an attention's products leave their matrices.
#include <algorithm>

#include "lower/product/score_walk.h"

namespace dragoman::kernel {

Status ScoreWalk::StoreResults(std::span<const V> sums, const std::vector<Values>& divisors) {
  size_t next = 0;
  for (size_t i = 0; i < out_of_.size(); ++i) {
    ScoreSide& side = out_of_[i];
    const size_t count = static_cast<size_t>(row_matrices()) * side.depth() / tile_.matrix.n;
    StoreResult(side, sums.subspan(next, count), divisors[i]);
    next += count;
    RETURN_IF_ERROR(side.context.status);
  }
  return OkStatus();
}

void ScoreWalk::StoreResult(ScoreSide& side, std::span<const V> sums, const Values& divisors) {
  const int pitch = strip_pitch(side);
  const int columns = side.depth() / tile_.matrix.n;
  b_.Barrier();
  for (int row = 0; row < row_matrices(); ++row) {
    const V first = b_.IMul(SubgroupRow(row * tile_.matrix.m), b_.I32(pitch));
    for (int column = 0; column < columns; ++column) {
      b_.MatrixStore(array_, b_.IAdd(first, b_.I32(column * tile_.matrix.n)), sums[row * columns + column],
                     {static_cast<uint32_t>(pitch), false});
    }
  }
  for (size_t row = 0; row < divisors.size(); ++row) {
    b_.If(b_.IEq(quarter_, b_.I32(0)), [&] {
      b_.StoreShared(array_, DivisorWord(side, RowInTile(static_cast<int>(row))),
                     b_.Bitcast(divisors[row], KType::kI32));
    });
  }
  b_.Barrier();
  const Status status = StoreTile(side.context, StripTile(side, !divisors.empty()));
  if (side.context.status.ok()) side.context.status = status;
}

// A subgroup's rows of results, by runs along whichever axis is contiguous in memory.
ResultTile ScoreWalk::StripTile(const ScoreSide& side, bool divides) {
  const ProductAxis own = ScoreSide::axis(side.own_operand);
  const ProductAxis other = ScoreSide::axis(side.swept_operand());
  const std::vector<int> own_digits = side.form.DigitsOf(own);
  const bool is_along_own = !own_digits.empty() && side.form.out.factors[own_digits.back()] == 1;
  const int depth = side.depth();
  const int run = is_along_own ? 4 : std::max(4, depth / tile_.subgroup_size);
  const int across = (is_along_own ? tile_.rows : depth) / run;
  const int at_once = tile_.subgroup_size / across;
  const V first = b_.IMul(b_.URem(lane_, b_.I32(across)), b_.I32(run));
  const V line = b_.UDiv(lane_, b_.I32(across));
  const V part_row = b_.IMul(part_, b_.I32(tile_.rows));
  const V own_base = b_.IAdd(first_own_, part_row);
  const auto line_of = [=, this](V row) { return b_.MulAdd(row, at_once, line); };
  const bool depth_fits = depth == side.score.depth;

  ResultTile tile;
  tile.row_axis = is_along_own ? other : own;
  tile.column_axis = is_along_own ? own : other;
  tile.rows_fit = is_along_own ? depth_fits : own_fits();
  tile.columns_fit = is_along_own ? own_fits() : depth_fits;
  tile.num_rows = (is_along_own ? depth : tile_.rows) / at_once;
  tile.num_columns = tile.column_run = run;
  tile.batch = batch_;
  tile.split = b_.I32(0);
  tile.row_index = [=, this](V row) { return is_along_own ? line_of(row) : b_.IAdd(own_base, line_of(row)); };
  tile.column_index = [=, this](int i) { return b_.IAdd(is_along_own ? b_.IAdd(own_base, first) : first, b_.I32(i)); };
  tile.load_row = [=, this, &side](V row) {
    std::vector<Scalar> values;
    for (int i = 0; i < run; ++i) {
      const V along = b_.IAdd(first, b_.I32(i));
      const V own_row = b_.IAdd(part_row, is_along_own ? along : line_of(row));
      values.push_back({Result(side, own_row, is_along_own ? line_of(row) : along, divides), {}});
    }
    return values;
  };
  return tile;
}

V ScoreWalk::Result(const ScoreSide& side, V row, V column, bool divides) {
  const auto load = [this](V word) { return b_.Bitcast(b_.LoadShared(array_, word), KType::kF32); };
  const V value = load(b_.MulAdd(row, strip_pitch(side), column));
  return divides ? b_.FDiv(value, load(DivisorWord(side, row))) : value;
}

}  // namespace dragoman::kernel
