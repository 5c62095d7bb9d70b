// SPDX-License-Identifier: Apache-2.0
// Extents as parameters: kernels of programs that differ in the lengths of their tensors alone come out equal, so that
// a driver compiles one of them. Each computes what it did; where two lengths ask for different code (a power of two,
// another plan) the kernels differ, as they must.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// Replaces the constants that positions are computed from and compared with by parameters of the kernel, whose values
// are appended to `params`. Small numbers stay (lanes, unrolled steps), and so do masks and shifts.
void LiftExtents(Kernel& kernel, std::vector<uint32_t>& params);

}  // namespace dragoman::kernel
