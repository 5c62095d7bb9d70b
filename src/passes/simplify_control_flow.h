// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module without calls. Establishes: a value that a loop carries unchanged is captured instead,
// and so is a result on which all branches of a case agree; what is left unused is for eliminate_dead_code.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> SimplifyControlFlow(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
