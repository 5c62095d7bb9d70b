// SPDX-License-Identifier: Apache-2.0
#include "runtime/arena_chunks.h"

#include <algorithm>

#include "base/format.h"

namespace dragoman::runtime {
namespace {

// Stretches of the arena that cannot be cut, in order.
std::vector<ArenaChunk> Stretches(const program::Program& program) {
  std::vector<ArenaChunk> slots;
  for (const program::Slot& slot : program.slots) {
    if (slot.kind == program::SlotKind::kArena) slots.push_back({slot.offset_bytes, slot.size_bytes});
  }
  std::sort(slots.begin(), slots.end(),
            [](const ArenaChunk& a, const ArenaChunk& b) { return a.offset_bytes < b.offset_bytes; });
  std::vector<ArenaChunk> stretches;
  for (const ArenaChunk& slot : slots) {
    const bool is_apart =
        stretches.empty() || (slot.offset_bytes % 256 == 0 &&
                              slot.offset_bytes >= stretches.back().offset_bytes + stretches.back().size_bytes);
    if (is_apart) {
      stretches.push_back(slot);
      continue;
    }
    ArenaChunk& last = stretches.back();
    last.size_bytes = std::max(last.size_bytes, slot.offset_bytes + slot.size_bytes - last.offset_bytes);
  }
  return stretches;
}

}  // namespace

StatusOr<std::vector<ArenaChunk>> CutArena(const program::Program& program, uint64_t limit_bytes) {
  std::vector<ArenaChunk> chunks;
  for (const ArenaChunk& stretch : Stretches(program)) {
    if (stretch.size_bytes > limit_bytes) {
      return ResourceExhausted(
          Format("Program {} needs {} bytes of temporaries in one piece, and the device allows {}.", program.name,
                 stretch.size_bytes, limit_bytes));
    }
    const uint64_t end = stretch.offset_bytes + stretch.size_bytes;
    if (chunks.empty() || end - chunks.back().offset_bytes > limit_bytes) {
      // Slots start at multiples of 256 in the chunk as they do in the arena.
      const uint64_t start = chunks.empty() ? 0 : stretch.offset_bytes;
      chunks.push_back({end - start > limit_bytes ? stretch.offset_bytes : start, 0});
    }
    chunks.back().size_bytes = std::max(chunks.back().size_bytes, end - chunks.back().offset_bytes);
  }
  return chunks;
}

uint32_t FindChunk(const std::vector<ArenaChunk>& chunks, uint64_t offset_bytes) {
  const auto after =
      std::upper_bound(chunks.begin(), chunks.end(), offset_bytes,
                       [](uint64_t offset, const ArenaChunk& chunk) { return offset < chunk.offset_bytes; });
  return after == chunks.begin() ? 0 : static_cast<uint32_t>(after - chunks.begin() - 1);
}

}  // namespace dragoman::runtime
