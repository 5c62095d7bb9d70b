// SPDX-License-Identifier: Apache-2.0
// Requires: trip counts recognized, invariants hoisted. Establishes: a loop of known trip count holds what depends on
// the iteration before, and little else. What can be computed for all iterations at once moves out:
// - in front: products that depend on rows of arrays from outside (the input projections of recurrent layers)
// - behind: rows that are only collected and terms that are only summed (residuals and weight gradients of recurrent
//   layers). The loop then collects the few values that these depend on.
// Only small bodies, whose cost is the number of kernels: where memory for all iterations would be large, the loop
// stays.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> DistributeLoops(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
