// SPDX-License-Identifier: Apache-2.0
// What everything that lives on one device shares. Buffers, events and executables keep it alive after its client is
// gone.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <set>

#include "runtime/heap.h"
#include "runtime/kernel_cache.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {

// The temporaries of whatever program runs: programs follow each other on the queue, so one arena serves them all. It
// has the size of the largest program that is loaded, and none while nothing needs it. Thread-safe.
class ScratchArena {
 public:
  explicit ScratchArena(Heap& heap) : heap_(heap) {}
  void Register(uint64_t size_bytes);
  void Unregister(uint64_t size_bytes);
  // Hold the result until the work that uses it was submitted.
  StatusOr<std::shared_ptr<Allocation>> Get();

 private:
  Heap& heap_;
  std::mutex arena_mutex_;
  std::multiset<uint64_t> sizes_;
  std::shared_ptr<Allocation> arena_;
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
