// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_id.h"

#include <chrono>
#include <span>
#include <vector>

#include "base/format.h"
#include "base/hash.h"
#include "base/os.h"

namespace dragoman::compiler {

std::string HashOfBinary(const void* address) {
  const std::vector<char> bytes = os::ReadBinary(address);
  if (!bytes.empty()) return HashBytes(std::as_bytes(std::span(bytes))).Hex();
  // Nothing that this process keeps may be taken for another build's.
  return Format("{}-{}", os::ProcessId(), std::chrono::system_clock::now().time_since_epoch().count());
}

const std::string& BuildId() {
  static const std::string build_id = [] {
    const auto* self = reinterpret_cast<const void*>(&BuildId);
    const std::string note = os::BuildIdOf(self);
    return note.empty() ? HashOfBinary(self) : note;
  }();
  return build_id;
}

}  // namespace dragoman::compiler
