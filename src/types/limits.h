// SPDX-License-Identifier: Apache-2.0
// What tensors a program from outside may hold. Readers refuse what lies beyond, so that nothing behind them overflows.
#pragma once

#include <cstdint>

#include "types/shape.h"

namespace dragoman {

inline constexpr int kMaxRank = 64;
// Of extents, and in magnitude of numbers in attributes: the product of any two, and sums of a few of those, fit int64.
inline constexpr int64_t kMaxExtent = (int64_t{1} << 31) - 1;

// More than 2^48 bytes: keeps every later computation of sizes and offsets far from overflow.
bool IsTooLarge(const TensorType& type);

}  // namespace dragoman
