// SPDX-License-Identifier: Apache-2.0
// Fourier transforms by the op that has a kernel of its own, `fourier`. A length n = n1 n2 that is too long for it is
// two transforms with a twist between (Cooley and Tukey); one with a large prime factor is a convolution of a
// power-of-two length (Bluestein).
#pragma once

#include "ir/fourier.h"
#include "passes/rewrite.h"
#include "target/profile.h"

namespace dragoman::passes {

struct LineLimits {
  int most_held;  // as FourierRadices takes it
  // The longest lines that one kernel transforms, along the innermost dimension or along another.
  int64_t rows;
  int64_t columns;
};
LineLimits LimitsOfLines(DType real, const target::DeviceProfile& profile);

// Complex x [outer, n, inner] transformed along its middle dimension, unscaled. `sign` as in fourier_tables.h.
Value* TransformLines(Value* x, int sign, const LineLimits& limits, Builder& builder);
// A real transform of lines of `length`, no longer than limits.rows and with radices (ir/fourier.h): complex
// x [outer, length] to the first half of the results, or from the first half of a line to all.
Value* TransformHalfLines(Value* x, ir::FftType type, int64_t length, const LineLimits& limits, Builder& builder);

}  // namespace dragoman::passes
