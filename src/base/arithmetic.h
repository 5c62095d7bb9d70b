// SPDX-License-Identifier: Apache-2.0
// Small facts about numbers that many files need.
#pragma once

#include <cstdint>
#include <limits>

namespace dragoman {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// a / b rounded up, of a ≥ 0 and b > 0.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace dragoman
