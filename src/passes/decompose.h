// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module, still with its private functions. Establishes: linear algebra, Fourier transforms,
// random bits and approximate top-k are spelled in basic ops (loops of known trip count where they must). A custom call
// that is not known here is left as it is.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> Decompose(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
