// SPDX-License-Identifier: Apache-2.0
// Kernels that say the same, found without printing them.
#pragma once

#include "base/hash.h"
#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// Of everything that the kernel says. Kernels of equal hash are taken for equal.
Hash128 HashKernel(const Kernel& kernel);

}  // namespace dragoman::kernel
