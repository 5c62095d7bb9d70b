// SPDX-License-Identifier: Apache-2.0
// What every kernel has at its beginning and its end: its invocations, and the dispatch that it becomes.
#pragma once

#include <cstdint>
#include <string>

#include "element/dispatch.h"
#include "element/elemental.h"
#include "kernel/builder.h"
#include "target/profile.h"

namespace dragoman::kernel {

// The number of this invocation among `count`, in IndexType(count).
V GlobalInvocation(Builder& builder, int workgroup_size, int64_t count);

// Workgroup size for kernels that care little: a power of two.
int DefaultWorkgroupSize(const target::DeviceProfile& profile);

// The end of a dispatch's construction.
Dispatch FinishDispatch(Builder&& builder, const Elemental& elemental, int workgroup_size, int64_t workgroups,
                        std::string label);

}  // namespace dragoman::kernel
