// SPDX-License-Identifier: Apache-2.0
// Rewrites kernel IR so that the emitter and the device can take it as it is:
//   64-bit integers without int64: pairs of kI32, buffers of them as buffers of ui32 (element i is words 2i and 2i + 1)
//   bf16, f8, f4, f16 without float16: integer loads and stores with the conversion spelled out
//   si2, si4, ui2, ui4: the low bits of bytes, with the sign spelled out
//   8 and 16 bits without storage8 or storage16: 32-bit words and shifts; a store clears and sets its bits by two
//   atomics
//     on the word, so neighbours written at the same time keep theirs. Loads may read up to 3 bytes past the last
//     element: tensors take whole multiples of 16 bytes.
//   f32 → f16 without rounding_rte_f16, frem: integer arithmetic with exact results
//   division and remainder of 64-bit integers: multiplications
// The result computes what the kernel did; the interpreter runs both.
#pragma once

#include "base/status.h"
#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::codegen {

// Whether the device loads and stores elements of this type itself.
bool IsNativeMemory(DType memory, const target::DeviceProfile& profile);

// False for most kernels on most devices: those are emitted untouched.
bool NeedsLegalization(const kernel::Kernel& kernel, const target::DeviceProfile& profile);
// UNIMPLEMENTED for what has no emulation (f64 from or to 64-bit integers without int64).
StatusOr<kernel::Kernel> Legalize(const kernel::Kernel& kernel, const target::DeviceProfile& profile);

// UNIMPLEMENTED, naming the type or feature and the device, when the kernel needs what can't be emulated: f64, subgroup
// operations, a workgroup or shared memory beyond the limits.
Status CheckSupported(const kernel::Kernel& kernel, const target::DeviceProfile& profile);

}  // namespace dragoman::codegen
