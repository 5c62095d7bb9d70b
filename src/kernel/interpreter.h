// SPDX-License-Identifier: Apache-2.0
// Runs kernels on the CPU, for tests without a device. All invocations of a workgroup advance together, one instruction
// at a time; workgroups run in order. What a device leaves undefined is an INTERNAL error naming the instruction:
// access out of bounds, division of an integer by zero, a barrier that not every invocation reaches, and conflicting
// access to memory by two invocations without a barrier in between. So is a loop that comes round more often than it,
// or the kernel, says (loop_bound.h).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

struct InterpretOptions {
  int subgroup_size = 8;        // unless the kernel requires one
  bool fuses_fma = true;        // false: fma rounds twice, as on many devices
  int max_loop_iterations = 0;  // as DeviceProfile's: more are an error
  // For a part of a dispatch that is too large to run: where it starts, and by buffer the element that the memory given
  // for it starts with (0 where there is none; a multiple of the vectors that are accessed).
  int64_t first_workgroup = 0;
  std::vector<uint64_t> first_elements;
};

// `buffers[i]` is bound to the kernel's buffer i; the same memory may be bound twice where the kernel allows.
Status Interpret(const Kernel& kernel, std::span<std::vector<std::byte>* const> buffers,
                 std::span<const uint32_t> params, int64_t workgroups, const InterpretOptions& options = {});

}  // namespace dragoman::kernel
