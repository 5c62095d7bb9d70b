// SPDX-License-Identifier: Apache-2.0
// Requires: every pass that may decompose has run. Establishes: no op that no later stage knows. UNIMPLEMENTED with its
// name, types and place otherwise.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> RefuseUnsupported(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
