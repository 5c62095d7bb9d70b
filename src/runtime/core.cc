// SPDX-License-Identifier: Apache-2.0
#include "runtime/core.h"

#include <unistd.h>

#include <algorithm>

#include "base/cache_directory.h"
#include "base/format.h"

namespace dragoman::runtime {
namespace {

constexpr uint64_t kMiB = 1ull << 20;

// By vulkan::MemoryKind.
constexpr Heap::Options kHeapOptions[vulkan::kNumMemoryKinds] = {
    {.block_bytes = 64 * kMiB, .max_block_bytes = 1024 * kMiB},
    {.block_bytes = 16 * kMiB, .max_block_bytes = 64 * kMiB},
    {.block_bytes = 4 * kMiB, .max_block_bytes = 64 * kMiB},
    {.block_bytes = 1 * kMiB * 2, .max_block_bytes = 16 * kMiB},
};

// What tensors may take. A CPU's driver names a heap of a fixed size (lavapipe 22: 2 GiB) and grants more: the
// machine's memory is the limit there.
uint64_t DeviceMemoryLimit(const target::DeviceProfile& profile) {
  if (profile.type != target::DeviceType::kCpu) return profile.device_memory_bytes;
  const auto host_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::max(profile.device_memory_bytes, host_bytes / 4 * 3);
}

}  // namespace

void ScratchArena::Register(std::span<const ArenaChunk> chunks) {
  const std::lock_guard lock(arena_mutex_);
  if (chunks.size() > sizes_.size()) sizes_.resize(chunks.size());
  arena_.resize(sizes_.size());
  for (size_t i = 0; i < chunks.size(); ++i) sizes_[i].insert(chunks[i].size_bytes);
}

void ScratchArena::Unregister(std::span<const ArenaChunk> chunks) {
  const std::lock_guard lock(arena_mutex_);
  for (size_t i = 0; i < chunks.size(); ++i) {
    sizes_[i].erase(sizes_[i].find(chunks[i].size_bytes));
    const uint64_t needed = sizes_[i].empty() ? 0 : *sizes_[i].rbegin();
    if (arena_[i] != nullptr && (needed == 0 || arena_[i]->size_bytes() / 2 > needed)) arena_[i] = nullptr;
  }
}

StatusOr<Allocations> ScratchArena::Get(size_t count) {
  const std::lock_guard lock(arena_mutex_);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t needed = *sizes_[i].rbegin();
    if (arena_[i] != nullptr && arena_[i]->size_bytes() >= needed) continue;
    arena_[i] = nullptr;
    ASSIGN_OR_RETURN(arena_[i], heap_.Allocate(needed));
  }
  return Allocations(arena_.begin(), arena_.begin() + static_cast<long>(count));
}

StatusOr<std::shared_ptr<Core>> Core::Create(std::shared_ptr<vulkan::Instance> instance,
                                             vulkan::PhysicalDevice physical) {
  auto core = std::make_shared<Core>();
  core->process = getpid();
  const std::string cache_path = vulkan::PipelineCachePath(CacheDirectory(), physical);
  ASSIGN_OR_RETURN(core->device, vulkan::Device::Create(std::move(instance), std::move(physical)));
  ASSIGN_OR_RETURN(core->pipeline_cache, vulkan::PipelineCache::Create(*core->device, cache_path));
  core->queue = std::make_unique<Queue>(*core->device);
  for (int kind = 0; kind < vulkan::kNumMemoryKinds; ++kind) {
    Heap::Options options = kHeapOptions[kind];
    if (static_cast<vulkan::MemoryKind>(kind) == vulkan::MemoryKind::kDevice) {
      options.limit_bytes = DeviceMemoryLimit(core->device->profile());
    }
    core->heaps[kind] =
        std::make_unique<Heap>(*core->device, *core->queue, static_cast<vulkan::MemoryKind>(kind), options);
  }
  core->kernels = std::make_unique<KernelCache>(*core->device, *core->pipeline_cache);
  core->scratch = std::make_unique<ScratchArena>(core->heap(vulkan::MemoryKind::kDevice));
  RETURN_IF_ERROR(core->queue->Start());
  return core;
}

Core::~Core() {
  if (IsForked()) {
    // The parent's threads and driver state do not exist here; touching them would hang or crash.
    (void)scratch.release();
    (void)kernels.release();
    for (auto& heap : heaps) (void)heap.release();
    (void)queue.release();
    (void)pipeline_cache.release();
    (void)device.release();
    return;
  }
  if (queue != nullptr) queue->Stop();
  scratch.reset();
  kernels.reset();
  queue.reset();
  for (auto& heap : heaps) heap.reset();
  pipeline_cache.reset();
}

bool Core::IsForked() const { return process != 0 && getpid() != process; }

Status Core::CheckUsable() const {
  if (IsForked()) [[unlikely]] {
    return FailedPrecondition(Format(
        "This process (pid {}) is a fork of the one that opened {} (pid {}): Vulkan devices do not survive a fork. "
        "Start new processes with the \"spawn\" method, or fork before the first use of Dragoman.",
        getpid(), device->profile().name, process));
  }
  return device->health();
}

}  // namespace dragoman::runtime
