// SPDX-License-Identifier: Apache-2.0
// Stable sorting of one long row by 32-bit keys: eight bits a pass, least significant first. Each pass counts digits by
// tile, turns the counts into places, and moves keys (and element numbers) there through shared memory, so that writes
// are runs. Atomics in shared memory count and set bits, so that no order of theirs shows; no subgroup operations.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "element/dispatch.h"
#include "element/elemental.h"
#include "fusion/plan.h"

namespace dragoman::kernel {

struct RadixSort {
  int64_t count = 0;
  int key_bits = 32;
  bool carries_elements = true;  // false: keys alone, finish gets no element
  std::string label;
  // The key of an element: a kI32 below 2^key_bits that orders as unsigned. Emitted inside a fresh Elemental::Scope.
  std::function<StatusOr<V>(Elemental&, V element)> key;
  // The element comes `position`-th.
  std::function<Status(Elemental&, V position, V key, V element)> finish;
};

// Whether the device and the size suit this; PermutationSort does all others.
bool SuitsRadixSort(int64_t count, const target::DeviceProfile& profile);
Status AppendRadixSort(const fusion::Group& group, const target::DeviceProfile& profile, const RadixSort& sort,
                       LoweredGroup& lowered);

}  // namespace dragoman::kernel
