// SPDX-License-Identifier: Apache-2.0
// Combining the accumulators of invocations through shared memory, in order.
#pragma once

#include <vector>

#include "base/status.h"
#include "kernel/elemental.h"
#include "kernel/reduce_combiner.h"

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
  // Shared memory for `slots` sets of accumulators.
  WorkgroupCombine(Elemental& elemental, const Combiner& combiner, int slots);

  // All invocations of the workgroup call this, in uniform control flow. Each puts its accumulators into slot `slot`
  // (distinct; those that combine are `stride` apart) and gets the combination of its `count` fellows.
  StatusOr<std::vector<Scalar>> Combine(const std::vector<Scalar>& values, V slot, const CombineShape& shape);

  static int64_t SharedBytes(const Builder& builder, const Combiner& combiner, int slots);

 private:
  void Put(V slot, const std::vector<Scalar>& values);
  std::vector<Scalar> Get(V slot);

  Elemental& elemental_;
  const Combiner& combiner_;
  std::vector<KType> types_;
  std::vector<int> arrays_;
  bool is_used_ = false;
};

}  // namespace dragoman::kernel
