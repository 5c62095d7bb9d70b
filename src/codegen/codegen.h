// SPDX-License-Identifier: Apache-2.0
// Kernel IR to SPIR-V. Deterministic: equal kernels give equal words; no names, no debug information in them.
#pragma once

#include "base/status.h"
#include "kernel/kernel_ir.h"
#include "program/program.h"
#include "target/profile.h"

namespace dragoman::codegen {

// SPIR-V 1.3+ for Vulkan 1.2 (1.5 where the environment allows) using PhysicalStorageBuffer addresses. Uses only
// capabilities that `profile` has; emulates: 64-bit integers as pairs without int64, 8/16-bit memory through 32-bit
// words where storage8/16 are missing, f16 through bits. UNIMPLEMENTED when the kernel needs what can't be emulated
// (f64).
StatusOr<program::Kernel> GenerateSpirv(const kernel::Kernel& kernel, const target::DeviceProfile& profile);

}  // namespace dragoman::codegen
