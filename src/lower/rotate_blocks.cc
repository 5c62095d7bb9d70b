// SPDX-License-Identifier: Apache-2.0
// One workgroup a block: it is multiplied from the right by the rotations of its columns, from the left by the adjoint
// of those of its rows, and stored where its halves stand in the next round. An invocation makes two rows by two
// columns.
#include <algorithm>

#include "lower/block_kernel.h"
#include "lower/panel.h"
#include "target/team_size.h"

namespace dragoman::kernel {
namespace {

// The place of the half-block `half` (kI32, 0 or 1) of pair `pair` after a round of the tournament among `num_pairs`.
V NextHalfBlock(Builder& b, V pair, V half, int64_t num_pairs) {
  const V here = b.IAdd(b.IMul(pair, b.I32(2)), half);
  if (num_pairs == 1) return here;
  const V is_first = b.IEq(pair, b.I32(0)), is_last = b.IEq(pair, b.I32(num_pairs - 1));
  const V up = b.Select(is_first, here, b.IAdd(here, b.Select(is_last, b.I32(1), b.I32(2))));
  const V down = b.Select(is_first, b.I32(2), b.ISub(here, b.I32(2)));
  return b.Select(b.IEq(half, b.I32(0)), up, down);
}

class RotateKernel : public BlockKernel {
 public:
  RotateKernel(const fusion::Group& group, const target::DeviceProfile& profile)
      : BlockKernel(group, profile, InvocationsFor(group, profile)),
        n_(op_.type().dims[1]),
        size_(op_.operands[1]->type.dims[2]),
        half_(size_ / 2),
        num_blocks_(n_ / size_),
        both_sides_(op_.attributes.Int(ir::AttrKey::kBothSides) != 0) {}

  StatusOr<Dispatch> Emit() {
    const int64_t elements = size_ * (size_ + 1);
    block_ = field_.AddShared(elements);
    factor_ = field_.AddShared(elements);
    product_ = field_.AddShared(both_sides_ ? elements : 1);
    const V column = b_.URem(b_.WorkgroupIndex(), b_.I32(num_blocks_));
    const V rest = b_.UDiv(b_.WorkgroupIndex(), b_.I32(num_blocks_));
    const V row = b_.URem(rest, b_.I32(num_blocks_));
    matrix_ = b_.UDiv(rest, b_.I32(num_blocks_));
    const V first = b_.IAdd(b_.IMul(row, b_.I32(size_ * n_)), b_.IMul(column, b_.I32(size_)));
    Fetch(op_.operands[0], b_.IAdd(b_.IMul(matrix_, b_.I32(n_ * n_)), first), n_, block_);
    FetchRotations(column);
    const auto store = [&](V i, V j, const Scalar& value) { StoreMoved(row, i, column, j, value); };
    const auto keep = [&](V i, V j, const Scalar& value) { field_.Store(product_, Place(i, j), value); };
    Multiply([&](V i, V k) { return field_.Load(block_, Place(i, k)); },
             [&](V k, V j) { return field_.Load(factor_, Place(k, j)); }, both_sides_ ? Sink(keep) : Sink(store));
    if (both_sides_) {
      b_.Barrier();
      FetchRotations(row);
      Multiply([&](V i, V k) { return field_.Conjugate(field_.Load(factor_, Place(k, i))); },
               [&](V k, V j) { return field_.Load(product_, Place(k, j)); }, store);
    }
    const int64_t count = op_.type().dims[0] * num_blocks_ * num_blocks_;
    return Finish(count);
  }

 private:
  static int InvocationsFor(const fusion::Group& group, const target::DeviceProfile& profile) {
    const int64_t half = group.hero->operands[1]->type.dims[2] / 2;
    return static_cast<int>(std::min<int64_t>(target::TeamSize(256, profile), half * half));
  }

  using Source = std::function<Scalar(V row, V column)>;
  using Sink = std::function<void(V row, V column, const Scalar& value)>;

  V Place(V row, V column) { return b_.IAdd(b_.IMul(row, b_.I32(size_ + 1)), column); }

  void Fetch(const ir::Value* from, V first, int64_t row_stride, const Field::Shared& to) {
    team_.Share(size_ * size_, [&](V k) {
      const V row = b_.UDiv(k, b_.I32(size_)), column = b_.URem(k, b_.I32(size_));
      const V place = b_.IAdd(first, b_.IAdd(b_.IMul(row, b_.I32(row_stride)), column));
      field_.Store(to, Place(row, column), At(from, place));
    });
  }

  void FetchRotations(V block) {
    const V number = b_.IAdd(b_.IMul(matrix_, b_.I32(num_blocks_)), block);
    Fetch(op_.operands[1], b_.IMul(number, b_.I32(size_ * size_)), size_, factor_);
  }

  // What was fetched and kept before by all: the sums over k of lhs(i, k) rhs(k, j).
  void Multiply(const Source& lhs, const Source& rhs, const Sink& sink) {
    b_.Barrier();
    team_.Share(half_ * half_, [&](V tile) {
      const V i = b_.UDiv(tile, b_.I32(half_)), j = b_.URem(tile, b_.I32(half_));
      const V rows[] = {i, b_.IAdd(i, b_.I32(half_))}, columns[] = {j, b_.IAdd(j, b_.I32(half_))};
      const std::vector<Scalar> sums = TileSums(rows, columns, lhs, rhs);
      for (int t = 0; t < 4; ++t) sink(rows[t / 2], columns[t % 2], sums[t]);
    });
  }

  std::vector<Scalar> TileSums(std::span<const V> rows, std::span<const V> columns, const Source& lhs,
                               const Source& rhs) {
    const std::vector<Scalar> zeros(4, field_.Zero());
    const std::vector<DType> dtypes(4, op_.type().dtype);
    const auto add = [&](V k, std::span<const V> carried) {
      std::vector<Scalar> sums = UnflattenScalars(carried, dtypes);
      const Scalar left[] = {lhs(rows[0], k), lhs(rows[1], k)}, right[] = {rhs(k, columns[0]), rhs(k, columns[1])};
      for (int t = 0; t < 4; ++t) sums[t] = field_.MultiplyAdd(left[t / 2], right[t % 2], sums[t]);
      return FlattenScalars(sums);
    };
    return UnflattenScalars(b_.For(b_.I32(0), b_.I32(size_), b_.I32(1), FlattenScalars(zeros), add), dtypes);
  }

  // Where a row or column within a block stands in the matrix of the next round.
  V Moved(V block, V within) {
    const V is_lower = b_.SLe(b_.I32(half_), within);
    const V half = b_.Select(is_lower, b_.I32(1), b_.I32(0));
    const V rest = b_.Select(is_lower, b_.ISub(within, b_.I32(half_)), within);
    return b_.IAdd(b_.IMul(NextHalfBlock(b_, block, half, num_blocks_), b_.I32(half_)), rest);
  }

  void StoreMoved(V row_block, V row, V column_block, V column, const Scalar& value) {
    const V to_row = both_sides_ ? Moved(row_block, row) : b_.IAdd(b_.IMul(row_block, b_.I32(size_)), row);
    const V in_matrix = b_.IAdd(b_.IMul(to_row, b_.I32(n_)), Moved(column_block, column));
    e_.Store(op_.result(), Index::FromLinear(b_.IAdd(b_.IMul(matrix_, b_.I32(n_ * n_)), in_matrix)), value);
  }

  const int64_t n_, size_, half_, num_blocks_;
  const bool both_sides_;
  Field::Shared block_, factor_, product_;
  V matrix_;
};

}  // namespace

StatusOr<Dispatch> RotateBlocksKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  return RotateKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
