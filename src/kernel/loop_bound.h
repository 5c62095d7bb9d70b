// SPDX-License-Identifier: Apache-2.0
// How often an invocation goes round its loops, for devices that stop loops without a word
// (DeviceProfile::max_loop_iterations). A loop that makes n iterations counts n + 1: the test that ends it comes round
// too. Nested loops multiply. Both sides of an if count, for where invocations run together as one vector both run, and
// the loops of a body come round once more when all invocations have left.
#pragma once

#include <cstdint>
#include <limits>

#include "base/status.h"
#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::kernel {

inline constexpr int64_t kUnknownIterations = std::numeric_limits<int64_t>::max();

// At most, of the loops of one invocation together; kUnknownIterations when one of them does not state its own.
int64_t LoopIterations(const Kernel& kernel);

// Whether the kernel stays below the device's limit, what codegen adds for segments included. True without a limit.
bool FitsLoopLimit(const Kernel& kernel, const target::DeviceProfile& profile);

// Verify of kernel_ir.h, and INTERNAL when the loops may go beyond the device's limit or do not say how far they go.
Status Verify(const Kernel& kernel, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
