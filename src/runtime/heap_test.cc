// SPDX-License-Identifier: Apache-2.0
#include "runtime/heap.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;
using vulkan::MemoryKind;

constexpr uint64_t kMebibyte = 1 << 20;

class HeapTest : public DeviceTest {
 protected:
  void TearDown() override {
    faults().Clear();
    DeviceTest::TearDown();
  }
  static std::unique_ptr<Heap> MakeHeap(const Heap::Options& options, MemoryKind kind = MemoryKind::kUpload) {
    return std::make_unique<Heap>(*core().device, *core().queue, kind, options);
  }
  // Of memory that the test knows to be there.
  static std::shared_ptr<Allocation> Take(Heap& heap, uint64_t size_bytes) {
    StatusOr<std::shared_ptr<Allocation>> taken = heap.Allocate(size_bytes);
    EXPECT_TRUE(taken.ok()) << taken.status().message();
    return taken.ok() ? *taken : nullptr;
  }
  static Allocations TakeMany(Heap& heap, size_t count, uint64_t size_bytes) {
    Allocations taken;
    for (size_t i = 0; i < count; ++i) taken.push_back(Take(heap, size_bytes));
    return taken;
  }
  // Work that nothing submits yet.
  static Moment RecordPending() {
    const StatusOr<Moment> moment = core().queue->Record([](vulkan::Recorder&) {}, /*needs_barrier=*/false, 0);
    EXPECT_TRUE(moment.ok()) << moment.status().message();
    return *moment;
  }
};

TEST_F(HeapTest, NothingLiesInTheGuardsOfABlock) {
  const auto heap =
      MakeHeap({.block_bytes = 2 * kMebibyte, .max_block_bytes = 2 * kMebibyte, .guard_bytes = kMebibyte});
  const auto first = Take(*heap, kMebibyte), last = Take(*heap, kMebibyte);
  EXPECT_EQ(first->offset_bytes(), kMebibyte);
  EXPECT_EQ(first->address(), first->memory().address + kMebibyte);
  EXPECT_EQ(first->host(), first->memory().host + kMebibyte);
  EXPECT_EQ(last->offset_bytes() + last->size_bytes() + kMebibyte, last->memory().size_bytes);
  EXPECT_EQ(heap->statistics().bytes_reserved, 2 * kMebibyte);
}

TEST_F(HeapTest, BlocksDoubleUpToTheLargest) {
  const auto heap = MakeHeap({.block_bytes = 2 * kMebibyte, .max_block_bytes = 8 * kMebibyte});
  Allocations taken;
  std::vector<uint64_t> reserved;
  for (int i = 0; i < 12; ++i) {
    taken.push_back(Take(*heap, 2 * kMebibyte));
    const uint64_t now = heap->statistics().bytes_reserved / kMebibyte;
    if (reserved.empty() || reserved.back() != now) reserved.push_back(now);
  }
  EXPECT_EQ(reserved, (std::vector<uint64_t>{2, 6, 14, 22, 30}));
}

TEST_F(HeapTest, WhatIsLargerThanABlockGetsOneOfItsOwnSize) {
  const auto heap = MakeHeap({.block_bytes = 2 * kMebibyte, .max_block_bytes = 4 * kMebibyte});
  const auto large = Take(*heap, 9 * kMebibyte);
  EXPECT_EQ(heap->statistics().bytes_reserved, 10 * kMebibyte);  // of the blocks' granularity
  EXPECT_EQ(large->size_bytes(), 9 * kMebibyte);
  EXPECT_EQ(Take(*heap, kMebibyte)->offset_bytes(), 9 * kMebibyte);
}

TEST_F(HeapTest, TheLimitIsReachedExactlyAndStated) {
  const auto heap =
      MakeHeap({.block_bytes = 2 * kMebibyte, .max_block_bytes = 64 * kMebibyte, .limit_bytes = 10 * kMebibyte});
  // 2, then 4, then 8 would be too much: 4 are left, and blocks of 2 are tried.
  Allocations taken = TakeMany(*heap, 5, 2 * kMebibyte);
  EXPECT_EQ(heap->statistics().bytes_reserved, 10 * kMebibyte);
  for (int round = 0; round < 2; ++round) {
    const Status refused = heap->Allocate(1).status();
    EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
    EXPECT_THAT(refused.message(), HasSubstr("1 bytes are asked for, 10485760 are in use and 0 free"));
    EXPECT_THAT(refused.message(), HasSubstr("limited to 10485760 bytes"));
  }
  taken[2] = nullptr;
  EXPECT_NE(Take(*heap, 2 * kMebibyte), nullptr);
}

