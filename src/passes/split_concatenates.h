// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

// A concatenate of very many operands becomes one of concatenates: code that chooses among all of them at once would
// have no bound. Establishes: no concatenate has more than 32 operands.
StatusOr<PassResult> SplitConcatenates(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
