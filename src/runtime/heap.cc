// SPDX-License-Identifier: Apache-2.0
#include "runtime/heap.h"

#include <algorithm>

#include "base/format.h"

namespace dragoman::runtime {
namespace {

constexpr uint64_t kBlockGranularity = 2ull << 20;

uint64_t RoundBlock(uint64_t size_bytes) {
  return (size_bytes + kBlockGranularity - 1) / kBlockGranularity * kBlockGranularity;
}

}  // namespace

Allocation::~Allocation() {
  if (!heap_.IsForked()) heap_.Free(range_.id);
}

StatusOr<std::shared_ptr<Allocation>> Heap::Allocate(uint64_t size_bytes) {
  Status cause;
  {
    const std::lock_guard lock(pool_mutex_);
    if (auto allocation = TryAllocate(size_bytes)) return allocation;
    cause = Grow(size_bytes);
    if (cause.ok()) {
      if (auto allocation = TryAllocate(size_bytes)) return allocation;
      return Internal(Format("A new block of memory does not hold {} bytes.", size_bytes));
    }
  }
  if (cause.code() != StatusCode::kResourceExhausted) return cause;
  if (reclaim_) reclaim_();
  const std::lock_guard lock(pool_mutex_);
  if (auto allocation = TryAllocate(size_bytes)) return allocation;
  cause = AddBlock(RoundBlock(MemoryPool::RoundUp(size_bytes)));
  if (!cause.ok()) return Exhausted(size_bytes, cause);
  auto allocation = TryAllocate(size_bytes);
  if (allocation == nullptr) return Exhausted(size_bytes, cause);
  return allocation;
}

std::shared_ptr<Allocation> Heap::TryAllocate(uint64_t size_bytes) {
  auto range = pool_.Allocate(size_bytes);
  if (!range.has_value()) return nullptr;
  const Block& block = blocks_[range->block];
  range->offset_bytes += block.guard_bytes;
  ++num_allocations_;
  peak_bytes_in_use_ = std::max(peak_bytes_in_use_, pool_.bytes_in_use());
  largest_allocation_bytes_ = std::max(largest_allocation_bytes_, range->size_bytes);
  return std::make_shared<Allocation>(*this, *block.memory, *range);
}

uint64_t Heap::LargestBlock() const {
  const auto& profile = device_.profile();
  return std::min(profile.max_allocation_bytes, profile.max_buffer_bytes) / MemoryPool::kGranularity *
         MemoryPool::kGranularity;
}

Status Heap::Grow(uint64_t size_bytes) {
  const uint64_t limit = LargestBlock();
  const uint64_t needed = MemoryPool::RoundUp(size_bytes);
  if (needed > limit) return AddBlock(needed);  // fails, and says why
  const uint64_t block_bytes = std::min(limit, std::max(next_block_bytes_, RoundBlock(needed)));
  Status status = AddBlock(block_bytes);
  if (!status.ok() && block_bytes > RoundBlock(needed)) status = AddBlock(std::min(limit, RoundBlock(needed)));
  if (status.ok()) next_block_bytes_ = std::min(next_block_bytes_ * 2, options_.max_block_bytes);
  return status;
}

Status Heap::AddBlock(uint64_t size_bytes) {
  if (size_bytes > options_.limit_bytes || pool_.bytes_reserved() > options_.limit_bytes - size_bytes) {
    return ResourceExhausted(Format("The memory is limited to {} bytes.", options_.limit_bytes));
  }
  const bool has_guards = size_bytes + 2 * options_.guard_bytes <= LargestBlock();
  const uint64_t guard_bytes = has_guards ? options_.guard_bytes : 0;
  ASSIGN_OR_RETURN(vulkan::Memory memory, device_.Allocate(kind_, size_bytes + 2 * guard_bytes));
  auto free_place = std::ranges::find_if(blocks_, [](const Block& block) { return block.memory == nullptr; });
  if (free_place == blocks_.end()) free_place = blocks_.insert(free_place, Block());
  *free_place = {std::make_unique<vulkan::Memory>(std::move(memory)), guard_bytes};
  pool_.AddBlock(static_cast<uint32_t>(free_place - blocks_.begin()), size_bytes);
  return OkStatus();
}

Status Heap::Exhausted(uint64_t size_bytes, const Status& cause) {
  const uint64_t in_use = pool_.bytes_in_use();
  const uint64_t limit = options_.limit_bytes;
  const std::string left = limit == ~0ull ? "" : Format(" and {} free", limit - std::min(limit, in_use));
  return ResourceExhausted(Format("Out of memory on {}: {} bytes are asked for, {} are in use{}. {}",
                                  device_.profile().name, size_bytes, in_use, left, cause.message()));
}

void Heap::Trim() {
  const std::lock_guard lock(pool_mutex_);
  for (const auto& empty : pool_.EmptyBlocks()) {
    if (!queue_.IsComplete(empty.last_use)) continue;
    pool_.RemoveBlock(empty.block);
    blocks_[empty.block] = {};
  }
}

void Heap::Free(uint32_t id) {
  const auto free = [this, id](const Uses& last_use) {
    const std::lock_guard lock(pool_mutex_);
    pool_.Free(id, last_use);
  };
  switch (options_.reuse) {
    case Reuse::kByOwner:
      return free({});
    case Reuse::kInOrder:
      queue_.NoteReuse();
      return free(queue_.current_uses());
    case Reuse::kWhenDone:
      return queue_.Retire(queue_.current_uses(), std::shared_ptr<void>(nullptr, [free](void*) { free({}); }));
  }
}

MemoryStatistics Heap::statistics() const {
  if (IsForked()) return {};
  const std::lock_guard lock(pool_mutex_);
  return {.bytes_in_use = pool_.bytes_in_use(),
          .peak_bytes_in_use = peak_bytes_in_use_,
          .bytes_reserved = pool_.bytes_reserved(),
          .bytes_limit = options_.limit_bytes,
          .num_allocations = num_allocations_,
          .largest_allocation_bytes = largest_allocation_bytes_};
}

}  // namespace dragoman::runtime