TEST_F(HeapTest, WhatTheDeviceCannotAllocateAtOnceIsRefused) {
  const auto& profile = core().device->profile();
  const uint64_t most = std::min(profile.max_allocation_bytes, profile.max_buffer_bytes);
  const auto heap = MakeHeap({});
  for (const uint64_t size_bytes : {most + 1, uint64_t{1} << 59, uint64_t{1} << 62}) {
    const Status refused = heap->Allocate(size_bytes).status();
    EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted) << size_bytes;
    EXPECT_THAT(refused.message(), HasSubstr(std::to_string(size_bytes) + " bytes are asked for"));
  }
  EXPECT_EQ(heap->statistics().bytes_reserved, 0u);
}

TEST_F(HeapTest, HolesBetweenTensorsServeNoLargerOne) {
  const auto heap = MakeHeap({.block_bytes = 4 * kMebibyte, .limit_bytes = 4 * kMebibyte});
  Allocations taken = TakeMany(*heap, 16, kMebibyte / 4);
  for (size_t i = 0; i < taken.size(); i += 2) taken[i] = nullptr;
  const Status refused = heap->Allocate(kMebibyte / 2).status();
  EXPECT_THAT(refused.message(), HasSubstr("524288 bytes are asked for, 2097152 are in use and 2097152 free"));
  const uint64_t hole = taken[1]->address() - kMebibyte / 4;
  taken[1] = nullptr;
  EXPECT_EQ(Take(*heap, 3 * kMebibyte / 4)->address(), hole);
}

TEST_F(HeapTest, ShortMemoryIsReclaimedOnceAndTriedAgain) {
  const auto heap = MakeHeap({.block_bytes = 2 * kMebibyte, .limit_bytes = 2 * kMebibyte});
  std::shared_ptr<Allocation> idle;
  int num_reclaims = 0;
  heap->set_reclaim([&] {
    ++num_reclaims;
    idle = nullptr;
  });
  idle = Take(*heap, 2 * kMebibyte);
  const auto taken = Take(*heap, 2 * kMebibyte);
  EXPECT_EQ(num_reclaims, 1);
  EXPECT_EQ(heap->Allocate(1).status().code(), StatusCode::kResourceExhausted);  // nothing is idle any more
  EXPECT_EQ(num_reclaims, 2);
}

TEST_F(HeapTest, AFailureThatIsNotShortMemoryReclaimsNothing) {
  const auto heap = MakeHeap({});
  heap->set_reclaim([] { ADD_FAILURE(); });
  faults().Inject("vkMapMemory", VK_ERROR_UNKNOWN, 0, 2);  // of the large block and of a smaller one
  EXPECT_EQ(heap->Allocate(1).status().code(), StatusCode::kInternal);
  EXPECT_EQ(heap->statistics().bytes_reserved, 0u);
  EXPECT_NE(Take(*heap, 1), nullptr);
}

