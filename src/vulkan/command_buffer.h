// SPDX-License-Identifier: Apache-2.0
// Recording. The compiler plans where barriers stand; each covers all memory. They name no more stages than they need:
// on NVIDIA one that also names copies takes four times as long.
#pragma once

#include "vulkan/device.h"
#include "vulkan/timestamps.h"

namespace dragoman::vulkan {

// What must wait for what.
enum class Barrier : uint8_t {
  kBetweenSteps,      // kernels before, kernels after
  kBetweenTransfers,  // copies before, copies after
  kBeforeIndirect,    // kernels before, kernels and the dispatch sizes they read after
  kStart,             // everything submitted before, everything after
  kEnd                // everything before, the host after
};

// Not thread-safe: a pool and its buffers belong to one thread at a time.
class CommandPool {
 public:
  static StatusOr<CommandPool> Create(Device& device);
  // Lives as long as the pool.
  StatusOr<VkCommandBuffer> Allocate();

 private:
  CommandPool(Device& device, OwnedCommandPool pool) : device_(&device), pool_(std::move(pool)) {}
  Device* device_;
  OwnedCommandPool pool_;
};

// Records into a buffer of a pool. `is_reusable`: may be submitted again while an earlier submission of it runs.
class Recorder {
 public:
  static StatusOr<Recorder> Begin(Device& device, VkCommandBuffer buffer, bool is_reusable);
  Status End();
  VkCommandBuffer command_buffer() const { return buffer_; }

  void Wait(Barrier barrier);
  // The push constants: the address of the dispatch's records, how many segments they have and how many workgroups.
  void SetRecords(uint64_t address, uint32_t num_segments, uint32_t num_workgroups);
  void Bind(VkPipeline pipeline);
  // Workgroups of y from `base_y` on; the bound pipeline takes a base unless it is 0.
  void Dispatch(uint32_t x, uint32_t y, uint32_t base_y = 0);
  // The sizes are three u32 at `offset_bytes`, a multiple of 4.
  void DispatchIndirect(const Memory& sizes, uint64_t offset_bytes);
  void Copy(const Memory& source, uint64_t source_offset, const Memory& target, uint64_t target_offset,
            uint64_t size_bytes);
  // Before the command buffer writes any of them.
  void Reset(const Timestamps& timestamps, uint32_t first, uint32_t count);
  // When everything recorded so far is done.
  void Write(const Timestamps& timestamps, uint32_t index);

 private:
  Recorder(Device& device, VkCommandBuffer buffer) : device_(&device), buffer_(buffer) {}
  Device* device_;
  VkCommandBuffer buffer_;
  VkPipeline bound_ = VK_NULL_HANDLE;
};

}  // namespace dragoman::vulkan
