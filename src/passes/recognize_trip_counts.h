// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module; invariants captured rather than carried (simplify_control_flow) for the best result.
// Establishes: AttrKey::kTripCount on every while whose condition compares a carried counter with a constant, where the
// counter starts at a constant and changes by a constant in each iteration, without ever wrapping around.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> RecognizeTripCounts(ir::Module& module, const PassContext& context);

}  // namespace dragoman::passes
