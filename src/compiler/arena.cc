// SPDX-License-Identifier: Apache-2.0
// Greedy by size: the largest storage first, each at the lowest offset that is free during its whole lifetime.
#include <algorithm>
#include <numeric>

#include "compiler/storage.h"

namespace dragoman::compiler {
namespace {

constexpr uint64_t kAlignment = 256;
uint64_t Align(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// The lowest offset from `offset` on at which `size` bytes lie in one section; larger storages start one.
uint64_t FitSection(uint64_t offset, uint64_t size, uint64_t section_bytes) {
  const uint64_t room = section_bytes - offset % section_bytes;
  return size <= room || room == section_bytes ? offset : offset + room;
}

}  // namespace

uint64_t PlaceInArena(std::vector<Storage>& storages, uint64_t section_bytes) {
  std::vector<int> order;
  for (size_t i = 0; i < storages.size(); ++i) {
    if (storages[i].kind == program::SlotKind::kArena && storages[i].first >= 0) order.push_back(static_cast<int>(i));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return storages[a].size_bytes > storages[b].size_bytes; });
  std::vector<int> placed;  // by ascending offset
  uint64_t arena_bytes = 0;
  for (const int id : order) {
    Storage& storage = storages[id];
    const uint64_t size = Align(storage.size_bytes);
    uint64_t offset = 0;
    for (const int other_id : placed) {
      const Storage& other = storages[other_id];
      const bool meets = other.first <= storage.last && storage.first <= other.last;
      if (!meets || other.offset_bytes + Align(other.size_bytes) <= offset) continue;
      if (other.offset_bytes >= offset + size) break;
      offset = FitSection(other.offset_bytes + Align(other.size_bytes), size, section_bytes);
    }
    storage.offset_bytes = offset;
    arena_bytes = std::max(arena_bytes, offset + size);
    placed.insert(std::lower_bound(placed.begin(), placed.end(), id,
                                   [&](int a, int b) { return storages[a].offset_bytes < storages[b].offset_bytes; }),
                  id);
  }
  return arena_bytes;
}

}  // namespace dragoman::compiler
