// SPDX-License-Identifier: Apache-2.0
// Elements as they lie in buffers: their bytes and what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "types/dtype.h"

namespace dragoman {

// The bytes of one element, at most eight, as the low ones of a word.
inline uint64_t LoadBits(DType dtype, const std::byte* element) {
  uint64_t bits = 0;
  std::memcpy(&bits, element, static_cast<size_t>(SizeBytes(dtype)));
  return bits;
}

// The number that an integer's bits stand for; those above the type's do not count. Of ui64 as its two's complement.
inline int64_t IntegerOf(DType dtype, uint64_t bits) {
  const int unused = 64 - Info(dtype).bits;
  if (IsSigned(dtype)) return static_cast<int64_t>(bits << unused) >> unused;
  return static_cast<int64_t>(bits << unused >> unused);
}

}  // namespace dragoman
