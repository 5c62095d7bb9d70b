// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module with a main. Establishes: no rng, which draws from a state that nobody names: main takes
// a seed as one more parameter, the last one, and every draw takes its numbers from a counter-based generator whose
// state loops, branches and calls carry along. The numbers follow from the seed alone; equal seeds give equal numbers.
// UNIMPLEMENTED: a draw where no state can be carried (in a reduction's region, in a loop's condition), or of a type or
// distribution that does not exist.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> CarryRandomState(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
