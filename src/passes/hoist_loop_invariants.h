// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: a pure op in a loop's body or condition depends on what the loop carries.
// What costs nothing to compute again is moved as well; sink_cheap_values brings it back where that saves memory.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> HoistLoopInvariants(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
