// SPDX-License-Identifier: Apache-2.0
// How a workgroup transforms lines: in stages, each of many small transforms, with the line in shared memory between.
#pragma once

#include <cstdint>
#include <vector>

#include "target/profile.h"
#include "types/dtype.h"

namespace dragoman::kernel {

// The lines of one transform lie as [.., num_read, inner] in memory, their results as [.., num_kept, result_inner].
struct LineShape {
  DType real = DType::kF32;
  int64_t num_lines = 1;
  int64_t length = 1;
  int64_t inner = 1;
  int64_t result_inner = 1;
  int64_t num_read = length;
  int64_t num_kept = length;
};

struct LinePlan {
  std::vector<int> radices;  // of the stages; their product is the length. Empty: no kernel takes such lines
  int workers = 1;           // invocations that share a line
  int lines = 1;             // lines of a workgroup
  bool lines_first = false;  // neighbouring invocations take neighbouring lines
  bool takes_turns = false;  // real and imaginary parts pass through the same shared memory, one after the other
  int workgroup_size() const { return workers * lines; }
};

LinePlan PlanLines(const LineShape& shape, const target::DeviceProfile& profile);

// Shared arrays are stretched, so that strides of powers of two do not meet in one bank.
constexpr int64_t kElementsBetweenGaps = 16;
constexpr int64_t Stretched(int64_t count) { return count + count / kElementsBetweenGaps; }

}  // namespace dragoman::kernel
