// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module without calls. Establishes: no pure op of constants with few elements: the evaluator says
// what they give. Splats stay splats: an elementwise op of splats is one number. Nothing grows into a large constant.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> FoldConstants(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
