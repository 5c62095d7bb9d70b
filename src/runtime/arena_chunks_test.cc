// SPDX-License-Identifier: Apache-2.0
#include "runtime/arena_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dragoman::runtime {
namespace {

program::Program WithSlots(std::vector<std::pair<uint64_t, uint64_t>> slots) {
  program::Program program;
  for (const auto& [offset, size] : slots) {
    program.slots.push_back({program::SlotKind::kArena, 0, offset, size});
    program.arena_bytes = std::max(program.arena_bytes, offset + size);
  }
  return program;
}

TEST(CutArena, SmallArenaIsOneChunk) {
  const auto chunks = *CutArena(WithSlots({{0, 512}, {1024, 256}, {512, 100}}), 1 << 20);
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].offset_bytes, 0u);
  EXPECT_EQ(chunks[0].size_bytes, 1280u);
}

TEST(CutArena, CutsOnlyWhereNoSlotLiesAcross) {
  // [0, 768) cannot be cut at 512; nor [1024, 1536) at 1040, where only a part of a tensor starts.
  const auto program = WithSlots({{0, 512}, {256, 512}, {1024, 512}, {1040, 16}, {1536, 256}});
  const auto chunks = *CutArena(program, 1024);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0].size_bytes, 768u);
  EXPECT_EQ(chunks[1].offset_bytes, 1024u);
  EXPECT_EQ(chunks[1].size_bytes, 768u);
  for (const auto& slot : program.slots) {
    const auto& chunk = chunks[FindChunk(chunks, slot.offset_bytes)];
    EXPECT_GE(slot.offset_bytes, chunk.offset_bytes);
    EXPECT_LE(slot.offset_bytes + slot.size_bytes, chunk.offset_bytes + chunk.size_bytes);
  }
}

TEST(CutArena, StretchBeyondTheLimitIsRefused) {
  const auto chunks = CutArena(WithSlots({{0, 512}, {256, 1024}}), 1024);
  EXPECT_EQ(chunks.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(chunks.status().message(), ::testing::HasSubstr("1280 bytes"));
}

TEST(CutArena, NothingNeededNothingCut) { EXPECT_TRUE(CutArena(program::Program(), 1024)->empty()); }

}  // namespace
}  // namespace dragoman::runtime
