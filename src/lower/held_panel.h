// SPDX-License-Identifier: Apache-2.0
// A kernel in which one workgroup holds a panel in registers, each invocation some of its rows. The column at hand is
// always the first: a step ends with all columns moved one place to the left and the finished one at the end, so that
// one loop body serves for all steps and after them each column is back in its place.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "lower/block_kernel.h"
#include "target/team_size.h"

namespace dragoman::kernel {

// The panel that an op of [count, width, height] works on; rows is 0 where it is to lie in memory instead.
target::HeldPanel HeldPanelFor(const ir::Op& op, const target::DeviceProfile& profile);

class HeldPanelKernel : protected BlockKernel {
 protected:
  // Operand 0 is [count, width, height], operand 1 the row that the first column's diagonal is in; so is result 0.
  HeldPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);

  using Row = std::vector<Scalar>;  // by column, from the one at hand on
  struct State {
    std::vector<Row> rows;
    std::vector<V> places;  // the row of the matrix that each of them is, negative where there is none
  };
  State Fetch();
  // One step a column, whatever rows there are.
  State ForEachColumn(State state, const std::function<State(V k, V diagonal, const State& state)>& step);
  // To result 0; `value` may change an element on its way.
  void Give(const State& state, const std::function<Scalar(int64_t column, V place, const Scalar& value)>& value);
  // The column that comes to place j in step k is not finished yet.
  V IsOpen(V k, V j) { return b_.SLt(j, b_.ISub(b_.I32(width_), k)); }

  // What all invocations get is what `combine`, in which the order of its operands does not matter, makes of each one's
  // `values`. There is a barrier in it.
  using Combine = std::function<std::vector<V>(const std::vector<V>& a, const std::vector<V>& b)>;
  std::vector<V> CombineAll(std::vector<V> values, const Combine& combine);
  // Of each of the values by itself: one invocation calls give(i, total of value i, total of value 0). There is a
  // barrier in it, before any call; the calls are not in order.
  using CombineOne = std::function<Scalar(const Scalar& a, const Scalar& b)>;
  using GiveTotal = std::function<void(V i, const Scalar& total, const Scalar& first)>;
  void CombineEach(std::vector<Scalar> values, const CombineOne& combine, const GiveTotal& give);

  const int64_t width_, height_;
  const target::HeldPanel shape_;
  V first_;

 private:
  V RowOf(int r) { return b_.IAdd(b_.LocalIndex(), b_.I32(int64_t{r} * team_.size())); }
  V Shuffled(V value, int distance) { return b_.Binary(KOp::kSubgroupShuffleXor, value, b_.I32(distance)); }
  Scalar Shuffled(const Scalar& value, int distance);
  std::vector<Scalar> SharedOut(std::vector<Scalar> values, const CombineOne& combine);
  void GiveTotals(int number, const CombineOne& combine, const GiveTotal& give);
  Scalar TotalOf(V i, const CombineOne& combine);

  const int lanes_;      // of a subgroup
  const int subgroups_;  // of the workgroup
  const int sharers_;    // the invocations that add up what the subgroups have found
  V base_, lane_, subgroup_;
  std::vector<int> combined_;  // a shared array for each value of CombineAll, an element a subgroup
  Field::Shared partial_;
};

}  // namespace dragoman::kernel
