// SPDX-License-Identifier: Apache-2.0
// Loops: one invocation for one or a few elements of the group's outputs, which all have equally many elements.
#pragma once

#include <string>

#include "fusion/plan.h"
#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::kernel {

enum class LoopMode : uint8_t {
  kSingle,  // outputs of one element
  kLinear,  // every access is at the output's linear index or uniform: no extents in the code, the count is parameter 0
  kIndexed,     // indices by dimension; extents are in the code
  kTransposed,  // through a tile in shared memory, because inputs are read along another dimension than written
};

// How a loop group is laid out over invocations, and why. Chosen without looking at anything but the arguments.
struct LoopPlan {
  LoopMode mode = LoopMode::kIndexed;
  int lanes = 1;          // elements an invocation
  bool has_tail = false;  // the count is no multiple of `lanes`
  int workgroup_size = 256;
  std::string reason;
};
LoopPlan ChooseLoop(const fusion::Group& group, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
