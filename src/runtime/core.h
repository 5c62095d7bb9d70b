// SPDX-License-Identifier: Apache-2.0
// What everything that lives on one device shares. Buffers, events and executables keep it alive after its client is
// gone.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "runtime/arena_chunks.h"
#include "runtime/heap.h"
#include "runtime/kernel_cache.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {

using Allocations = std::vector<std::shared_ptr<Allocation>>;

// The temporaries of whatever program runs: programs follow each other on the queue, so one arena serves them all. Each
// of its chunks has the size of the largest that a loaded program needs; nothing is held while nothing needs it.
// Thread-safe.
class ScratchArena {
 public:
  explicit ScratchArena(Heap& heap) : heap_(heap) {}
  void Register(std::span<const ArenaChunk> chunks);
  void Unregister(std::span<const ArenaChunk> chunks);
  // The first `count` chunks. Hold them until the work that uses them was submitted.
  StatusOr<Allocations> Get(size_t count);

 private:
  Heap& heap_;
  std::mutex arena_mutex_;
  std::vector<std::multiset<uint64_t>> sizes_;  // by chunk: what each loaded program needs
  Allocations arena_;
};

struct Core {
  static StatusOr<std::shared_ptr<Core>> Create(std::shared_ptr<vulkan::Instance> instance,
                                                vulkan::PhysicalDevice physical);
  ~Core();
  Heap& heap(vulkan::MemoryKind kind) { return *heaps[static_cast<int>(kind)]; }
  // OK, or why nothing can run: the device is lost, or this is the child of a fork.
  Status CheckUsable() const;
  bool IsForked() const;

  std::unique_ptr<vulkan::Device> device;
  std::unique_ptr<vulkan::PipelineCache> pipeline_cache;
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Heap> heaps[vulkan::kNumMemoryKinds];
  std::unique_ptr<KernelCache> kernels;
  std::unique_ptr<ScratchArena> scratch;
  Device* owner = nullptr;  // while its client lives
  pid_t process = 0;
};

}  // namespace dragoman::runtime
