// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/format.h"

namespace dragoman {

std::string Hash128::Hex() const { return Format("{:016x}{:016x}", high, low); }

Hash128 HashBytes(std::span<const std::byte> bytes, uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

Hash128 HashString(std::string_view text, uint64_t seed) { return HashBytes(std::as_bytes(std::span(text)), seed); }

}  // namespace dragoman
