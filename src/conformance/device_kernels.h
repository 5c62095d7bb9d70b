// SPDX-License-Identifier: Apache-2.0
// Runs one kernel on a device as a program of its own.
#pragma once

#include <vector>

#include "kernel/kernel_ir.h"
#include "program/program.h"
#include "runtime/runtime.h"

namespace dragoman::conformance {

using Bytes = std::vector<std::byte>;

// One dispatch of `compiled`, whose kernel IR is `kernel`. `segments[s]` has the buffers' first contents for segment s
// and comes back with the last; a kernel that is not segmented has one.
struct Segment {
  std::vector<Bytes> buffers;
  std::vector<uint32_t> params;
  uint32_t workgroups = 1;
};
StatusOr<std::vector<Segment>> RunOnDevice(runtime::Device& device, const program::Kernel& compiled,
                                           const kernel::Kernel& kernel, std::vector<Segment> segments);

}  // namespace dragoman::conformance
