// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: no op that gives back its operand unchanged: converts to the same type,
// movements that move nothing, marks for partitioners (on one device), optimization barriers.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> RemoveIdentities(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
