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
constexpr OptionalExtension kMaintenance4 = {VK_KHR_MAINTENANCE_4_EXTENSION_NAME, VK_API_VERSION_1_3};
constexpr OptionalExtension kCooperativeMatrix = {VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, kNever};
constexpr OptionalExtension kBfloat16 = {VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME, kNever};
constexpr OptionalExtension kOptionalExtensions[] = {kSubgroupSizeControl, kMaintenance4, kCooperativeMatrix,
                                                     kBfloat16};

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
  link_if(kMaintenance4, maintenance4, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES);
  link_if(kCooperativeMatrix, cooperative_matrix, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR);
  link_if(kBfloat16, bfloat16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR);
}

void SelectFeatures(const FeatureChain& available, FeatureChain& wanted) {
  const auto& core = available.core.features;
  wanted.core.features.shaderInt64 = core.shaderInt64;
  wanted.core.features.shaderInt16 = core.shaderInt16;
  wanted.core.features.shaderFloat64 = core.shaderFloat64;
  wanted.vulkan11.storageBuffer16BitAccess = available.vulkan11.storageBuffer16BitAccess;
  wanted.vulkan11.variablePointersStorageBuffer = available.vulkan11.variablePointersStorageBuffer;
  wanted.vulkan11.variablePointers = available.vulkan11.variablePointers;
  const auto& v12 = available.vulkan12;
  wanted.vulkan12.storageBuffer8BitAccess = v12.storageBuffer8BitAccess;
  wanted.vulkan12.shaderFloat16 = v12.shaderFloat16;
  wanted.vulkan12.shaderInt8 = v12.shaderInt8;
  wanted.vulkan12.scalarBlockLayout = v12.scalarBlockLayout;
  wanted.vulkan12.shaderSubgroupExtendedTypes = v12.shaderSubgroupExtendedTypes;
  wanted.vulkan12.timelineSemaphore = v12.timelineSemaphore;
  wanted.vulkan12.bufferDeviceAddress = v12.bufferDeviceAddress;
  wanted.vulkan12.vulkanMemoryModel = v12.vulkanMemoryModel;
  wanted.vulkan12.vulkanMemoryModelDeviceScope = v12.vulkanMemoryModelDeviceScope;
  wanted.subgroup_size_control.subgroupSizeControl = available.subgroup_size_control.subgroupSizeControl;
  wanted.subgroup_size_control.computeFullSubgroups = available.subgroup_size_control.computeFullSubgroups;
  wanted.maintenance4.maintenance4 = available.maintenance4.maintenance4;
  wanted.cooperative_matrix.cooperativeMatrix = available.cooperative_matrix.cooperativeMatrix;
  wanted.bfloat16.shaderBFloat16Type = available.bfloat16.shaderBFloat16Type;
  wanted.bfloat16.shaderBFloat16DotProduct = available.bfloat16.shaderBFloat16DotProduct;
  wanted.bfloat16.shaderBFloat16CooperativeMatrix = available.bfloat16.shaderBFloat16CooperativeMatrix;
}

std::vector<const char*> RequiredExtensions(uint32_t device_version, const ExtensionSet& extensions) {
  std::vector<const char*> names;
  for (const OptionalExtension& extension : kOptionalExtensions) {
    if (device_version < extension.core_since && extensions.count(extension.name) != 0) names.push_back(extension.name);
  }
  return names;
}

}  // namespace dragoman::vulkan