// A driver that refuses the large block may have a small one.
TEST_F(HeapTest, ABlockThatTheDriverRefusesIsAskedForSmaller) {
  const auto heap = MakeHeap({.block_bytes = 32 * kMebibyte});
  faults().Inject("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
  EXPECT_NE(Take(*heap, 100), nullptr);
  EXPECT_EQ(heap->statistics().bytes_reserved, 2 * kMebibyte);
}

TEST_F(HeapTest, MemoryInOrderIsGivenAgainAtOnceWithItsLastUse) {
  const auto heap = MakeHeap({.reuse = Reuse::kInOrder});
  const Moment pending = RecordPending();
  const uint64_t address = Take(*heap, 1000)->address();
  const auto again = Take(*heap, 1000);
  EXPECT_EQ(again->address(), address);
  EXPECT_EQ(again->last_use(), pending);
  EXPECT_FALSE(core().queue->IsComplete(again->last_use()));
  EXPECT_TRUE(device().WaitIdle().ok());
  EXPECT_TRUE(core().queue->IsComplete(again->last_use()));
}

TEST_F(HeapTest, MemoryThatTheHostMayWriteIsGivenAgainWhenTheDeviceIsDone) {
  const auto heap = MakeHeap({.reuse = Reuse::kWhenDone});
  RecordPending();
  const uint64_t address = Take(*heap, 1000)->address();
  core().queue->CollectRetired();
  EXPECT_NE(Take(*heap, 1000)->address(), address);
  EXPECT_TRUE(device().WaitIdle().ok());
  core().queue->CollectRetired(/*waits=*/true);
  const auto again = Take(*heap, 1000);
  EXPECT_EQ(again->address(), address);
  EXPECT_EQ(again->last_use(), Uses());
}

TEST_F(HeapTest, MemoryOfOwnersThatKnowItIsDoneHasNoLastUse) {
  const auto heap = MakeHeap({.reuse = Reuse::kByOwner});
  RecordPending();
  const uint64_t address = Take(*heap, 1000)->address();
  const auto again = Take(*heap, 1000);
  EXPECT_EQ(again->address(), address);
  EXPECT_EQ(again->last_use(), Uses());
}

TEST_F(HeapTest, TrimGivesBackOnlyBlocksThatNoWorkUses) {
  const auto heap =
      MakeHeap({.block_bytes = 2 * kMebibyte, .max_block_bytes = 2 * kMebibyte, .reuse = Reuse::kInOrder});
  Allocations taken = TakeMany(*heap, 3, 2 * kMebibyte);
  taken[0] = nullptr;  // before any work
  const Uses before = core().queue->current_uses();
  EXPECT_TRUE(core().queue->IsComplete(before));
  RecordPending();
  taken[1] = nullptr;
  heap->Trim();
  EXPECT_EQ(heap->statistics().bytes_reserved, 4 * kMebibyte);
  EXPECT_TRUE(device().WaitIdle().ok());
  heap->Trim();
  EXPECT_EQ(heap->statistics().bytes_reserved, 2 * kMebibyte);
  EXPECT_EQ(heap->statistics().bytes_in_use, 2 * kMebibyte);
  // The places of the blocks that went serve new ones.
  for (const auto& allocation : TakeMany(*heap, 3, kMebibyte)) {
    EXPECT_NE(&allocation->memory(), &taken[2]->memory());
  }
}

TEST_F(HeapTest, StatisticsCountWhatIsRoundedUp) {
  const auto heap = MakeHeap({.limit_bytes = 64 * kMebibyte});
  auto first = Take(*heap, 1), second = Take(*heap, 1000);
  first = nullptr;
  const MemoryStatistics statistics = heap->statistics();
  EXPECT_EQ(statistics.bytes_in_use, 1024u);
  EXPECT_EQ(statistics.peak_bytes_in_use, 1280u);
  EXPECT_EQ(statistics.bytes_reserved, 64 * kMebibyte);
  EXPECT_EQ(statistics.bytes_limit, 64 * kMebibyte);
  EXPECT_EQ(statistics.num_allocations, 2u);
  EXPECT_EQ(statistics.largest_allocation_bytes, 1024u);
}

// Threads that write what they own and find it unchanged, in memory that is nearly always short.
TEST_F(HeapTest, ThreadsKeepTheirBytesApartWhereMemoryIsShort) {
  const auto heap = MakeHeap({.block_bytes = 2 * kMebibyte, .limit_bytes = 2 * kMebibyte});
  std::atomic<int> num_damaged = 0, num_refused = 0;
  const auto work = [&](uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::pair<std::shared_ptr<Allocation>, int>> live;
    for (int step = 0; step < 400; ++step) {
      const uint64_t size_bytes = 1 + random() % (1u << (8 + random() % 13));
      const StatusOr<std::shared_ptr<Allocation>> taken = heap->Allocate(size_bytes);
      num_refused += !taken.ok();
      if (taken.ok()) {
        const int pattern = static_cast<int>(random() % 256);
        std::memset((*taken)->host(), pattern, (*taken)->size_bytes());
        live.emplace_back(*taken, pattern);
      }
      if (live.empty() || (taken.ok() && live.size() < 24)) continue;
      std::swap(live[random() % live.size()], live.back());
      const auto& [allocation, pattern] = live.back();
      const auto* bytes = reinterpret_cast<const uint8_t*>(allocation->host());
      const auto is_kept = [pattern = pattern](uint8_t byte) { return byte == pattern; };
      num_damaged += !std::all_of(bytes, bytes + allocation->size_bytes(), is_kept);
      live.pop_back();
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_damaged, 0);
  EXPECT_GT(num_refused, 0);
  EXPECT_EQ(heap->statistics().bytes_in_use, 0u);
  EXPECT_EQ(heap->statistics().bytes_reserved, 2 * kMebibyte);
}

}  // namespace
}  // namespace dragoman::runtime::testing
