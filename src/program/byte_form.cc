// SPDX-License-Identifier: Apache-2.0
#include "program/byte_form.h"

#include <bit>
#include <cstring>

#include "base/format.h"
#include "base/hash.h"

namespace dragoman::program {
namespace {

static_assert(std::endian::native == std::endian::little, "the byte form is written by copying numbers");

constexpr uint64_t kMagic = 0x4d41524750475244;  // "DRGPGRAM"

struct Header {
  uint64_t magic = kMagic;
  uint32_t version = kByteFormVersion;
  uint32_t reserved = 0;
  uint64_t payload_bytes = 0;
  Hash128 checksum;
};
static_assert(sizeof(Header) == 40);

}  // namespace

std::vector<std::byte> Seal(std::span<const std::byte> payload) {
  const Header header{.payload_bytes = payload.size(), .checksum = HashBytes(payload)};
  std::vector<std::byte> bytes(sizeof(header) + payload.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof(header), payload.data(), payload.size());
  return bytes;
}

bool IsSaved(std::span<const std::byte> bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), &kMagic, sizeof(kMagic)) == 0;
}

StatusOr<std::span<const std::byte>> Unseal(std::span<const std::byte> bytes) {
  Header header;
  if (bytes.size() < sizeof(header)) {
    return InvalidArgument(
        Format("A saved program has {} bytes, fewer than its header of {}.", bytes.size(), sizeof(header)));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) return InvalidArgument("The bytes are not a saved program: the first eight differ.");
  if (header.version != kByteFormVersion || header.reserved != 0) {
    return InvalidArgument(
        Format("The saved program has version {}, this library reads version {}.", header.version, kByteFormVersion));
  }
  const auto payload = bytes.subspan(sizeof(header));
  if (header.payload_bytes != payload.size()) {
    return InvalidArgument(
        Format("The saved program states {} bytes after its header and has {}.", header.payload_bytes, payload.size()));
  }
  if (HashBytes(payload) != header.checksum) {
    return InvalidArgument("The saved program is damaged: its checksum does not match.");
  }
  return payload;
}

}  // namespace dragoman::program
