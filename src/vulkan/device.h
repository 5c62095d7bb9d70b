// SPDX-License-Identifier: Apache-2.0
// One logical device with one compute queue and one timeline: submission n signals value n. Methods are thread-safe
// except Submit and WaitIdle, which share the queue: the caller serialises them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>

#include "base/hash.h"
#include "base/status.h"
#include "vulkan/handles.h"
#include "vulkan/instance.h"
#include "vulkan/physical_device.h"

namespace dragoman::vulkan {

// Memory by what it is for.
enum class MemoryKind : uint8_t {
  kDevice,    // tensors; mapped too on devices whose memory is the host's
  kUpload,    // written by the host once, read by the device once
  kReadback,  // written by the device, read by the host (cached)
  kTable,     // written by the host, read often by kernels: the device's own memory where the host can write there
};
inline constexpr int kNumMemoryKinds = 4;

// A buffer that fills one allocation.
struct Memory {
  OwnedMemory memory;
  OwnedBuffer buffer;
  uint64_t address = 0;       // of its first byte on the device
  std::byte* host = nullptr;  // where the host sees it, or null
  uint64_t size_bytes = 0;
};

class Device {
 public:
  // `keeps_pipelines`: whoever makes pipelines keeps them in files, so the driver need not do so too, where that can be
  // said (NVIDIA's takes 1 ms to look for each, under a lock).
  static StatusOr<std::unique_ptr<Device>> Create(std::shared_ptr<Instance> instance, PhysicalDevice physical,
                                                  bool keeps_pipelines = false);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const target::DeviceProfile& profile() const { return physical_.profile; }
  const PhysicalDevice& physical() const { return physical_; }
  Instance& instance() { return *instance_; }
  VkDevice handle() const { return handle_; }
  const DeviceFunctions& functions() const { return functions_; }
  VkPipelineLayout pipeline_layout() const { return layout_.get(); }

  // Every call goes through here. A lost device stays lost: see health.
  template <typename Function, typename... Args>
  Status Call(std::string_view name, Function function, Args... args) {
    Status status = vulkan::Call(instance_->faults(), name, function, args...);
    if (status.is_device_lost()) [[unlikely]]
      MarkLost(status);
    return status;
  }
  // OK, or the error that lost the device.
  Status health() const;

  bool IsHostVisible(MemoryKind kind) const;
  bool IsHostCached(MemoryKind kind) const;
  bool IsDeviceLocal(MemoryKind kind) const;
  // Of the driver's heap that memory of this kind comes from.
  uint64_t HeapBytes(MemoryKind kind) const;
  // RESOURCE_EXHAUSTED when the driver has no more, or when one allocation cannot be that large.
  StatusOr<Memory> Allocate(MemoryKind kind, uint64_t size_bytes);

  // Runs the command buffers in order, then signals the timeline's `value`, which must be larger than all before.
  Status Submit(std::span<const VkCommandBuffer> command_buffers, uint64_t value);
  // True when the timeline has reached `value`; false when `timeout_ns` passed before.
  StatusOr<bool> Wait(uint64_t value, uint64_t timeout_ns);
  Status WaitIdle();

 private:
  Device(std::shared_ptr<Instance> instance, PhysicalDevice physical);
  Status Initialize(bool keeps_pipelines);
  Status CreateTimeline();
  Status CreateLayout();
  Status ChooseMemoryTypes();
  const VkMemoryType& TypeOf(MemoryKind kind) const;
  void MarkLost(const Status& status);

  std::shared_ptr<Instance> instance_;
  PhysicalDevice physical_;
  VkDevice handle_ = VK_NULL_HANDLE;
  VkQueue queue_ = VK_NULL_HANDLE;
  DeviceFunctions functions_;
  OwnedSemaphore timeline_;
  OwnedPipelineLayout layout_;
  uint32_t memory_types_[kNumMemoryKinds] = {};
  std::atomic<bool> is_lost_ = false;
  mutable std::mutex lost_mutex_;
  Status lost_;
};

}  // namespace dragoman::vulkan
