// SPDX-License-Identifier: Apache-2.0
// Protobuf's wire format (protobuf.dev/programming-guides/encoding), read in place and never beyond its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dragoman {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;                // of a varint; 0 of the other types
  std::span<const std::byte> bytes;  // of the other types: what is inside, or a fixed number, little-endian

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// Reads one message front to back.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool at_end() const { return bytes_.empty(); }
  // False when what is left does not begin with a whole varint of at most 64 bits.
  bool Varint(uint64_t& value) {
    constexpr size_t kMaxBytes = 10;
    value = 0;
    for (size_t i = 0; i < bytes_.size() && i < kMaxBytes; ++i) {
      const auto byte = static_cast<uint64_t>(bytes_[i]);
      value |= (byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      bytes_ = bytes_.subspan(i + 1);
      return true;
    }
    return false;
  }
  // False when what is left does not begin with a whole field.
  bool Next(WireField& field) {
    uint64_t tag = 0;
    if (!Varint(tag) || tag >> 3 == 0 || tag >> 32 != 0) return false;
    field = {static_cast<uint32_t>(tag >> 3), static_cast<WireType>(tag & 7), 0, {}};
    switch (field.type) {
      case WireType::kVarint:
        return Varint(field.value);
      case WireType::kFixed64:
        return Take(8, field.bytes);
      case WireType::kFixed32:
        return Take(4, field.bytes);
      case WireType::kBytes: {
        uint64_t size = 0;
        return Varint(size) && Take(size, field.bytes);
      }
    }
    return false;  // groups, which no writer of today makes
  }

 private:
  bool Take(uint64_t size, std::span<const std::byte>& taken) {
    if (size > bytes_.size()) return false;
    taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return true;
  }

  std::span<const std::byte> bytes_;
};

}  // namespace dragoman
