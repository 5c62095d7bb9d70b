// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: no two pure ops of which one could stand for the other, in a block and the
// ones it is nested in.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> EliminateCommonSubexpressions(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
