// SPDX-License-Identifier: Apache-2.0
// From a fusion group to kernels and dispatches: one function a group kind, declared in the kinds.h of its room and
// reached through LowerGroup's table.
#pragma once

#include "base/status.h"
#include "element/dispatch.h"
#include "fusion/plan.h"
#include "target/compile_context.h"

namespace dragoman::kernel {

// UNIMPLEMENTED with the op's name and types for what no kernel does; INTERNAL for our bugs.
// In-place groups (scatter, dynamic_update_slice): the output already holds the operand; the kernels bind only the
// output for it. Zero-element results give no dispatches.
StatusOr<LoweredGroup> LowerGroup(const fusion::Group& group, const target::CompileContext& context);

}  // namespace dragoman::kernel
