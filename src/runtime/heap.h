// SPDX-License-Identifier: Apache-2.0
// Memory of one kind: blocks from the driver, cut by a MemoryPool.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "runtime/memory_pool.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"
#include "vulkan/device.h"

namespace dragoman::runtime {

class Heap;

// When a heap gives out again what was dropped.
enum class Reuse : uint8_t {
  kByOwner,   // at once: who drops it knows that the device is done with it
  kInOrder,   // at once, to later submissions: earlier ones may still use it
  kWhenDone,  // when the device is done with all that was under way: the host may write to all that it gives
};

// A range of a heap; goes back when dropped (see Reuse). In a heap of kInOrder, who lets the host write looks at
// last_use first. The heap must outlive it. In the child of a fork it leaves the heap alone.
class Allocation {
 public:
  Allocation(Heap& heap, const vulkan::Memory& memory, const MemoryPool::Range& range)
      : heap_(heap), memory_(memory), range_(range) {}
  ~Allocation();
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

  uint64_t address() const { return memory_.address + range_.offset_bytes; }
  std::byte* host() const { return memory_.host == nullptr ? nullptr : memory_.host + range_.offset_bytes; }
  // The block that it lies in, and where.
  const vulkan::Memory& memory() const { return memory_; }
  uint64_t offset_bytes() const { return range_.offset_bytes; }
  uint64_t size_bytes() const { return range_.size_bytes; }
  // The device may use the range for an earlier owner until then.
  const Uses& last_use() const { return range_.last_use; }
  const Heap& heap() const { return heap_; }

 private:
  Heap& heap_;
  const vulkan::Memory& memory_;
  MemoryPool::Range range_;
};

// Thread-safe.
class Heap {
 public:
  struct Options {
    uint64_t block_bytes = 64ull << 20;  // of the first block; later ones double
    uint64_t max_block_bytes = 1ull << 30;
    uint64_t limit_bytes = ~0ull;  // of all blocks, without their guards
    uint64_t guard_bytes = 0;      // that nobody gets, before and behind each block that leaves room for them
    Reuse reuse = Reuse::kByOwner;
    bool is_read_by_host = true;  // reading the memory is not far slower than copying it first
  };
  Heap(vulkan::Device& device, Queue& queue, vulkan::MemoryKind kind, const Options& options)
      : device_(device), queue_(queue), kind_(kind), options_(options), next_block_bytes_(options.block_bytes) {}

  // When memory ends, gives back what is idle (see set_reclaim) and tries again. RESOURCE_EXHAUSTED states the bytes
  // asked for, in use and free.
  StatusOr<std::shared_ptr<Allocation>> Allocate(uint64_t size_bytes);
  // Gives empty blocks that no work uses any more back to the driver.
  void Trim();
  // What makes memory free, here and in the heaps that share the driver's memory with this one; may block. Before the
  // first Allocate.
  void set_reclaim(std::function<void()> reclaim) { reclaim_ = std::move(reclaim); }
  bool is_read_by_host() const { return options_.is_read_by_host; }
  MemoryStatistics statistics() const;

 private:
  friend class Allocation;
  bool IsForked() const { return device_.functions().process.IsForked(); }
  std::shared_ptr<Allocation> TryAllocate(uint64_t size_bytes);  // pool_mutex_ held
  uint64_t LargestBlock() const;                                 // that the device allocates, without guards
  Status Grow(uint64_t size_bytes);                              // pool_mutex_ held
  Status AddBlock(uint64_t size_bytes);                          // pool_mutex_ held
  Status Exhausted(uint64_t size_bytes, const Status& cause);
  void Free(uint32_t id);

  vulkan::Device& device_;
  Queue& queue_;
  const vulkan::MemoryKind kind_;
  const Options options_;
  std::function<void()> reclaim_;

  mutable std::mutex pool_mutex_;
  MemoryPool pool_;
  struct Block {
    std::unique_ptr<vulkan::Memory> memory;  // null where there is no block now
    uint64_t guard_bytes = 0;
  };
  std::vector<Block> blocks_;
  uint64_t next_block_bytes_;
  uint64_t peak_bytes_in_use_ = 0;
  uint64_t num_allocations_ = 0;
  uint64_t largest_allocation_bytes_ = 0;
};

}  // namespace dragoman::runtime
