// SPDX-License-Identifier: Apache-2.0
// The Vulkan devices of a machine as DeviceProfiles, and why some of them cannot be used.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/status.h"
#include "target/profile.h"
#include "vulkan/features.h"
#include "vulkan/instance.h"

namespace dragoman::vulkan {

struct PhysicalDevice {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  target::DeviceProfile profile;
  std::string refusal;  // empty: usable. Otherwise one sentence: why not, and what to do.
  uint32_t queue_family = 0;
  uint32_t timestamp_bits = 0;     // of the family's timestamps; 0: it has none
  double timestamp_period_ns = 0;  // of one count
  bool has_cache_control = false;  // the driver's own cache of pipelines can be turned off (VK_KHR_pipeline_binary)
  ExtensionSet extensions;
  VkPhysicalDeviceMemoryProperties memory{};
  std::array<uint8_t, VK_UUID_SIZE> pipeline_cache_uuid{};
};

// In the loader's order. Empty when there are none.
StatusOr<std::vector<PhysicalDevice>> EnumeratePhysicalDevices(Instance& instance);

// Why a device cannot be used, in one sentence, and what may help; empty where it can. `queue_family` is -1 where it
// has none for compute work.
std::string RefusalOf(const target::DeviceProfile& profile, const FeatureChain& features, int queue_family);

// The family for compute work: one without graphics where there is such (on NVIDIA the workgroups of an SM share only
// 48 KiB of shared memory on the graphics family), or -1.
int ChooseQueueFamily(const std::vector<VkQueueFamilyProperties>& families);

}  // namespace dragoman::vulkan
