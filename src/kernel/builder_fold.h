// SPDX-License-Identifier: Apache-2.0
// What folding knows of operations and constants. Internal to the builder.
#pragma once

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

bool IsCommutative(KOp op);
// The bits that values of the type have.
uint64_t Mask(KType type);

}  // namespace dragoman::kernel
