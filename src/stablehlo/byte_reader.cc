// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/byte_reader.h"

#include <algorithm>
#include <bit>

#include "base/format.h"

namespace dragoman::stablehlo {

void ByteReader::Fail() {
  ok_ = false;
  bytes_ = {};
}

uint8_t ByteReader::Byte() {
  if (bytes_.empty()) {
    Fail();
    return 0;
  }
  const auto byte = static_cast<uint8_t>(bytes_.front());
  bytes_ = bytes_.subspan(1);
  return byte;
}

uint64_t ByteReader::Varint() {
  const uint8_t first = Byte();
  if (!ok_) return 0;
  const int num_extra = first == 0 ? 8 : std::countr_zero(first);
  const std::span<const std::byte> extra = Bytes(num_extra);
  if (!ok_) return 0;
  uint64_t value = 0;
  for (int i = num_extra - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(extra[i]);
  if (num_extra == 8) return value;
  // Seven extra bytes and the (then empty) rest of the first byte are 56 bits, so nothing is shifted out.
  return value << (7 - num_extra) | first >> (num_extra + 1);
}

int64_t ByteReader::SignedVarint() {
  const uint64_t value = Varint();
  return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

size_t ByteReader::Count() {
  const uint64_t count = Varint();
  if (count > bytes_.size()) {
    Fail();
    return 0;
  }
  return count;
}

std::span<const std::byte> ByteReader::Bytes(uint64_t size) {
  if (size > bytes_.size()) {
    Fail();
    return {};
  }
  const std::span<const std::byte> result = bytes_.first(size);
  bytes_ = bytes_.subspan(size);
  return result;
}

std::string_view ByteReader::NulTerminated() {
  const auto nul = std::find(bytes_.begin(), bytes_.end(), std::byte{0});
  if (nul == bytes_.end()) {
    Fail();
    return {};
  }
  const size_t length = nul - bytes_.begin();
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()), length);
  bytes_ = bytes_.subspan(length + 1);
  return text;
}

Status ByteReader::status(std::string_view what) const {
  if (ok_) return OkStatus();
  return InvalidArgument(
      Format("The artifact is damaged: its {} ends early or counts more items than it holds.", what));
}

}  // namespace dragoman::stablehlo
