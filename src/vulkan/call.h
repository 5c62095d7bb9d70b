// SPDX-License-Identifier: Apache-2.0
// The one wrapper around every Vulkan call that can fail: a VkResult becomes a Status, tests can inject faults.
#pragma once

#include <atomic>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "vulkan/api.h"

namespace dragoman::vulkan {

// OK for success codes; VK_TIMEOUT is DEADLINE_EXCEEDED, out of memory RESOURCE_EXHAUSTED, device lost UNAVAILABLE
// (and Status::is_device_lost).
Status ToStatus(std::string_view function, VkResult result);

// Faults that tests ask for. Costs one relaxed load a call while none is armed. Thread-safe.
class Faults {
 public:
  // After `skip` more calls of `function`, the next `times` calls are not made and give `result`.
  void Inject(std::string_view function, VkResult result, int skip = 0, int times = 1);
  void Clear();
  // VK_SUCCESS: make the call.
  VkResult Next(std::string_view function) {
    return is_armed_.load(std::memory_order_relaxed) ? Take(function) : VK_SUCCESS;
  }

 private:
  struct Fault {
    std::string function;
    VkResult result;
    int skip;
    int times;
  };
  VkResult Take(std::string_view function);

  std::atomic<bool> is_armed_ = false;
  std::mutex faults_mutex_;
  std::vector<Fault> faults_;
};

template <typename Function, typename... Args>
Status Call(Faults& faults, std::string_view name, Function function, Args... args) {
  if (const VkResult injected = faults.Next(name); injected != VK_SUCCESS) [[unlikely]]
    return ToStatus(name, injected);
  const VkResult result = function(args...);
  if (result == VK_SUCCESS) [[likely]]
    return OkStatus();
  return ToStatus(name, result);
}

}  // namespace dragoman::vulkan
