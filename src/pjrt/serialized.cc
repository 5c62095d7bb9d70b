// SPDX-License-Identifier: Apache-2.0
#include "pjrt/serialized.h"

#include <cstring>
#include <span>

namespace dragoman::pjrt {
namespace {

// Options and program follow.
struct Header {
  char magic[8] = {'D', 'R', 'G', 'M', 'E', 'X', 'E', '1'};
  uint64_t profile_low = 0;
  uint64_t profile_high = 0;
  uint64_t version_low = 0;
  uint64_t version_high = 0;
  uint64_t options_size = 0;
  uint64_t program_size = 0;
  uint64_t checksum = 0;  // of all other bytes
};
static_assert(sizeof(Header) == 64);

uint64_t Checksum(Header header, std::string_view body) {
  header.checksum = 0;
  const Hash128 of_header = HashBytes(std::as_bytes(std::span(&header, 1)));
  return HashBytes(std::as_bytes(std::span(body)), of_header.low).low;
}

}  // namespace

std::string WriteSerialized(const Serialized& serialized) {
  Header header;
  header.profile_low = serialized.profile.low;
  header.profile_high = serialized.profile.high;
  header.version_low = serialized.version.low;
  header.version_high = serialized.version.high;
  header.options_size = serialized.options.size();
  header.program_size = serialized.program.size();
  const std::string body = std::string(serialized.options) + std::string(serialized.program);
  header.checksum = Checksum(header, body);
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + body;
}

StatusOr<Serialized> ReadSerialized(std::string_view bytes) {
  Header header;
  if (bytes.size() < sizeof(header)) return InvalidArgument("The bytes are no serialized Dragoman executable.");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, Header().magic, sizeof(header.magic)) != 0) {
    return InvalidArgument("The bytes are no serialized Dragoman executable.");
  }
  const std::string_view body = bytes.substr(sizeof(header));
  if (header.options_size > body.size() || header.program_size != body.size() - header.options_size ||
      header.checksum != Checksum(header, body)) {
    return InvalidArgument("The serialized executable is damaged or cut short.");
  }
  Serialized serialized;
  serialized.profile = {header.profile_low, header.profile_high};
  serialized.version = {header.version_low, header.version_high};
  serialized.options = body.substr(0, header.options_size);
  serialized.program = body.substr(header.options_size);
  return serialized;
}

}  // namespace dragoman::pjrt
