// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <span>

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

constexpr uint64_t kUnit = MemoryPool::kGranularity;

// Sizes at both sides of what parts the classes of sizes.
TEST(MemoryPool, ABlockOfAnySizeIsGivenWholeAndNotTwice) {
  std::vector<uint64_t> units;
  for (uint64_t i = 1; i <= 600; ++i) units.push_back(i);
  for (int log2 = 10; log2 <= 46; ++log2) {
    for (const uint64_t i : {(1ull << log2) - 1, 1ull << log2, (1ull << log2) + 1, 3ull << (log2 - 1)})
      units.push_back(i);
  }
  for (const uint64_t count : units) {
    MemoryPool pool;
    pool.AddBlock(5, count * kUnit);
    EXPECT_FALSE(pool.Allocate(count * kUnit + 1).has_value()) << count;
    const auto range = pool.Allocate(count * kUnit);
    ASSERT_TRUE(range.has_value()) << count;
    EXPECT_EQ(range->block, 5u);
    EXPECT_EQ(range->offset_bytes, 0u);
    EXPECT_EQ(range->size_bytes, count * kUnit);
    EXPECT_EQ(range->last_use, Uses());
    EXPECT_FALSE(pool.Allocate(0).has_value()) << count;
  }
}

TEST(MemoryPool, NothingTakesAPlaceOfItsOwnAndTooMuchTakesNone) {
  MemoryPool pool;
  pool.AddBlock(0, 2 * kUnit);
  for (int log2 = 10; log2 < 64; ++log2) EXPECT_FALSE(pool.Allocate(1ull << log2).has_value()) << log2;
  EXPECT_FALSE(pool.Allocate(~0ull).has_value());
  EXPECT_FALSE(pool.Allocate(~0ull - kUnit).has_value());
  const auto first = pool.Allocate(0), second = pool.Allocate(0);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->offset_bytes, second->offset_bytes);
  EXPECT_EQ(pool.bytes_in_use(), 2 * kUnit);
}

TEST(MemoryPool, HolesServeWhatFitsInOneOfThemAndJoinAgain) {
  constexpr uint64_t kCount = 64;
  MemoryPool pool;
  pool.AddBlock(0, kCount * kUnit);
  std::vector<MemoryPool::Range> ranges;
  for (uint64_t i = 0; i < kCount; ++i) ranges.push_back(*pool.Allocate(kUnit));
  for (uint64_t i = 0; i < kCount; i += 2) pool.Free(ranges[i].id, At(i));
  EXPECT_EQ(pool.bytes_in_use(), kCount / 2 * kUnit);
  EXPECT_FALSE(pool.Allocate(kUnit + 1).has_value()) << "Half is free, no two neighbours are.";
  pool.Free(ranges[1].id, {});
  const auto joined = pool.Allocate(3 * kUnit);
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->offset_bytes, 0u);
  EXPECT_EQ(joined->last_use, At(2));
  pool.Free(joined->id, {});
  for (uint64_t i = 3; i < kCount; i += 2) pool.Free(ranges[i].id, {});
  ASSERT_EQ(pool.EmptyBlocks().size(), 1u);
  EXPECT_EQ(pool.EmptyBlocks()[0].last_use, At(kCount - 2));
  EXPECT_TRUE(pool.Allocate(kCount * kUnit).has_value());
}

// 32 and 33 units are of one class, whose list is searched for a while only as long as there is something larger.
TEST(MemoryPool, TheOneRangeOfAClassThatIsLargeEnoughIsFoundBehindAllOthers) {
  MemoryPool pool;
  constexpr uint32_t kNumSmaller = 30;
  pool.AddBlock(0, 33 * kUnit);
  for (uint32_t block = 1; block <= kNumSmaller; ++block) pool.AddBlock(block, 32 * kUnit);
  const auto range = pool.Allocate(33 * kUnit);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->block, 0u);
}

TEST(MemoryPoolDeathTest, FreeingTwiceAndRemovingWhatIsInUseStopTheProcess) {
  MemoryPool pool;
  pool.AddBlock(0, 4 * kUnit);
  const auto range = pool.Allocate(kUnit);
  EXPECT_DEATH(pool.RemoveBlock(0), "check failed");
  EXPECT_DEATH(pool.AddBlock(0, kUnit), "check failed");
  EXPECT_DEATH(pool.AddBlock(1, kUnit + 1), "check failed");
  pool.Free(range->id, {});
  EXPECT_DEATH(pool.Free(range->id, {}), "check failed");
}

