// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory_pool.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace dragoman::runtime {

std::array<std::array<uint32_t, MemoryPool::kSecondLevel>, MemoryPool::kFirstLevel> MemoryPool::EmptyLists() {
  std::array<std::array<uint32_t, kSecondLevel>, kFirstLevel> lists;
  for (auto& list : lists) list.fill(kNone);
  return lists;
}

uint64_t MemoryPool::RoundUp(uint64_t size_bytes) {
  return std::max(kGranularity, (size_bytes + kGranularity - 1) / kGranularity * kGranularity);
}

// Sizes below 16 units have a class each; above, every power of two is cut into 16.
MemoryPool::SizeClass MemoryPool::ClassOf(uint64_t size_bytes) {
  const uint64_t units = size_bytes / kGranularity;
  if (units < kSecondLevel) return {0, static_cast<int>(units)};
  const int log2 = std::bit_width(units) - 1;
  return {log2 - kSecondLevelBits + 1, static_cast<int>(units >> (log2 - kSecondLevelBits)) - kSecondLevel};
}

uint32_t MemoryPool::FindFree(uint64_t size_bytes) const {
  SizeClass size_class = ClassOf(size_bytes);
  // Ranges of the same class may be too small; a few are worth a look, since equal sizes come back all the time.
  int tries = 8;
  for (uint32_t i = lists_[size_class.first][size_class.second]; i != kNone && tries-- > 0; i = nodes_[i].next_free) {
    if (nodes_[i].size_bytes >= size_bytes) return i;
  }
  const uint32_t larger = second_level_maps_[size_class.first] & (~0u << (size_class.second + 1));
  if (larger != 0) return lists_[size_class.first][std::countr_zero(larger)];
  const uint64_t first = first_level_map_ & (~uint64_t{0} << (size_class.first + 1));
  if (first != 0) {
    const int level = std::countr_zero(first);
    return lists_[level][std::countr_zero(second_level_maps_[level])];
  }
  // Only the rest of the class is left.
  for (uint32_t i = lists_[size_class.first][size_class.second]; i != kNone; i = nodes_[i].next_free) {
    if (nodes_[i].size_bytes >= size_bytes) return i;
  }
  return kNone;
}

std::optional<MemoryPool::Range> MemoryPool::Allocate(uint64_t size_bytes) {
  if (size_bytes > kMaxBytes) return std::nullopt;
  const uint64_t rounded = RoundUp(size_bytes);
  const uint32_t index = FindFree(rounded);
  if (index == kNone) return std::nullopt;
  Unlink(index);
  Split(index, rounded);
  nodes_[index].is_free = false;
  bytes_in_use_ += rounded;
  const Node& node = nodes_[index];
  return Range{index, node.block, node.offset_bytes, node.size_bytes, node.last_use};
}

void MemoryPool::Free(uint32_t id, const Uses& last_use) {
  CHECK(id < nodes_.size() && !nodes_[id].is_free && nodes_[id].size_bytes != 0);
  bytes_in_use_ -= nodes_[id].size_bytes;
  nodes_[id].last_use.Add(last_use);
  nodes_[id].is_free = true;
  uint32_t index = id;
  if (const uint32_t before = nodes_[index].before; before != kNone && nodes_[before].is_free) {
    Unlink(before);
    MergeWithNext(before);
    index = before;
  }
  if (const uint32_t after = nodes_[index].after; after != kNone && nodes_[after].is_free) {
    Unlink(after);
    MergeWithNext(index);
  }
  Link(index);
}

void MemoryPool::AddBlock(uint32_t block, uint64_t size_bytes) {
  CHECK(size_bytes % kGranularity == 0 && size_bytes != 0 && size_bytes <= kMaxBytes);
  if (block >= block_heads_.size()) block_heads_.resize(block + 1, kNone);
  CHECK(block_heads_[block] == kNone);
  const uint32_t index = NewNode();
  nodes_[index] = {.size_bytes = size_bytes, .block = block, .is_free = true};
  block_heads_[block] = index;
  bytes_reserved_ += size_bytes;
  Link(index);
}

std::vector<MemoryPool::EmptyBlock> MemoryPool::EmptyBlocks() const {
  std::vector<EmptyBlock> blocks;
  for (const uint32_t head : block_heads_) {
    if (head == kNone || !nodes_[head].is_free || nodes_[head].after != kNone) continue;
    blocks.push_back({nodes_[head].block, nodes_[head].last_use});
  }
  return blocks;
}

void MemoryPool::RemoveBlock(uint32_t block) {
  const uint32_t head = block_heads_[block];
  CHECK(head != kNone && nodes_[head].is_free && nodes_[head].after == kNone);
  Unlink(head);
  bytes_reserved_ -= nodes_[head].size_bytes;
  nodes_[head] = {};
  unused_nodes_.push_back(head);
  block_heads_[block] = kNone;
}

uint32_t MemoryPool::NewNode() {
  if (unused_nodes_.empty()) {
    nodes_.emplace_back();
    return static_cast<uint32_t>(nodes_.size() - 1);
  }
  const uint32_t index = unused_nodes_.back();
  unused_nodes_.pop_back();
  return index;
}

void MemoryPool::Link(uint32_t index) {
  const auto [first, second] = ClassOf(nodes_[index].size_bytes);
  uint32_t& head = lists_[first][second];
  nodes_[index].previous_free = kNone;
  nodes_[index].next_free = head;
  if (head != kNone) nodes_[head].previous_free = index;
  head = index;
  first_level_map_ |= uint64_t{1} << first;
  second_level_maps_[first] |= 1u << second;
}

void MemoryPool::Unlink(uint32_t index) {
  const Node& node = nodes_[index];
  if (node.next_free != kNone) nodes_[node.next_free].previous_free = node.previous_free;
  if (node.previous_free != kNone) {
    nodes_[node.previous_free].next_free = node.next_free;
    return;
  }
  const auto [first, second] = ClassOf(node.size_bytes);
  lists_[first][second] = node.next_free;
  if (node.next_free != kNone) return;
  second_level_maps_[first] &= ~(1u << second);
  if (second_level_maps_[first] == 0) first_level_map_ &= ~(uint64_t{1} << first);
}

void MemoryPool::Split(uint32_t index, uint64_t size_bytes) {
  if (nodes_[index].size_bytes == size_bytes) return;
  const uint32_t rest = NewNode();
  Node& node = nodes_[index];
  nodes_[rest] = {.offset_bytes = node.offset_bytes + size_bytes,
                  .size_bytes = node.size_bytes - size_bytes,
                  .last_use = node.last_use,
                  .block = node.block,
                  .before = index,
                  .after = node.after,
                  .is_free = true};
  if (node.after != kNone) nodes_[node.after].before = rest;
  node.after = rest;
  node.size_bytes = size_bytes;
  Link(rest);
}

void MemoryPool::MergeWithNext(uint32_t index) {
  const uint32_t next = nodes_[index].after;
  Node& node = nodes_[index];
  node.size_bytes += nodes_[next].size_bytes;
  node.last_use.Add(nodes_[next].last_use);
  node.after = nodes_[next].after;
  if (node.after != kNone) nodes_[node.after].before = index;
  nodes_[next] = {};
  unused_nodes_.push_back(next);
}

}  // namespace dragoman::runtime
