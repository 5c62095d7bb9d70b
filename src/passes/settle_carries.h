// SPDX-License-Identifier: Apache-2.0
// Requires: trip counts (recognize_trip_counts), and what is invariant outside of loops (hoist_loop_invariants).
// Establishes: a counted loop carries no value that is the same from its second iteration on. The body chooses by the
// loop's counter between the initial value and that one. (TensorFlow's gradients of loops carry such zeros.)
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> SettleCarries(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
