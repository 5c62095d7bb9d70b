// SPDX-License-Identifier: Apache-2.0
// A panel that one workgroup works on: too large for shared memory, so it lies in a temporary of the group, column
// after column, which neighbours read together. What other invocations have written is there after a device barrier.
#pragma once

#include "lower/field.h"
#include "lower/team.h"

namespace dragoman::kernel {

class PanelMemory {
 public:
  // Operand 0 of `op` is [count, width, height], operand 1 the row `first`.
  PanelMemory(Elemental& elemental, Field& field, const ir::Op& op)
      : b_(elemental.builder()), e_(elemental), field_(field), op_(op) {
    const DType real = RealPart(op.operands[0]->type.dtype);
    buffer_ = e_.BindTemporary(0, real, /*is_read=*/true, /*is_written=*/true);
    base_ = b_.IMul(b_.WorkgroupIndex(), b_.I32(width() * height()));
  }

  int64_t width() const { return op_.operands[0]->type.dims[1]; }
  int64_t height() const { return op_.operands[0]->type.dims[2]; }
  // What the first reads of operands say, when all is emitted.
  const Status& status() const { return status_; }

  V First() { return Read(op_.operands[1], b_.I32(0)).re; }
  // All of operand 0.
  void Fetch(Team& team) {
    team.Share(width() * height(), [&](V k) { PutAt(b_.IAdd(base_, k), Read(op_.operands[0], b_.IAdd(base_, k))); });
  }

  Scalar Get(V column, V row) {
    const V place = Place(column, row);
    if (!field_.is_complex()) return {b_.Load(buffer_, place), {}};
    const V twice = b_.IMul(place, b_.I32(2));
    return {b_.Load(buffer_, twice), b_.Load(buffer_, b_.IAdd(twice, b_.I32(1)))};
  }
  void Put(V column, V row, const Scalar& value) { PutAt(Place(column, row), value); }
  // To result 0.
  void Give(V column, V row, const Scalar& value) {
    e_.Store(op_.results[0].get(), Index::FromLinear(Place(column, row)), value);
  }

 private:
  V Place(V column, V row) { return b_.IAdd(base_, b_.IAdd(b_.IMul(column, b_.I32(height())), row)); }

  Scalar Read(const ir::Value* value, V linear) {
    const auto read = e_.At(value, Index::FromLinear(linear));
    if (read.ok()) return *read;
    status_ = read.status();
    return field_.Zero();
  }

  void PutAt(V place, const Scalar& value) {
    if (!field_.is_complex()) return b_.Store(buffer_, place, value.re);
    const V twice = b_.IMul(place, b_.I32(2));
    b_.Store(buffer_, twice, value.re);
    b_.Store(buffer_, b_.IAdd(twice, b_.I32(1)), value.im);
  }

  Builder& b_;
  Elemental& e_;
  Field& field_;
  const ir::Op& op_;
  int buffer_ = 0;
  V base_;
  Status status_;
};

}  // namespace dragoman::kernel
