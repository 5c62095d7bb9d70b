// SPDX-License-Identifier: Apache-2.0
// Drops what a kernel computes and nothing reads: lanes of a vector that a follower does not want, numbers that folding
// left behind. Drivers would drop them too, after having read them; and kernels that differ in nothing else become one.
#pragma once

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// Keeps what writes to memory or joins invocations, and all that those need; a loop, and an if, as a whole where any of
// it is kept. The values that are left are numbered anew, in the order in which they are defined.
void DropUnused(Kernel& kernel);

}  // namespace dragoman::kernel
