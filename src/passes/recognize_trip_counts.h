// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module; invariants captured rather than carried (simplify_control_flow) for the best result.
// Establishes: AttrKey::kTripCount on every while whose condition compares carried counters with constants (all of
// several comparisons must hold), where a counter starts at a constant and changes by a constant in each iteration,
// without ever wrapping around. What counters are after such a loop is a constant, so that loops behind it are
// recognized in turn.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> RecognizeTripCounts(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
