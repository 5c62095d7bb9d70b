// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module. Establishes: where only the low bits of 64-bit integer arithmetic are used, it is done
// in those bits; the high half of what provably has none is 0. JAX's random numbers count in ui64 only to split the
// count into two words, and many devices have no 64-bit integers or slow ones.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> NarrowIntegers(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
