// SPDX-License-Identifier: Apache-2.0
// Narrow floats (f4, f8, bf16, f16) to and from kF32 by integer arithmetic, as kernel IR: one routine for every format.
// Memory (codegen/legalize_*) and bitcast_convert (element/elemental_bitcast) use it.
#pragma once

#include "kernel/builder.h"
#include "types/dtype.h"

namespace dragoman::kernel {

// The value, exactly, of the low bits of `bits` (kI32; the bits above must be 0). `dtype` has a SmallFloat format.
V DecodeSmallFloat(Builder& b, DType dtype, V bits);
// The bits (kI32, those above are 0) of the value nearest to `value` (kF32), ties to even. Overflow gives infinity,
// else NaN, else the largest value, as the format has them; NaN keeps its sign where the format lets it.
V EncodeSmallFloat(Builder& b, DType dtype, V value);

}  // namespace dragoman::kernel
