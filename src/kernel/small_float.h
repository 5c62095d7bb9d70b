// SPDX-License-Identifier: Apache-2.0
// The bits of floats narrower than f32 (f4, f8, bf16, f16), on the host: for constants and the interpreter.
#pragma once

#include <cstdint>

#include "types/dtype.h"

namespace dragoman::kernel {

// To nearest even; overflow gives infinity, else NaN, else the largest value, as the format has them.
uint32_t EncodeSmallFloat(DType dtype, double value);
double DecodeSmallFloat(DType dtype, uint32_t bits);

}  // namespace dragoman::kernel