// What a pool should do, written as plainly as can be: for each unit of each block who has it and when it was last
// used.
class PlainPool {
 public:
  struct Unit {
    bool is_free = true;
    uint64_t last_use = 0;
  };

  void Add(uint32_t block, size_t num_units) { blocks_[block] = std::vector<Unit>(num_units); }
  void Remove(uint32_t block) { blocks_.erase(block); }
  bool Has(uint32_t block) const { return blocks_.contains(block); }
  bool CanAllocate(size_t num_units) const {
    for (const auto& [block, units] : blocks_) {
      size_t run = 0;
      for (const Unit& unit : units) {
        run = unit.is_free ? run + 1 : 0;
        if (run == num_units) return true;
      }
    }
    return false;
  }
  std::span<Unit> UnitsOf(const MemoryPool::Range& range) {
    return std::span(blocks_.at(range.block)).subspan(range.offset_bytes / kUnit, range.size_bytes / kUnit);
  }
  std::vector<uint32_t> EmptyBlocks() const {
    std::vector<uint32_t> empty;
    for (const auto& [block, units] : blocks_) {
      if (std::all_of(units.begin(), units.end(), [](const Unit& unit) { return unit.is_free; }))
        empty.push_back(block);
    }
    return empty;
  }

 private:
  std::map<uint32_t, std::vector<Unit>> blocks_;
};

class RandomUse : public ::testing::TestWithParam<uint32_t> {
 protected:
  void Allocate() {
    const size_t num_units = 1 + random_() % (1u << random_() % 8);
    const auto range = pool_.Allocate(num_units * kUnit - random_() % kUnit);
    ASSERT_EQ(range.has_value(), plain_.CanAllocate(num_units)) << num_units;
    if (!range) return;
    ASSERT_EQ(range->size_bytes, num_units * kUnit);
    for (auto& unit : plain_.UnitsOf(*range)) {
      ASSERT_TRUE(unit.is_free);
      ASSERT_GE(range->last_use.on(QueueId::kMain).value, unit.last_use);
      unit.is_free = false;
    }
    live_.push_back(*range);
  }
  void Free(uint64_t now) {
    std::swap(live_[random_() % live_.size()], live_.back());
    for (auto& unit : plain_.UnitsOf(live_.back())) unit = {true, now};
    pool_.Free(live_.back().id, At(now));
    live_.pop_back();
  }
  void AddOrRemove() {
    const uint32_t block = random_() % 5;
    const std::vector<uint32_t> empty = plain_.EmptyBlocks();
    if (!plain_.Has(block)) {
      const size_t num_units = 1 + random_() % 300;
      pool_.AddBlock(block, num_units * kUnit);
      plain_.Add(block, num_units);
    } else if (std::find(empty.begin(), empty.end(), block) != empty.end()) {
      pool_.RemoveBlock(block);
      plain_.Remove(block);
    }
  }

  std::mt19937 random_{GetParam()};
  MemoryPool pool_;
  PlainPool plain_;
  std::vector<MemoryPool::Range> live_;
};
INSTANTIATE_TEST_SUITE_P(MemoryPool, RandomUse, ::testing::Range(0u, 8u));

TEST_P(RandomUse, IsThatOfThePlainPool) {
  for (uint64_t step = 1; step <= 4000; ++step) {
    // Fills up and empties by turns.
    const bool is_filling = step / 400 % 2 == 0;
    const uint32_t choice = random_() % 10;
    if (choice == 0) {
      AddOrRemove();
    } else if (live_.empty() || choice < (is_filling ? 7 : 3)) {
      Allocate();
    } else {
      Free(step);
    }
    if (HasFatalFailure()) return;
    uint64_t live_bytes = 0;
    for (const auto& range : live_) live_bytes += range.size_bytes;
    ASSERT_EQ(pool_.bytes_in_use(), live_bytes);
    std::vector<uint32_t> empty;
    for (const auto& block : pool_.EmptyBlocks()) empty.push_back(block.block);
    ASSERT_EQ(empty, plain_.EmptyBlocks());
  }
}

}  // namespace
}  // namespace dragoman::runtime
