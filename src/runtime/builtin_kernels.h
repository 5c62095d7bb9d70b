// SPDX-License-Identifier: Apache-2.0
// The runtime's own kernels; sources in tools/builtin_kernels/. They take records as compiled kernels do.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace dragoman::runtime {

// A program's kernels are followed by these in Op::kernel.
enum class BuiltinKernel : uint32_t { kCopy16, kCopy4, kPredicate };
inline constexpr int kNumBuiltinKernels = 3;
inline constexpr uint32_t kBuiltinWorkgroup = 256;  // invocations of the copies

// In the order of BuiltinKernel.
const std::vector<program::Kernel>& BuiltinKernels();

}  // namespace dragoman::runtime
