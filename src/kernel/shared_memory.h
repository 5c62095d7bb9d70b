// SPDX-License-Identifier: Apache-2.0
// Bytes of shared memory, as a device counts them against its limit.
#pragma once

#include <cstdint>

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// An element of a shared array; 0 for types that no array holds.
int SharedBytes(KType type);
// All arrays of a workgroup.
int64_t SharedBytes(const Kernel& kernel);

}  // namespace dragoman::kernel
