// SPDX-License-Identifier: Apache-2.0
// Narrow floats (f4, f8, bf16, f16) to and from kF32 by integer arithmetic, as kernel IR: one routine for every format.
#pragma once

#include "kernel/builder.h"
#include "types/dtype.h"

namespace dragoman::codegen {

// The value, exactly, of the low bits of `bits` (kI32; the bits above must be 0). `dtype` has a SmallFloat format.
kernel::V DecodeSmallFloat(kernel::Builder& b, DType dtype, kernel::V bits);
// The bits (kI32, those above are 0) of the value nearest to `value` (kF32), ties to even. Overflow gives infinity,
// else NaN, else the largest value, as the format has them; NaN keeps its sign where the format lets it.
kernel::V EncodeSmallFloat(kernel::Builder& b, DType dtype, kernel::V value);

}  // namespace dragoman::codegen
