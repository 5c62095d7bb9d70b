// SPDX-License-Identifier: Apache-2.0
// What everything that lives on one device shares. Buffers, events and executables keep it alive after its client is
// gone.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/process.h"
#include "runtime/arena_chunks.h"
#include "runtime/heap.h"
#include "runtime/kernel_cache.h"
#include "runtime/plan.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {

using Allocations = std::vector<std::shared_ptr<Allocation>>;

// The temporaries of whatever program runs: programs follow each other on the queue, so one arena serves them all. Each
// of its chunks has the size of the largest that a program which ran needed, until that program goes or memory is
// short. Thread-safe.
class ScratchArena {
 public:
  explicit ScratchArena(Heap& heap) : heap_(heap) {}
  // Chunks of at least these sizes. Hold them until the work that uses them was submitted.
  StatusOr<Allocations> Get(std::span<const ArenaChunk> needs);
  // A program with these needs goes, and with it the chunks that no smaller one asked for.
  void Release(std::span<const ArenaChunk> needs);
  // Gives up all chunks; who runs next gets new ones.
  void Drop();

 private:
  Heap& heap_;
  std::mutex arena_mutex_;
  Allocations arena_;  // null where none was needed since the last drop
};

struct Core {
  static StatusOr<std::shared_ptr<Core>> Create(std::shared_ptr<vulkan::Instance> instance,
                                                vulkan::PhysicalDevice physical);
  ~Core();
  Heap& heap(vulkan::MemoryKind kind) { return *heaps[static_cast<int>(kind)]; }
  Heap& tensor_heap(Placement placement) {
    return placement == Placement::kHost && host_tensors != nullptr ? *host_tensors : heap(vulkan::MemoryKind::kDevice);
  }
  // OK, or why nothing can run: the device is lost, or this is the child of a fork.
  Status CheckUsable() const;
  bool IsForked() const { return process.IsForked(); }
  // Gives what is idle back to the driver: the scratch arena and empty blocks. Blocks until the work in flight is done.
  void Reclaim();

  std::unique_ptr<vulkan::Device> device;
  std::unique_ptr<vulkan::PipelineCache> pipeline_cache;
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Heap> heaps[vulkan::kNumMemoryKinds];
  std::unique_ptr<Heap> host_tensors;  // null where the device's memory is the host's
  // Memory of the device that the host writes while the device works: small tensors from the host take it, so that they
  // are ready at once. Null where there is none.
  std::unique_ptr<Heap> arrivals;
  std::unique_ptr<KernelCache> kernels;
  std::unique_ptr<ScratchArena> scratch;
  Device* owner = nullptr;  // while its client lives
  ProcessMark process;
  DeviceSpeed speed;  // for estimates of how long work takes
};

}  // namespace dragoman::runtime
