// SPDX-License-Identifier: Apache-2.0
// Sums of one kI32 of each invocation of a workgroup, through shared memory. Needs no subgroup operations.
#pragma once

#include "kernel/builder.h"

namespace dragoman::kernel {

class WorkgroupSum {
 public:
  // `workgroup_size` is a power of two, at least 64.
  WorkgroupSum(Builder& builder, int workgroup_size);

  // Both are called by all invocations, in uniform control flow. They may follow each other without a barrier.
  V Total(V value);
  // Over the invocations before this one.
  V Exclusive(V value);

 private:
  Builder& b_;
  const int size_;
  const V lane_;
  const int shared_;
};

}  // namespace dragoman::kernel
