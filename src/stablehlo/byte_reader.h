// SPDX-License-Identifier: Apache-2.0
// Reads the primitive encodings of MLIR bytecode from untrusted bytes. Errors stick: after the first one every read
// gives zero or nothing and ok() is false, so callers check once after a run of reads.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace dragoman::stablehlo {

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint8_t Byte();
  // The number of trailing zero bits of the first byte says how many bytes follow it.
  uint64_t Varint();
  // Zigzag.
  int64_t SignedVarint();
  // A varint that counts items of at least one byte each; more items than bytes left is an error. This is what keeps
  // every allocation within a small multiple of the input.
  size_t Count();
  std::span<const std::byte> Bytes(uint64_t size);
  // Up to the next NUL, which is consumed and not part of the result.
  std::string_view NulTerminated();

  bool ok() const { return ok_; }
  size_t remaining() const { return bytes_.size(); }
  bool at_end() const { return bytes_.empty(); }
  // INVALID_ARGUMENT naming `what` was damaged, or OK.
  Status status(std::string_view what) const;

 private:
  void Fail();

  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

}  // namespace dragoman::stablehlo
