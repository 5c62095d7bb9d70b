// SPDX-License-Identifier: Apache-2.0
// The chain of Vulkan feature structs: asked of a physical device, and again, reduced to what generated code may use,
// when a device is created.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "target/profile.h"
#include "vulkan/api.h"

namespace dragoman::vulkan {

using ExtensionSet = std::set<std::string, std::less<>>;

// Structs are linked only where the device's version or an extension allows. Not copyable: the structs point at each
// other.
struct FeatureChain {
  FeatureChain(uint32_t device_version, const ExtensionSet& extensions);
  FeatureChain(const FeatureChain&) = delete;
  FeatureChain& operator=(const FeatureChain&) = delete;

  VkPhysicalDeviceFeatures2 core{};
  VkPhysicalDeviceVulkan11Features vulkan11{};
  VkPhysicalDeviceVulkan12Features vulkan12{};
  VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size_control{};
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR cooperative_matrix{};
  VkPhysicalDeviceShaderBfloat16FeaturesKHR bfloat16{};
};

// Copies into `wanted` those of `available` that code generated for `profile` may use.
void SelectFeatures(const FeatureChain& available, const target::DeviceProfile& profile, FeatureChain& wanted);
// The extensions that the linked structs need on a device of this version.
std::vector<const char*> RequiredExtensions(uint32_t device_version, const ExtensionSet& extensions);

}  // namespace dragoman::vulkan
