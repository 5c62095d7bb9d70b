// SPDX-License-Identifier: Apache-2.0
#include "runtime/core.h"

#include <gmock/gmock.h>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::ElementsAre;

class ScratchArenaTest : public DeviceTest {
 protected:
  static std::vector<ArenaChunk> Chunks(const std::vector<uint64_t>& sizes) {
    std::vector<ArenaChunk> chunks;
    for (const uint64_t size_bytes : sizes) chunks.push_back({.size_bytes = size_bytes});
    return chunks;
  }
  std::vector<uint64_t> Get(const std::vector<uint64_t>& sizes) {
    const StatusOr<Allocations> chunks = arena_.Get(Chunks(sizes));
    EXPECT_TRUE(chunks.ok()) << chunks.status().message();
    std::vector<uint64_t> given;
    for (const auto& chunk : *chunks) given.push_back(chunk->size_bytes());
    return given;
  }
  uint64_t BytesInUse() const { return heap_.statistics().bytes_in_use; }

  Heap heap_{*core().device,
             *core().queue,
             vulkan::MemoryKind::kDevice,
             {.block_bytes = 2 << 20, .limit_bytes = 2 << 20, .reuse = Reuse::kInOrder}};
  ScratchArena arena_{heap_};
};

TEST_F(ScratchArenaTest, KeepsTheLargestThatWasAskedForOfEachChunk) {
  EXPECT_THAT(Get({1000}), ElementsAre(1024));
  EXPECT_THAT(Get({500, 4000}), ElementsAre(1024, 4096));
  EXPECT_THAT(Get({2048}), ElementsAre(2048));
  EXPECT_THAT(Get({1, 1}), ElementsAre(2048, 4096));
  EXPECT_THAT(Get({}), ElementsAre());
  EXPECT_EQ(BytesInUse(), 2048u + 4096);
}

TEST_F(ScratchArenaTest, APartThatIsTooSmallGoesBackBeforeTheLargerIsTaken) {
  Get({1 << 20});
  EXPECT_THAT(Get({3 << 19}), ElementsAre(3 << 19)) << "Both do not fit.";
}

TEST_F(ScratchArenaTest, AProgramTakesWithItWhatOnlyItNeeded) {
  Get({4096, 8192});
  Get({256, 256});
  arena_.Release(Chunks({256, 256}));
  EXPECT_EQ(BytesInUse(), 4096u + 8192) << "Somebody needs more than that.";
  arena_.Release(Chunks({4096}));
  EXPECT_EQ(BytesInUse(), 8192u);
  EXPECT_THAT(Get({256}), ElementsAre(256));
  arena_.Drop();
  EXPECT_EQ(BytesInUse(), 0u);
}

TEST_F(ScratchArenaTest, AFailureKeepsWhatServedOthersAndNothingOfItsOwn) {
  Get({4096});
  const Status refused = arena_.Get(Chunks({4096, 1 << 20, 1 << 20})).status();
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(BytesInUse(), 4096u);
  EXPECT_THAT(Get({100}), ElementsAre(4096));
}

TEST_F(ScratchArenaTest, ChunksInUseOutliveTheirReplacement) {
  const StatusOr<Allocations> held = arena_.Get(Chunks({4096}));
  ASSERT_TRUE(held.ok());
  Get({8192});
  EXPECT_EQ(BytesInUse(), 4096u + 8192);
  EXPECT_EQ((*held)[0]->size_bytes(), 4096u);
}

class CoreTest : public DeviceTest {};

TEST_F(CoreTest, ReclaimGivesTheDriverAllThatIsIdle) {
  auto buffer = FromHost(Iota(1 << 20));
  const auto kept = OnDevice(Iota(1000));
  EXPECT_EQ(ToHost(buffer), Iota(1 << 20));
  buffer = nullptr;
  core().Reclaim();
  for (const auto& heap : core().heaps) {
    const MemoryStatistics statistics = heap->statistics();
    if (statistics.bytes_in_use == 0) {
      EXPECT_EQ(statistics.bytes_reserved, 0u);
    }
  }
  EXPECT_EQ(ToHost(kept), Iota(1000));
}

}  // namespace
}  // namespace dragoman::runtime::testing
