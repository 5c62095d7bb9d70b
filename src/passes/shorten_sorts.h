// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

// A sort of which only the first few elements of each row are looked at, as in top_k, results in those alone
// (limit_indices), for which choosing suffices. Slices that then take all are passed by. Establishes: no sort is used
// by slices alone that begin at its first elements and end before its last.
StatusOr<PassResult> ShortenSorts(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
