// SPDX-License-Identifier: Apache-2.0
// Combining the accumulators of invocations: by shuffles within subgroups where the device has them, and through shared
// memory.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "element/elemental.h"
#include "element/reduce_combiner.h"

namespace dragoman::kernel {

// Which invocations combine: `count` (a power of two) of them, `stride` apart in the workgroup; this one is number
// `lane`.
struct CombineShape {
  V lane;
  int count = 1;
  int stride = 1;
  bool for_first_alone = false;  // the others do not ask for the combination
};

// The machine values of sets of accumulators, one set after the other.
std::vector<V> FlattenSets(std::span<const std::vector<Scalar>> sets);
std::vector<std::vector<Scalar>> UnflattenSets(const Combiner& combiner, std::span<const V> flat, size_t count);

class WorkgroupCombine {
 public:
  // `is_side_by_side`: those that combine are neighbours (their stride is 1).
  WorkgroupCombine(Elemental& elemental, int workgroup_size, bool is_side_by_side);

  // The number of this invocation in its workgroup. Where subgroups shuffle it counts through them, since nothing says
  // how the invocations of a workgroup are spread over its subgroups.
  V position() const { return position_; }

  // All invocations of the workgroup call this, in uniform control flow. Each gives its sets of accumulators and gets
  // the combinations of its `count` fellows, set by set.
  using Sets = std::vector<std::vector<Scalar>>;
  StatusOr<Sets> Combine(const Combiner& combiner, Sets sets, const CombineShape& shape);

 private:
  class Memory;  // of the accumulators of one combination
  StatusOr<Sets> CombineSets(const Combiner& combiner, const Sets& lhs, const Sets& rhs);
  StatusOr<Sets> CombineRun(const Memory& memory, V first, int count, int stride);
  StatusOr<Sets> Shuffle(const Combiner& combiner, Sets sets, int count);
  StatusOr<Sets> AcrossSubgroups(const Combiner& combiner, const Sets& sets, int count);
  StatusOr<Sets> InMemory(const Combiner& combiner, const Sets& sets, const CombineShape& shape);
  Status ByTree(const Memory& memory, const CombineShape& shape);

  Elemental& elemental_;
  Builder& b_;
  const int workgroup_size_;
  const int subgroup_;  // invocations that exchange values by shuffles; 1: none
  V position_;
};

}  // namespace dragoman::kernel
