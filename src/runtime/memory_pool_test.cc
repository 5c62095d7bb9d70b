// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace dragoman::runtime {
namespace {

Moment At(uint64_t value) { return {QueueId::kMain, value}; }

TEST(MemoryPool, EmptyPoolGivesNothing) {
  MemoryPool pool;
  EXPECT_FALSE(pool.Allocate(1).has_value());
}

TEST(MemoryPool, SizesRoundUpToTheGranularity) {
  EXPECT_EQ(MemoryPool::RoundUp(0), 256u);
  EXPECT_EQ(MemoryPool::RoundUp(256), 256u);
  EXPECT_EQ(MemoryPool::RoundUp(257), 512u);
}

TEST(MemoryPool, ReusesFreedRangeBeforeCuttingTheRest) {
  MemoryPool pool;
  pool.AddBlock(0, 1 << 20);
  const auto first = pool.Allocate(1000);
  const auto second = pool.Allocate(1000);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->offset_bytes, 1024u);
  pool.Free(first->id, At(3));
  const auto third = pool.Allocate(900);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->offset_bytes, 0u);
  EXPECT_EQ(third->last_use, At(3));
}

TEST(MemoryPool, MergedRangesRememberTheLatestUse) {
  MemoryPool pool;
  pool.AddBlock(0, 1024);
  const auto first = pool.Allocate(512);
  const auto second = pool.Allocate(512);
  EXPECT_FALSE(pool.Allocate(1).has_value());
  pool.Free(second->id, At(9));
  pool.Free(first->id, At(4));
  const auto whole = pool.Allocate(1024);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->last_use, At(9));
  EXPECT_EQ(whole->size_bytes, 1024u);
}

TEST(MemoryPool, OnlyEmptyBlocksCanGo) {
  MemoryPool pool;
  pool.AddBlock(0, 4096);
  pool.AddBlock(1, 1 << 20);
  const auto range = pool.Allocate(4096);
  ASSERT_EQ(pool.EmptyBlocks().size(), 1u);
  EXPECT_NE(pool.EmptyBlocks()[0].block, range->block);
  pool.Free(range->id, At(7));
  EXPECT_EQ(pool.EmptyBlocks().size(), 2u);
  pool.RemoveBlock(0);
  pool.RemoveBlock(1);
  EXPECT_EQ(pool.bytes_reserved(), 0u);
  EXPECT_FALSE(pool.Allocate(1).has_value());
}

// Against a plain map: ranges never overlap, stay inside their block, and everything comes back.
TEST(MemoryPool, RandomUseKeepsRangesApart) {
  MemoryPool pool;
  std::mt19937 random(7);
  constexpr uint64_t kBlockBytes = 1 << 22;
  for (uint32_t block = 0; block < 3; ++block) pool.AddBlock(block, kBlockBytes);
  std::map<std::pair<uint32_t, uint64_t>, MemoryPool::Range> live;
  uint64_t live_bytes = 0;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0 || live.empty()) {
      const uint64_t size = 1 + random() % (1ull << (random() % 20));
      const auto range = pool.Allocate(size);
      if (!range) continue;
      ASSERT_GE(range->size_bytes, size);
      ASSERT_EQ(range->offset_bytes % MemoryPool::kGranularity, 0u);
      ASSERT_LE(range->offset_bytes + range->size_bytes, kBlockBytes);
      const auto next = live.lower_bound({range->block, range->offset_bytes});
      if (next != live.end() && next->first.first == range->block) {
        ASSERT_LE(range->offset_bytes + range->size_bytes, next->first.second);
      }
      if (next != live.begin()) {
        const auto& before = std::prev(next)->second;
        if (before.block == range->block) {
          ASSERT_LE(before.offset_bytes + before.size_bytes, range->offset_bytes);
        }
      }
      live[{range->block, range->offset_bytes}] = *range;
      live_bytes += range->size_bytes;
    } else {
      auto chosen = std::next(live.begin(), static_cast<long>(random() % live.size()));
      live_bytes -= chosen->second.size_bytes;
      pool.Free(chosen->second.id, At(static_cast<uint64_t>(step)));
      live.erase(chosen);
    }
    ASSERT_EQ(pool.bytes_in_use(), live_bytes);
  }
  for (const auto& [key, range] : live) pool.Free(range.id, {});
  EXPECT_EQ(pool.bytes_in_use(), 0u);
  EXPECT_EQ(pool.EmptyBlocks().size(), 3u);
  for (uint32_t block = 0; block < 3; ++block) EXPECT_TRUE(pool.Allocate(kBlockBytes).has_value());
}

}  // namespace
}  // namespace dragoman::runtime
