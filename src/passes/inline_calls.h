// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module with a main; calls are not recursive (INVALID_ARGUMENT otherwise).
// Establishes: main is the only function, without call and composite. A composite with an op of its own (chlo.erf,
// chlo.erfc) becomes that op, every other one its decomposition.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> InlineCalls(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
