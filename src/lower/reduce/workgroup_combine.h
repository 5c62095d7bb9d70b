// SPDX-License-Identifier: Apache-2.0
// Combining the accumulators of invocations through shared memory, in order.
#pragma once

#include <vector>

#include "base/status.h"
#include "element/elemental.h"
#include "element/reduce_combiner.h"

namespace dragoman::kernel {

// Which invocations combine: `count` (a power of two) of them, `stride` apart in local index; this one is number
// `lane`.
struct CombineShape {
  V lane;
  int count = 1;
  int stride = 1;
};

class WorkgroupCombine {
 public:
  // Shared memory for `slots` invocations, each with `num_sets` sets of accumulators.
  WorkgroupCombine(Elemental& elemental, const Combiner& combiner, int slots, int num_sets = 1);

  // All invocations of the workgroup call this, in uniform control flow. Each puts its sets of accumulators into slot
  // `slot` (distinct; those that combine are `stride` apart) and gets the combinations of its `count` fellows, set by
  // set.
  StatusOr<std::vector<std::vector<Scalar>>> Combine(std::vector<std::vector<Scalar>> sets, V slot,
                                                     const CombineShape& shape);

 private:
  void Put(V slot, int set, const std::vector<Scalar>& values);
  std::vector<Scalar> Get(V slot, int set);
  Status CombineAt(V slot, V other, int num_sets);

  Elemental& elemental_;
  const Combiner& combiner_;
  int slots_;
  std::vector<KType> types_;
  std::vector<int> arrays_;
  bool is_used_ = false;
};

}  // namespace dragoman::kernel
