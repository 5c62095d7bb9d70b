// SPDX-License-Identifier: Apache-2.0
// Kernels for the steps of decompositions into which passes cut eigh, lu and qr: one workgroup a block or a panel.
#pragma once

#include "element/dispatch.h"
#include "fusion/plan.h"
#include "target/profile.h"

namespace dragoman::kernel {

// reference/op_functions.h says what each computes. LowerPanel sees that they fit shared memory.
StatusOr<Dispatch> JacobiRotationsKernel(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<Dispatch> RotateBlocksKernel(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<Dispatch> CholeskyPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<Dispatch> LuUpdateKernel(const fusion::Group& group, const target::DeviceProfile& profile);
// They want temporaries: the panel, and for lu_panel its rows' order.
StatusOr<Dispatch> LuPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<Dispatch> QrPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);

// The same of panels that HeldPanelFor lets a workgroup hold in registers; no temporaries.
StatusOr<Dispatch> HeldLuPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<Dispatch> HeldQrPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
