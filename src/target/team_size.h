// SPDX-License-Identifier: Apache-2.0
// How many invocations work on one matrix together, for the kernels of decompositions and for the passes that cut
// matrices for them.
#pragma once

#include <algorithm>
#include <bit>

#include "target/profile.h"

namespace dragoman::target {

// Where at most `most` can: a power of two. A CPU runs them in turn, and pays for each barrier as often as there are
// subgroups.
inline int TeamSize(int most, const DeviceProfile& profile) {
  constexpr int kMostOnCpu = 64;
  if (profile.type == DeviceType::kCpu) most = kMostOnCpu;
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(std::min(most, profile.widest_workgroup()))));
}

// On a panel: each keeps two numbers and an element of up to 16 bytes in shared memory.
inline int PanelInvocations(const DeviceProfile& profile) {
  return TeamSize(std::clamp(profile.shared_memory_bytes / 32, 1, 1024), profile);
}

}  // namespace dragoman::target
