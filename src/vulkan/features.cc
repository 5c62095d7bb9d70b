// SPDX-License-Identifier: Apache-2.0
#include "vulkan/features.h"

#include <vector>

namespace dragoman::vulkan {
namespace {

struct OptionalExtension {
  const char* name;
  uint32_t core_since;  // needs no extension from this version on; ~0: never
};

constexpr uint32_t kNever = ~0u;
constexpr OptionalExtension kSubgroupSizeControl = {VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, VK_API_VERSION_1_3};
constexpr OptionalExtension kCooperativeMatrix = {VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, kNever};
constexpr OptionalExtension kBfloat16 = {VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME, kNever};
constexpr OptionalExtension kOptionalExtensions[] = {kSubgroupSizeControl, kCooperativeMatrix, kBfloat16};

bool IsAvailable(const OptionalExtension& extension, uint32_t device_version, const ExtensionSet& extensions) {
  return device_version >= extension.core_since || extensions.count(extension.name) != 0;
}

}  // namespace

FeatureChain::FeatureChain(uint32_t device_version, const ExtensionSet& extensions) {
  void** tail = &core.pNext;
  const auto link = [&](auto& feature, VkStructureType type) {
    feature.sType = type;
    *tail = &feature;
    tail = &feature.pNext;
  };
  const auto link_if = [&](const OptionalExtension& extension, auto& feature, VkStructureType type) {
    if (IsAvailable(extension, device_version, extensions)) link(feature, type);
  };
  core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  if (device_version < VK_API_VERSION_1_2) return;
  link(vulkan11, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES);
  link(vulkan12, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES);
  link_if(kSubgroupSizeControl, subgroup_size_control,
          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES);
  link_if(kCooperativeMatrix, cooperative_matrix, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR);
  link_if(kBfloat16, bfloat16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR);
}

void SelectFeatures(const FeatureChain& available, const target::DeviceProfile& profile, FeatureChain& wanted) {
  const auto& core = available.core.features;
  wanted.core.features.shaderInt64 = core.shaderInt64 && profile.int64;
  wanted.core.features.shaderInt16 = core.shaderInt16 && profile.int16;
  wanted.core.features.shaderFloat64 = core.shaderFloat64 && profile.float64;
  wanted.vulkan11.storageBuffer16BitAccess = available.vulkan11.storageBuffer16BitAccess && profile.storage16;
  const auto& v12 = available.vulkan12;
  wanted.vulkan12.storageBuffer8BitAccess = v12.storageBuffer8BitAccess && profile.storage8;
  wanted.vulkan12.shaderFloat16 = v12.shaderFloat16 && profile.float16;
  wanted.vulkan12.shaderInt8 = v12.shaderInt8 && profile.int8;
  wanted.vulkan12.scalarBlockLayout = v12.scalarBlockLayout;
  wanted.vulkan12.shaderSubgroupExtendedTypes = v12.shaderSubgroupExtendedTypes;
  wanted.vulkan12.timelineSemaphore = v12.timelineSemaphore;
  wanted.vulkan12.bufferDeviceAddress = v12.bufferDeviceAddress;
  wanted.vulkan12.vulkanMemoryModel = v12.vulkanMemoryModel && profile.vulkan_memory_model;
  wanted.vulkan12.vulkanMemoryModelDeviceScope = v12.vulkanMemoryModelDeviceScope && profile.vulkan_memory_model;
  const auto& subgroups = available.subgroup_size_control;
  wanted.subgroup_size_control.subgroupSizeControl = subgroups.subgroupSizeControl && profile.subgroup_size_control;
  wanted.subgroup_size_control.computeFullSubgroups = subgroups.computeFullSubgroups && profile.compute_full_subgroups;
  wanted.cooperative_matrix.cooperativeMatrix =
      available.cooperative_matrix.cooperativeMatrix && profile.cooperative_matrix;
  wanted.bfloat16.shaderBFloat16Type = available.bfloat16.shaderBFloat16Type && profile.shader_bfloat16;
  wanted.bfloat16.shaderBFloat16DotProduct = available.bfloat16.shaderBFloat16DotProduct && profile.shader_bfloat16;
  wanted.bfloat16.shaderBFloat16CooperativeMatrix =
      available.bfloat16.shaderBFloat16CooperativeMatrix && profile.shader_bfloat16 && profile.cooperative_matrix;
}

std::vector<const char*> RequiredExtensions(uint32_t device_version, const ExtensionSet& extensions) {
  std::vector<const char*> names;
  for (const OptionalExtension& extension : kOptionalExtensions) {
    if (device_version < extension.core_since && extensions.count(extension.name) != 0) names.push_back(extension.name);
  }
  return names;
}

}  // namespace dragoman::vulkan
