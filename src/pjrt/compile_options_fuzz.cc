// SPDX-License-Identifier: Apache-2.0
// Bytes that come through the door from files and other processes: compile options and serialized executables.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pjrt/compile_options.h"
#include "pjrt/serialized.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)dragoman::pjrt::ReadCompileOptions(bytes).ok();
  (void)dragoman::pjrt::ReadSerialized(bytes).ok();
  return 0;
}
