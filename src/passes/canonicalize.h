// SPDX-License-Identifier: Apache-2.0
// Requires: a verified module without calls. Establishes, exactly (results keep their bits, but for the sign of zeros
// that x + 0 may drop):
// - chains of movements of one kind are one op; a broadcast's operand has no dimension of extent 1; a constant is moved
// by
//   being written in its final shape; splats stay splats
// - select and clamp have operands of one shape; operations with neutral operands are gone
// - indexing at known places is slicing; reductions of nothing or of one element are elementwise; results without
//   elements are constants; a case of known index is its branch
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> Canonicalize(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
