// SPDX-License-Identifier: Apache-2.0
// Where a whole tensor lives, as frameworks name it ("memory kinds").
#pragma once

#include <cstdint>
#include <string_view>

namespace dragoman {

enum class MemorySpace : uint8_t {
  kDevice,        // the device's own memory: the default
  kPinnedHost,    // the host's memory, which kernels reach too
  kUnpinnedHost,  // the same here: what a program returns in it must be reached by kernels
};
inline constexpr std::string_view kMemorySpaceNames[] = {"device", "pinned_host", "unpinned_host"};
inline constexpr int kNumMemorySpaces = 3;

}  // namespace dragoman
