// SPDX-License-Identifier: Apache-2.0
// Move-only owners of Vulkan handles. They destroy at once: whoever drops one makes sure that the device is done with
// it (runtime/ hands such owners to its retire list). The device must outlive them. In the child of a fork they leave
// the driver alone.
#pragma once

#include <utility>

#include "vulkan/functions.h"

namespace dragoman::vulkan {

template <typename Handle, auto Destroy>
class Owned {
 public:
  Owned() = default;
  Owned(const DeviceFunctions& functions, VkDevice device, Handle handle)
      : functions_(&functions), device_(device), handle_(handle) {}
  Owned(Owned&& other) noexcept { Swap(other); }
  Owned& operator=(Owned&& other) noexcept {
    Owned moved(std::move(other));
    Swap(moved);
    return *this;
  }
  ~Owned() {
    if (handle_ != VK_NULL_HANDLE && !functions_->process.IsForked()) (functions_->*Destroy)(device_, handle_, nullptr);
  }
  Handle get() const { return handle_; }

 private:
  void Swap(Owned& other) {
    std::swap(functions_, other.functions_);
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
  }

  const DeviceFunctions* functions_ = nullptr;
  VkDevice device_ = VK_NULL_HANDLE;
  Handle handle_ = VK_NULL_HANDLE;
};

using OwnedBuffer = Owned<VkBuffer, &DeviceFunctions::vkDestroyBuffer>;
using OwnedMemory = Owned<VkDeviceMemory, &DeviceFunctions::vkFreeMemory>;
using OwnedSemaphore = Owned<VkSemaphore, &DeviceFunctions::vkDestroySemaphore>;
using OwnedShaderModule = Owned<VkShaderModule, &DeviceFunctions::vkDestroyShaderModule>;
using OwnedPipeline = Owned<VkPipeline, &DeviceFunctions::vkDestroyPipeline>;
using OwnedPipelineLayout = Owned<VkPipelineLayout, &DeviceFunctions::vkDestroyPipelineLayout>;
using OwnedPipelineCache = Owned<VkPipelineCache, &DeviceFunctions::vkDestroyPipelineCache>;
using OwnedQueryPool = Owned<VkQueryPool, &DeviceFunctions::vkDestroyQueryPool>;
using OwnedCommandPool = Owned<VkCommandPool, &DeviceFunctions::vkDestroyCommandPool>;

}  // namespace dragoman::vulkan
