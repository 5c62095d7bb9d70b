// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

// A dot_general by a matrix that is known while compiling, and whose sums have few terms that are not zero, becomes the
// sum of these terms: the resizing of images is such a product. What the zeros do stays: where a number that they
// multiply is infinite or NaN, the sum is NaN.
StatusOr<PassResult> SparseProducts(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
