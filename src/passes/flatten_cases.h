// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: a case stays only where a branch holds what is dear (loops, contractions,
// sorts, scatters, windows, linear algebra) or has an effect. Every other one computes all branches and selects: no
// branch on the device, and its operations fuse with those around. Nested ones likewise, from the inside.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> FlattenCases(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
