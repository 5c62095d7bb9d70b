// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: every op has an effect or feeds a result of its function; while loops carry
// only what their results or conditions depend on; case ops return only what is used. Loops are taken to end.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> EliminateDeadCode(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
