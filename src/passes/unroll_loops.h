// SPDX-License-Identifier: Apache-2.0
// Requires: trip counts recognized. Establishes: loops whose bodies are pointwise (elementwise ops, constants,
// broadcasts) hold many iterations in one, so that a kernel computes them all in registers; short ones are gone. The
// limit is on the size of the body.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> UnrollLoops(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
