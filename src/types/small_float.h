// SPDX-License-Identifier: Apache-2.0
// The bits of floats narrower than f32 (f4, f6, f8, bf16, f16), on the host.
#pragma once

#include <cstdint>

#include "types/dtype.h"

namespace dragoman {

// To nearest even. Overflow gives infinity, else NaN, else the largest value, as the format has them; NaN gives -0
// where there is none, and what a format without sign and zero lacks gives NaN.
uint32_t EncodeSmallFloat(DType dtype, double value);
// Bits above the format's do not count.
double DecodeSmallFloat(DType dtype, uint32_t bits);
// As EncodeSmallFloat, but to the nearest value that the format has: no finite number becomes infinite or NaN.
uint32_t EncodeNearestSmallFloat(DType dtype, double value);

}  // namespace dragoman
