// SPDX-License-Identifier: Apache-2.0
// Requires: nothing. Establishes: no op of kind kCollective. A program runs on one device, so each is its operands or
// zeros (ir/collectives.h). UNIMPLEMENTED with its name, types and place where it needs other devices.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> ResolveCollectives(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
