// SPDX-License-Identifier: Apache-2.0
// A message in protobuf's wire format, read in place: fields are looked up by number when they are asked for, so
// nothing is copied or built for those that nobody asks for. As protobuf does, fields that are unknown or of another
// wire type are passed over, and of several occurrences of a single field the last one counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace dragoman::hlo {

class Message {
 public:
  Message() = default;  // without fields
  // INVALID_ARGUMENT naming `what` when the bytes are not a sequence of whole fields. The bytes must stay.
  static StatusOr<Message> Open(std::span<const std::byte> bytes, std::string_view what);

  bool Has(uint32_t field) const;
  int64_t Int(uint32_t field, int64_t otherwise = 0) const;
  bool Bool(uint32_t field) const { return Int(field) != 0; }
  std::string_view Text(uint32_t field) const;
  // A repeated integer, packed or not. Never more numbers than the message has bytes.
  std::vector<int64_t> Ints(uint32_t field) const;
  // A repeated number of `width` bytes (4 or 8), packed or not: their bytes, little-endian.
  std::vector<std::byte> Fixed(uint32_t field, size_t width) const;
  std::span<const std::byte> Bytes(uint32_t field) const;
  // A message inside; without fields where it is absent.
  StatusOr<Message> Sub(uint32_t field, std::string_view what) const;
  StatusOr<std::vector<Message>> Subs(uint32_t field, std::string_view what) const;
  size_t size_bytes() const { return bytes_.size(); }

 private:
  explicit Message(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace dragoman::hlo
