// SPDX-License-Identifier: Apache-2.0
// Sums and products that say when they are beyond 64 bits, where signed overflow would be undefined.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace dragoman {
namespace plain {  // for compilers without the functions below

constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();

constexpr std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  const bool fits = b < 0 ? a >= kMin - b : a <= kMax - b;
  return fits ? std::optional(a + b) : std::nullopt;
}

constexpr std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  const int64_t limit = (a < 0) == (b < 0) ? kMax : kMin;  // which the product must not pass
  if (b == -1) return a == kMin ? std::nullopt : std::optional(-a);
  const int64_t reach = limit / b;  // the largest |a|, with its sign
  const bool fits = a < 0 ? a >= reach : a <= reach;
  return fits ? std::optional(a * b) : std::nullopt;
}

}  // namespace plain

#if defined(__GNUC__)
// a + b, or nothing where that needs more than 64 bits.
constexpr std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
}
// a · b, or nothing where that needs more than 64 bits.
constexpr std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
}
#else
using plain::CheckedAdd;
using plain::CheckedMultiply;
#endif

}  // namespace dragoman
