// SPDX-License-Identifier: Apache-2.0
// Numbers that Fourier transforms multiply by, in f64. `sign` is -1 for the forward transform, +1 for the inverse.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "reference/unit_root.h"

namespace dragoman::passes {

using reference::UnitRoot;
// The discrete Fourier transform of a power of two many numbers.
std::vector<std::complex<double>> Transform(std::vector<std::complex<double>> values, int sign);
// A divisor of n greater than 1 and at most `max`, the largest; 1 when there is none.
int64_t LargestDivisor(int64_t n, int64_t max);

}  // namespace dragoman::passes
