// SPDX-License-Identifier: Apache-2.0
// A kernel in which one workgroup works on a panel: too large for shared memory, so it lies in a temporary of the
// group, column after column, which neighbours read together. What other invocations have written is there after a
// device barrier.
#pragma once

#include "lower/block_kernel.h"
#include "target/team_size.h"

namespace dragoman::kernel {

class PanelKernel : protected BlockKernel {
 protected:
  // Operand 0 is [count, width, height], operand 1 the row that the first column's diagonal is in; so is result 0.
  PanelKernel(const fusion::Group& group, const target::DeviceProfile& profile)
      : BlockKernel(group, profile, target::PanelInvocations(profile)),
        width_(op_.operands[0]->type.dims[1]),
        height_(op_.operands[0]->type.dims[2]) {
    const DType real = RealPart(op_.operands[0]->type.dtype);
    buffer_ = e_.BindTemporary(0, real, /*is_read=*/true, /*is_written=*/true);
    base_ = b_.IMul(b_.WorkgroupIndex(), b_.I32(width_ * height_));
  }

  // Before all else: the panel comes into the temporary; reads the row of the first diagonal.
  void Fetch() {
    first_ = At(op_.operands[1], b_.I32(0)).re;
    team_.Share(width_ * height_, [&](V k) { PutAt(b_.IAdd(base_, k), At(op_.operands[0], b_.IAdd(base_, k))); });
  }

  // Each column k that has a diagonal, which is in row `diagonal`.
  void ForEachColumn(const std::function<void(V k, V diagonal)>& step) {
    const V steps = b_.SMin(b_.I32(width_), b_.ISub(b_.I32(height_), first_));
    b_.ForEach({b_.I32(0), steps, b_.I32(1), width_}, [&](V k) {
      Elemental::Scope scope(e_);
      step(k, b_.IAdd(first_, k));
    });
  }

  // All elements, to result 0.
  void Give(const std::function<Scalar(V column, V row)>& value) {
    team_.Share(width_ * height_, [&](V i) {
      const V column = b_.UDiv(i, b_.I32(height_)), row = b_.URem(i, b_.I32(height_));
      e_.Store(op_.results[0].get(), Index::FromLinear(Place(column, row)), value(column, row));
    });
  }

  Scalar Get(V column, V row) {
    const V place = Place(column, row);
    if (!field_.is_complex()) return {b_.Load(buffer_, place), {}};
    const V twice = b_.IMul(place, b_.I32(2));
    return {b_.Load(buffer_, twice), b_.Load(buffer_, b_.IAdd(twice, b_.I32(1)))};
  }
  void Put(V column, V row, const Scalar& value) { PutAt(Place(column, row), value); }

  const int64_t width_, height_;
  V first_;

 private:
  V Place(V column, V row) { return b_.IAdd(base_, b_.IAdd(b_.IMul(column, b_.I32(height_)), row)); }

  void PutAt(V place, const Scalar& value) {
    if (!field_.is_complex()) return b_.Store(buffer_, place, value.re);
    const V twice = b_.IMul(place, b_.I32(2));
    b_.Store(buffer_, twice, value.re);
    b_.Store(buffer_, b_.IAdd(twice, b_.I32(1)), value.im);
  }

  int buffer_ = 0;
  V base_;
};

}  // namespace dragoman::kernel
