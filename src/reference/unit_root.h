// SPDX-License-Identifier: Apache-2.0
// Roots of unity, with the same bits on every system.
#pragma once

#include <complex>
#include <cstdint>

namespace dragoman::reference {

// exp(sign 2 pi i k / n), exact to the last bits: the angle is reduced in integers.
std::complex<double> UnitRoot(int64_t k, int64_t n, int sign);

}  // namespace dragoman::reference
