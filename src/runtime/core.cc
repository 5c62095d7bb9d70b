// SPDX-License-Identifier: Apache-2.0
#include "runtime/core.h"

#include <algorithm>

#include "base/cache_folder.h"
#include "base/format.h"
#include "base/os.h"

namespace dragoman::runtime {
namespace {

constexpr uint64_t kMiB = 1ull << 20;

// By vulkan::MemoryKind.
constexpr Heap::Options kHeapOptions[vulkan::kNumMemoryKinds] = {
    {.block_bytes = 64 * kMiB, .max_block_bytes = 1024 * kMiB, .reuse = Reuse::kInOrder},
    {.block_bytes = 16 * kMiB, .max_block_bytes = 64 * kMiB},
    {.block_bytes = 4 * kMiB, .max_block_bytes = 64 * kMiB},
    {.block_bytes = 1 * kMiB * 2, .max_block_bytes = 16 * kMiB},
};

constexpr Heap::Options kHostTensors = {
    .block_bytes = 16 * kMiB, .max_block_bytes = 256 * kMiB, .reuse = Reuse::kInOrder};

// A card without a resizable window shows 256 MiB of its memory to all programs: a quarter of it is for us.
constexpr Heap::Options kArrivals = {
    .block_bytes = 8 * kMiB, .max_block_bytes = 64 * kMiB, .limit_bytes = 256 * kMiB, .reuse = Reuse::kWhenDone};

// A driver that computes on the CPU may run a loop's body once more for no invocation, and then reads what would come
// next: Mesa 26.1's lavapipe does, where all invocations read alike. Its memory costs nothing until it is written.
std::unique_ptr<Heap> MakeHeap(vulkan::Device& device, Queue& queue, vulkan::MemoryKind kind, Heap::Options options) {
  if (device.profile().type == target::DeviceType::kCpu) options.guard_bytes = kMiB;
  return std::make_unique<Heap>(device, queue, kind, options);
}

std::unique_ptr<Heap> MakeArrivals(vulkan::Device& device, Queue& queue) {
  constexpr auto kKind = vulkan::MemoryKind::kTable;
  if (!device.IsDeviceLocal(kKind) || !device.IsHostVisible(kKind)) return nullptr;
  Heap::Options options = kArrivals;
  options.limit_bytes = std::min(options.limit_bytes, device.HeapBytes(kKind) / 4);
  options.is_read_by_host = device.IsHostCached(kKind);
  return MakeHeap(device, queue, kKind, options);
}

// What tensors may take. A CPU's driver names a heap of a fixed size (lavapipe 22: 2 GiB) and grants more: the
// machine's memory is the limit there.
uint64_t DeviceMemoryLimit(const target::DeviceProfile& profile) {
  if (profile.type != target::DeviceType::kCpu) return profile.device_memory_bytes;
  return std::max(profile.device_memory_bytes, os::MemoryBytes() / 4 * 3);
}

// What our kernels surely reach on a GPU; desktops reset one that works too long on a submission. Slow ones set the
// numbers: a small integrated GPU reaches a few times as much, so a submission that is said to take half a second takes
// a tenth; a large card takes milliseconds, to which the cost of a submission, some 10 microseconds, adds little.
constexpr double kFlopsPerUnit = 20e9;
constexpr double kMatrixFlopsPerUnit = 80e9;
constexpr double kBytesPerUnit = 1e9;

DeviceSpeed SpeedOf(const target::DeviceProfile& profile) {
  if (profile.type == target::DeviceType::kCpu) return {};
  const double units = std::max(profile.compute_units, 1);
  return {.flops_per_second = units * (profile.cooperative_matrix ? kMatrixFlopsPerUnit : kFlopsPerUnit),
          .bytes_per_second = units * kBytesPerUnit};
}

}  // namespace

StatusOr<Allocations> ScratchArena::Get(std::span<const ArenaChunk> needs) {
  Allocations found(needs.size());
  Allocations too_small;  // go back first: both need not fit
  {
    const std::lock_guard lock(arena_mutex_);
    if (arena_.size() < needs.size()) arena_.resize(needs.size());
    for (size_t i = 0; i < needs.size(); ++i) {
      if (arena_[i] == nullptr) continue;
      const bool is_enough = arena_[i]->size_bytes() >= needs[i].size_bytes;
      (is_enough ? found[i] : too_small.emplace_back()) = is_enough ? arena_[i] : std::move(arena_[i]);
    }
  }
  too_small.clear();
  // Not under the lock: the heap may ask for the arena back.
  for (size_t i = 0; i < needs.size(); ++i) {
    if (found[i] != nullptr) continue;
    StatusOr<std::shared_ptr<Allocation>> chunk = heap_.Allocate(needs[i].size_bytes);
    if (!chunk.ok()) {
      found.clear();
      heap_.Trim();  // what was taken for the others
      return chunk.status();
    }
    found[i] = *std::move(chunk);
  }
  const std::lock_guard lock(arena_mutex_);
  if (arena_.size() < needs.size()) arena_.resize(needs.size());
  for (size_t i = 0; i < needs.size(); ++i) {
    if (arena_[i] == nullptr || arena_[i]->size_bytes() < found[i]->size_bytes()) arena_[i] = found[i];
  }
  return found;
}

void ScratchArena::Release(std::span<const ArenaChunk> needs) {
  Allocations dropped;
  const std::lock_guard lock(arena_mutex_);
  for (size_t i = 0; i < std::min(needs.size(), arena_.size()); ++i) {
    if (arena_[i] == nullptr || arena_[i]->size_bytes() > MemoryPool::RoundUp(needs[i].size_bytes)) continue;
    dropped.push_back(std::move(arena_[i]));
  }
}

void ScratchArena::Drop() {
  Allocations dropped;
  const std::lock_guard lock(arena_mutex_);
  dropped.swap(arena_);
}

StatusOr<std::shared_ptr<Core>> Core::Create(std::shared_ptr<vulkan::Instance> instance,
                                             vulkan::PhysicalDevice physical) {
  auto core = std::make_shared<Core>();
  const std::shared_ptr<const CacheFolder> folder = ProcessCacheFolder();
  ASSIGN_OR_RETURN(core->device, vulkan::Device::Create(std::move(instance), std::move(physical), folder != nullptr));
  core->pipeline_cache = std::make_unique<vulkan::PipelineCache>(*core->device, folder);
  core->speed = SpeedOf(core->device->profile());
  core->queue = std::make_unique<Queue>(*core->device);
  for (int kind = 0; kind < vulkan::kNumMemoryKinds; ++kind) {
    Heap::Options options = kHeapOptions[kind];
    if (static_cast<vulkan::MemoryKind>(kind) == vulkan::MemoryKind::kDevice) {
      options.limit_bytes = DeviceMemoryLimit(core->device->profile());
    }
    core->heaps[kind] = MakeHeap(*core->device, *core->queue, static_cast<vulkan::MemoryKind>(kind), options);
  }
  if (!core->device->IsHostVisible(vulkan::MemoryKind::kDevice)) {
    core->host_tensors = MakeHeap(*core->device, *core->queue, vulkan::MemoryKind::kReadback, kHostTensors);
  }
  core->arrivals = MakeArrivals(*core->device, *core->queue);
  core->kernels = std::make_unique<KernelCache>(*core->device, *core->pipeline_cache);
  core->scratch = std::make_unique<ScratchArena>(core->heap(vulkan::MemoryKind::kDevice));
  for (const auto& heap : core->heaps) heap->set_reclaim([core = core.get()] { core->Reclaim(); });
  if (core->host_tensors != nullptr) core->host_tensors->set_reclaim([core = core.get()] { core->Reclaim(); });
  RETURN_IF_ERROR(core->queue->Start());
  return core;
}

Core::~Core() {
  if (IsForked()) {
    // The parent's threads and driver state do not exist here; touching them would hang or crash.
    (void)scratch.release();
    (void)kernels.release();
    for (auto& heap : heaps) (void)heap.release();
    (void)host_tensors.release();
    (void)arrivals.release();
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
  host_tensors.reset();
  arrivals.reset();
  pipeline_cache.reset();
}

void Core::Reclaim() {
  scratch->Drop();
  (void)queue->WaitIdle();
  for (const auto& heap : heaps) heap->Trim();
  if (host_tensors != nullptr) host_tensors->Trim();
  if (arrivals != nullptr) arrivals->Trim();
}

Status Core::CheckUsable() const {
  if (IsForked()) [[unlikely]] {
    return FailedPrecondition(Format(
        "This process (pid {}) is a fork of the one that opened {} (pid {}): Vulkan devices do not survive a fork. "
        "Start new processes with the \"spawn\" method, or fork before the first use of Dragoman.",
        os::ProcessId(), device->profile().name, process.pid()));
  }
  return device->health();
}

}  // namespace dragoman::runtime
