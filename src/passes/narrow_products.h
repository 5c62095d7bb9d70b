// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

// float32 products (dot_general, convolution) of precision DEFAULT in f16 with f32 sums, where the device has matrix
// units for that and an estimate says that it pays (docs/precision.md). Each operand is scaled by a power of two, one
// for each of its indices that are not summed over (the input of a convolution: for each image), so that its largest
// finite element lies in [2^14, 2^15): f16 then keeps the 11 bits of TF32 for whatever is at least 2^-29 of that, and
// an absolute error of 2^-40 of it for what is smaller. The powers are taken back out of the sums. Infinity and NaN
// stay what they are. An operand that is widened from f16 or bf16 is taken as it is where the other one allows.
StatusOr<PassResult> NarrowProducts(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
