// SPDX-License-Identifier: Apache-2.0
// Where in which block an allocation lies: two-level segregated fit (Masmano et al., 2004) over blocks that the owner
// adds and removes. Knows no Vulkan and no threads. Allocation and release take constant time and, once the pool has
// grown, no memory from the heap.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/moment.h"

namespace dragoman::runtime {

class MemoryPool {
 public:
  static constexpr uint64_t kGranularity = 256;  // of sizes and offsets

  struct Range {
    uint32_t id = 0;  // names the allocation in Free
    uint32_t block = 0;
    uint64_t offset_bytes = 0;
    uint64_t size_bytes = 0;  // rounded up
    Uses last_use;            // of any part of it, as Free was told
  };

  // The smallest multiple of kGranularity that holds `size_bytes`, at least one.
  static uint64_t RoundUp(uint64_t size_bytes);

  // Nothing when no block has a free range that large.
  std::optional<Range> Allocate(uint64_t size_bytes);
  void Free(uint32_t id, const Uses& last_use);

  // A new block, all free. `block` is the owner's name for it; `size_bytes` a multiple of kGranularity.
  void AddBlock(uint32_t block, uint64_t size_bytes);
  struct EmptyBlock {
    uint32_t block;
    Uses last_use;
  };
  std::vector<EmptyBlock> EmptyBlocks() const;
  // Forgets an empty block.
  void RemoveBlock(uint32_t block);

  uint64_t bytes_in_use() const { return bytes_in_use_; }
  uint64_t bytes_reserved() const { return bytes_reserved_; }

 private:
  static constexpr uint32_t kNone = ~0u;
  static constexpr int kSecondLevelBits = 4;
  static constexpr int kSecondLevel = 1 << kSecondLevelBits;
  static constexpr int kFirstLevel = 48;
  static constexpr uint64_t kMaxBytes = kGranularity << (kFirstLevel + kSecondLevelBits - 2);  // that have a class

  // A range of a block, free or not; neighbours in the block and in the list of its size class.
  struct Node {
    uint64_t offset_bytes = 0;
    uint64_t size_bytes = 0;
    Uses last_use;
    uint32_t block = 0;
    uint32_t before = kNone;
    uint32_t after = kNone;
    uint32_t previous_free = kNone;
    uint32_t next_free = kNone;
    bool is_free = false;
  };
  struct SizeClass {
    int first;
    int second;
  };

  static SizeClass ClassOf(uint64_t size_bytes);
  uint32_t FindFree(uint64_t size_bytes) const;
  uint32_t NewNode();
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  // Gives the part of a node beyond `size_bytes` back as a free node after it.
  void Split(uint32_t index, uint64_t size_bytes);
  // Takes the node after `index` into it.
  void MergeWithNext(uint32_t index);

  std::vector<Node> nodes_;
  std::vector<uint32_t> unused_nodes_;
  std::vector<uint32_t> block_heads_;  // by block: its first node, or kNone
  uint64_t first_level_map_ = 0;
  std::array<uint32_t, kFirstLevel> second_level_maps_{};
  std::array<std::array<uint32_t, kSecondLevel>, kFirstLevel> lists_ = EmptyLists();
  uint64_t bytes_in_use_ = 0;
  uint64_t bytes_reserved_ = 0;

  static std::array<std::array<uint32_t, kSecondLevel>, kFirstLevel> EmptyLists();
};

}  // namespace dragoman::runtime
