// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: no reduce_window whose window is a whole axis and whose padding lies on one
// side of it, so that result i combines the elements up to i (or from i on): that is a scan, forward or reverse. Any
// region; like reduce_window itself, scan takes it to be associative and commutative.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> RecognizeScans(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
