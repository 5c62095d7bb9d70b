// SPDX-License-Identifier: Apache-2.0
// 128-bit content hashes for caches and for finding equal kernels. XXH3; not cryptographic.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dragoman {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
  std::string Hex() const;  // 32 lower-case digits
};

Hash128 HashBytes(std::span<const std::byte> bytes, uint64_t seed = 0);
Hash128 HashString(std::string_view text, uint64_t seed = 0);

template <typename T>
Hash128 HashVector(const T& values, uint64_t seed = 0) {
  return HashBytes(std::as_bytes(std::span(values)), seed);
}

struct Hash128Hasher {
  size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.low); }
};

}  // namespace dragoman
