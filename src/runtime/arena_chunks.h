// SPDX-License-Identifier: Apache-2.0
// A program's arena may be larger than what a driver grants at once: it is cut where no slot lies across.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "program/program.h"

namespace dragoman::runtime {

struct ArenaChunk {
  uint64_t offset_bytes = 0;  // in the arena
  uint64_t size_bytes = 0;
};

// As few chunks of at most `limit_bytes` as the slots allow, in order; none for a program without arena slots.
// RESOURCE_EXHAUSTED when some stretch of slots that overlap is longer.
StatusOr<std::vector<ArenaChunk>> CutArena(const program::Program& program, uint64_t limit_bytes);
// The chunk that holds `offset_bytes`.
uint32_t FindChunk(const std::vector<ArenaChunk>& chunks, uint64_t offset_bytes);

}  // namespace dragoman::runtime
