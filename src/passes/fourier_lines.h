// SPDX-License-Identifier: Apache-2.0
// Fourier transforms by the op that has a kernel of its own, for devices whose kernels may be long code.
#pragma once

#include "ir/fourier.h"
#include "passes/rewrite.h"
#include "target/profile.h"

namespace dragoman::passes {

// The longest lines that one kernel transforms, along the innermost dimension or along another; 0: none.
struct LineLimits {
  int64_t rows = 0;
  int64_t columns = 0;
};
LineLimits LimitsOfLines(DType real, const target::DeviceProfile& profile);

// Complex x [outer, n, inner] transformed along its middle dimension, unscaled. `sign` as in fourier_tables.h.
Value* TransformLines(Value* x, int sign, const LineLimits& limits, Builder& builder);
// A real transform of lines of `length`, no longer than limits.rows and with radices (ir/fourier.h): complex
// x [outer, length] to the first half of the results, or from the first half of a line to all.
Value* TransformHalfLines(Value* x, ir::FftType type, int64_t length, Builder& builder);

}  // namespace dragoman::passes
