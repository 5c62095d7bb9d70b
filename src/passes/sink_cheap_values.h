// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: loop bodies, conditions and branches capture no splat constant, iota, or
// broadcast; they make their own, which fuses with its users instead of being read from memory. Comes last, for
// eliminate_common_subexpressions would undo it.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> SinkCheapValues(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
