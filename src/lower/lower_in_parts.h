// SPDX-License-Identifier: Apache-2.0
// The plainer form of a group of loops and rows whose one kernel goes round its loops more often than the device lets
// it: each reduce has its own kernels, which split as far as they must, and leaves its results in temporaries.
#pragma once

#include "base/status.h"
#include "element/dispatch.h"
#include "fusion/plan.h"

namespace dragoman::kernel {

// Whether the group's kernels can be had one by one: loops and rows with a reduce.
bool HasParts(const fusion::Group& group);
StatusOr<LoweredGroup> LowerInParts(const fusion::Group& group, const target::CompileContext& context);

}  // namespace dragoman::kernel
