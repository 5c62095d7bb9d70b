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

// A panel that a workgroup holds in registers: invocation i has rows i, i + invocations, ...
struct HeldPanel {
  int invocations = 0;  // a power of two, whole subgroups
  int rows = 0;         // of each; 0: there is no such workgroup
  int width = 0;        // columns, at most, that fit; 0: the panel is too high
};
// Of `height` rows of elements of `words` 32-bit values. Not on a CPU nor with few registers; and the invocations
// combine what they find by subgroup operations.
inline HeldPanel HeldPanelOf(int64_t height, int words, const DeviceProfile& profile) {
  constexpr int kMostInvocations = 256;  // few, so that the shuffles and the reads of shared memory are few
  constexpr int kRegisters = 128;        // of an invocation
  const bool can_exchange = profile.subgroup_basic && profile.subgroup_shuffle && profile.subgroup_size_control;
  const bool has_registers = profile.type != DeviceType::kCpu && profile.tile_registers >= kRegisters;
  const int most = TeamSize(kMostInvocations, profile);
  if (!has_registers || !can_exchange || profile.subgroup_size > most) return {};
  int invocations = profile.subgroup_size;
  while (invocations < most && invocations < height) invocations *= 2;
  const int64_t rows = (height + invocations - 1) / invocations;
  return {invocations, static_cast<int>(rows), static_cast<int>(kRegisters / (words * rows))};
}

// Rows of a tile that lu_update makes. It keeps as many of L in shared memory, a number for each, and a square of the
// panel's width.
inline constexpr int kLuTileRows = 64;
inline int64_t LuUpdateBytes(int64_t width, int64_t element_bytes) {
  return (kLuTileRows + width) * width * element_bytes + int64_t{kLuTileRows} * 4;
}

}  // namespace dragoman::target
