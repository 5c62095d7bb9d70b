// SPDX-License-Identifier: Apache-2.0
// The Vulkan loader, opened at run time, and one VkInstance.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "vulkan/call.h"
#include "vulkan/functions.h"

namespace dragoman::vulkan {

struct InstanceOptions {
  // Validation layers: their messages go to stderr and are counted. FAILED_PRECONDITION when they are not installed.
  bool enable_validation = false;
};

// Thread-safe after creation. Never closes the loader: drivers leave threads and exit handlers behind.
class Instance {
 public:
  // UNAVAILABLE when there is no loader or no driver; the sentence names the cure. DRAGOMAN_VULKAN_LIBRARY names
  // another loader library than libvulkan.so.1.
  static StatusOr<std::shared_ptr<Instance>> Create(const InstanceOptions& options);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  VkInstance handle() const { return handle_; }
  const InstanceFunctions& functions() const { return functions_; }
  uint32_t api_version() const { return api_version_; }
  Faults& faults() { return faults_; }
  // Warnings and errors of the validation layers so far.
  int validation_message_count() const { return validation_message_count_; }

 private:
  Instance() = default;
  Status Initialize(const InstanceOptions& options);
  Status CreateMessenger();
  static VkBool32 VKAPI_PTR OnMessage(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                      VkDebugUtilsMessageTypeFlagsEXT types,
                                      const VkDebugUtilsMessengerCallbackDataEXT* data, void* user_data);

  GlobalFunctions global_;
  InstanceFunctions functions_;
  VkInstance handle_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  uint32_t api_version_ = 0;
  std::atomic<int> validation_message_count_ = 0;
  Faults faults_;
};

}  // namespace dragoman::vulkan
