// SPDX-License-Identifier: Apache-2.0
#include "vulkan/physical_device.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/format.h"
#include "target/quirks.h"

namespace dragoman::vulkan {
namespace {

// The chain of property structs; linked as FeatureChain is.
struct PropertyChain {
  PropertyChain(uint32_t device_version, const ExtensionSet& extensions);
  PropertyChain(const PropertyChain&) = delete;
  PropertyChain& operator=(const PropertyChain&) = delete;

  VkPhysicalDeviceProperties2 core{};
  VkPhysicalDeviceVulkan11Properties vulkan11{};
  VkPhysicalDeviceVulkan12Properties vulkan12{};
  VkPhysicalDeviceSubgroupSizeControlProperties subgroup_size_control{};
  VkPhysicalDeviceMaintenance4Properties maintenance4{};
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm_builtins{};
  VkPhysicalDeviceShaderCorePropertiesAMD core_amd{};
  VkPhysicalDevicePipelineBinaryPropertiesKHR pipeline_binary{};
};

PropertyChain::PropertyChain(uint32_t device_version, const ExtensionSet& extensions) {
  void** tail = &core.pNext;
  const auto link = [&](bool is_available, auto& properties, VkStructureType type) {
    properties.sType = type;
    if (!is_available) return;
    *tail = &properties;
    tail = &properties.pNext;
  };
  const auto has = [&](const char* name, uint32_t core_since = ~0u) {
    return device_version >= core_since || extensions.count(name) != 0;
  };
  core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  if (device_version < VK_API_VERSION_1_2) return;
  link(true, vulkan11, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES);
  link(true, vulkan12, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES);
  link(has(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, VK_API_VERSION_1_3), subgroup_size_control,
       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES);
  link(has(VK_KHR_MAINTENANCE_4_EXTENSION_NAME, VK_API_VERSION_1_3), maintenance4,
       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES);
  link(has(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME), sm_builtins,
       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV);
  link(has(VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME), core_amd,
       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD);
  const bool has_pipeline_binary = device_version >= VK_API_VERSION_1_3 && has(VK_KHR_MAINTENANCE_5_EXTENSION_NAME) &&
                                   has(VK_KHR_PIPELINE_BINARY_EXTENSION_NAME);
  link(has_pipeline_binary, pipeline_binary, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_BINARY_PROPERTIES_KHR);
}

void FillIdentity(const VkPhysicalDeviceProperties& properties, target::DeviceProfile& profile) {
  profile.name = properties.deviceName;
  profile.vendor_id = properties.vendorID;
  profile.device_id = properties.deviceID;
  profile.driver_version = properties.driverVersion;
  profile.api_version = properties.apiVersion;
  profile.type = properties.deviceType <= VK_PHYSICAL_DEVICE_TYPE_CPU
                     ? static_cast<target::DeviceType>(properties.deviceType)
                     : target::DeviceType::kOther;
}

void FillFeatures(const FeatureChain& features, target::DeviceProfile& profile) {
  const auto& core = features.core.features;
  profile.float64 = core.shaderFloat64;
  profile.int16 = core.shaderInt16;
  profile.int64 = core.shaderInt64;
  profile.float16 = features.vulkan12.shaderFloat16;
  profile.int8 = features.vulkan12.shaderInt8;
  profile.storage8 = features.vulkan12.storageBuffer8BitAccess;
  profile.storage16 = features.vulkan11.storageBuffer16BitAccess;
  profile.vulkan_memory_model = features.vulkan12.vulkanMemoryModel && features.vulkan12.vulkanMemoryModelDeviceScope;
  profile.compute_full_subgroups = features.subgroup_size_control.computeFullSubgroups;
  profile.cooperative_matrix = features.cooperative_matrix.cooperativeMatrix && profile.vulkan_memory_model;
  profile.shader_bfloat16 = features.bfloat16.shaderBFloat16Type;
}

void FillSubgroups(const PropertyChain& properties, const FeatureChain& features, target::DeviceProfile& profile) {
  const auto& v11 = properties.vulkan11;
  profile.subgroup_size = static_cast<int>(v11.subgroupSize);
  profile.subgroup_min_size = profile.subgroup_size;
  profile.subgroup_max_size = profile.subgroup_size;
  const bool in_compute = (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
  const auto has = [&](VkSubgroupFeatureFlagBits bit) {
    return in_compute && (v11.subgroupSupportedOperations & bit) != 0;
  };
  profile.subgroup_basic = has(VK_SUBGROUP_FEATURE_BASIC_BIT);
  profile.subgroup_shuffle = has(VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
  const auto& control = properties.subgroup_size_control;
  if (control.minSubgroupSize == 0 || !features.subgroup_size_control.subgroupSizeControl) return;
  profile.subgroup_min_size = static_cast<int>(control.minSubgroupSize);
  profile.subgroup_max_size = static_cast<int>(control.maxSubgroupSize);
  profile.subgroup_size_control = (control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
}

// How many workgroups of 256 keep the device busy, divided by 4; a guess where the driver does not say.
int ComputeUnits(const PropertyChain& properties, const target::DeviceProfile& profile) {
  if (properties.sm_builtins.shaderSMCount != 0) return static_cast<int>(properties.sm_builtins.shaderSMCount);
  const auto& amd = properties.core_amd;
  const uint64_t units =
      uint64_t{amd.shaderEngineCount} * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
  if (units != 0 && units < 4096) return static_cast<int>(units);
  switch (profile.type) {
    case target::DeviceType::kCpu:
      return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    case target::DeviceType::kDiscreteGpu:
      return 32;
    case target::DeviceType::kIntegratedGpu:
      return 8;
    case target::DeviceType::kVirtualGpu:
      return 16;
    case target::DeviceType::kOther:
      return 16;
  }
  return 16;
}

void FillLimits(const PropertyChain& properties, const VkPhysicalDeviceMemoryProperties& memory,
                target::DeviceProfile& profile) {
  const auto& limits = properties.core.properties.limits;
  profile.max_workgroup_invocations = static_cast<int>(limits.maxComputeWorkGroupInvocations);
  std::copy_n(limits.maxComputeWorkGroupSize, 3, profile.max_workgroup_size.begin());
  profile.shared_memory_bytes = static_cast<int>(limits.maxComputeSharedMemorySize);
  bool is_all_local = true;
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
    if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) == 0) {
      is_all_local = false;
      continue;
    }
    profile.device_memory_bytes = std::max<uint64_t>(profile.device_memory_bytes, memory.memoryHeaps[i].size);
  }
  profile.unified_memory =
      is_all_local || profile.type == target::DeviceType::kIntegratedGpu || profile.type == target::DeviceType::kCpu;
  constexpr uint64_t kLeastAllocation = 1ull << 30;  // what every Vulkan device grants
  profile.max_allocation_bytes = std::max<uint64_t>(properties.vulkan11.maxMemoryAllocationSize, kLeastAllocation);
  profile.max_buffer_bytes =
      properties.maintenance4.maxBufferSize != 0 ? properties.maintenance4.maxBufferSize : profile.max_allocation_bytes;
}

void FillFloatControls(const VkPhysicalDeviceVulkan12Properties& v12, target::DeviceProfile& profile) {
  profile.driver_name = v12.driverName;
  profile.driver_info = v12.driverInfo;
  profile.denorm_preserve_f32 = v12.shaderDenormPreserveFloat32;
  profile.signed_zero_inf_nan_f16 = v12.shaderSignedZeroInfNanPreserveFloat16;
  profile.signed_zero_inf_nan_f32 = v12.shaderSignedZeroInfNanPreserveFloat32;
  profile.signed_zero_inf_nan_f64 = v12.shaderSignedZeroInfNanPreserveFloat64;
  profile.rounding_rte_f16 = v12.shaderRoundingModeRTEFloat16;
}

struct ComponentRow {
  VkComponentTypeKHR component;
  DType dtype;
};
constexpr ComponentRow kComponents[] = {
    {VK_COMPONENT_TYPE_FLOAT16_KHR, DType::kF16}, {VK_COMPONENT_TYPE_FLOAT32_KHR, DType::kF32},
    {VK_COMPONENT_TYPE_FLOAT64_KHR, DType::kF64}, {VK_COMPONENT_TYPE_SINT8_KHR, DType::kS8},
    {VK_COMPONENT_TYPE_SINT32_KHR, DType::kS32},  {VK_COMPONENT_TYPE_UINT8_KHR, DType::kU8},
    {VK_COMPONENT_TYPE_UINT32_KHR, DType::kU32},  {VK_COMPONENT_TYPE_BFLOAT16_KHR, DType::kBF16}};

std::optional<DType> FindComponent(VkComponentTypeKHR component) {
  for (const ComponentRow& row : kComponents) {
    if (row.component == component) return row.dtype;
  }
  return std::nullopt;
}

void FillMatrixShapes(Instance& instance, VkPhysicalDevice device, const FeatureChain& features,
                      target::DeviceProfile& profile) {
  const auto get = instance.functions().vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR;
  uint32_t count = 0;
  if (!profile.cooperative_matrix || get == nullptr || get(device, &count, nullptr) != VK_SUCCESS) {
    profile.cooperative_matrix = false;
    return;
  }
  std::vector<VkCooperativeMatrixPropertiesKHR> rows(count);
  for (auto& row : rows) row = {.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
  if (get(device, &count, rows.data()) != VK_SUCCESS) count = 0;
  rows.resize(std::min<size_t>(count, rows.size()));
  for (const auto& row : rows) {
    const auto input = FindComponent(row.AType), accumulator = FindComponent(row.ResultType);
    if (row.scope != VK_SCOPE_SUBGROUP_KHR || row.AType != row.BType || row.CType != row.ResultType ||
        row.saturatingAccumulation || !input || !accumulator) {
      continue;
    }
    if (*input == DType::kBF16 && !features.bfloat16.shaderBFloat16CooperativeMatrix) continue;
    const target::MatrixShape shape{static_cast<int>(row.MSize), static_cast<int>(row.NSize),
                                    static_cast<int>(row.KSize), *input, *accumulator};
    if (std::find(profile.matrix_shapes.begin(), profile.matrix_shapes.end(), shape) == profile.matrix_shapes.end()) {
      profile.matrix_shapes.push_back(shape);
    }
  }
  profile.cooperative_matrix = !profile.matrix_shapes.empty();
}

StatusOr<ExtensionSet> ListExtensions(Instance& instance, VkPhysicalDevice device) {
  const auto enumerate = instance.functions().vkEnumerateDeviceExtensionProperties;
  uint32_t count = 0;
  RETURN_IF_ERROR(Call(instance.faults(), "vkEnumerateDeviceExtensionProperties", enumerate, device,
                       static_cast<const char*>(nullptr), &count, static_cast<VkExtensionProperties*>(nullptr)));
  std::vector<VkExtensionProperties> properties(count);
  RETURN_IF_ERROR(Call(instance.faults(), "vkEnumerateDeviceExtensionProperties", enumerate, device,
                       static_cast<const char*>(nullptr), &count, properties.data()));
  ExtensionSet extensions;
  for (uint32_t i = 0; i < count; ++i) extensions.insert(properties[i].extensionName);
  return extensions;
}

std::vector<VkQueueFamilyProperties> ListQueueFamilies(const InstanceFunctions& functions, VkPhysicalDevice handle) {
  uint32_t count = 0;
  functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, families.data());
  return families;
}

StatusOr<PhysicalDevice> Describe(Instance& instance, VkPhysicalDevice handle) {
  const InstanceFunctions& functions = instance.functions();
  PhysicalDevice device{.handle = handle};
  VkPhysicalDeviceProperties basic;
  functions.vkGetPhysicalDeviceProperties(handle, &basic);
  const uint32_t version = std::min(basic.apiVersion, instance.api_version());
  ASSIGN_OR_RETURN(device.extensions, ListExtensions(instance, handle));
  functions.vkGetPhysicalDeviceMemoryProperties(handle, &device.memory);
  PropertyChain properties(version, device.extensions);
  FeatureChain features(version, device.extensions);
  properties.core.properties = basic;
  if (version >= VK_API_VERSION_1_1) {
    functions.vkGetPhysicalDeviceProperties2(handle, &properties.core);
    functions.vkGetPhysicalDeviceFeatures2(handle, &features.core);
  }
  const std::vector<VkQueueFamilyProperties> families = ListQueueFamilies(functions, handle);
  const int queue_family = ChooseQueueFamily(families);
  device.queue_family = static_cast<uint32_t>(std::max(queue_family, 0));
  if (queue_family >= 0) device.timestamp_bits = families[queue_family].timestampValidBits;
  device.timestamp_period_ns = basic.limits.timestampPeriod;
  std::copy_n(basic.pipelineCacheUUID, VK_UUID_SIZE, device.pipeline_cache_uuid.begin());
  FillIdentity(basic, device.profile);
  FillFeatures(features, device.profile);
  FillLimits(properties, device.memory, device.profile);
  FillFloatControls(properties.vulkan12, device.profile);
  device.refusal = RefusalOf(device.profile, features, queue_family);
  if (version < VK_API_VERSION_1_2) {
    if (device.refusal.empty()) {
      device.refusal =
          Format("{} cannot be used: the Vulkan loader is older than 1.2. Install a newer one.", basic.deviceName);
    }
    return device;
  }
  FillSubgroups(properties, features, device.profile);
  FillMatrixShapes(instance, handle, features, device.profile);
  device.profile.compute_units = ComputeUnits(properties, device.profile);
  device.has_cache_control = properties.pipeline_binary.pipelineBinaryInternalCacheControl;
  target::ApplyQuirks(device.profile);
  return device;
}

}  // namespace

std::string RefusalOf(const target::DeviceProfile& profile, const FeatureChain& features, int queue_family) {
  // Dozen has what the GPU's driver for Windows has.
  const std::string_view cure = target::IsDozen(profile)
                                    ? "A newer driver of the GPU on Windows, with shader model 6.6, may help"
                                    : "A newer driver may help";
  const auto because = [&](std::string_view reason) {
    return Format("{} cannot be used: {}. {}.", profile.name, reason, cure);
  };
  if (profile.api_version < VK_API_VERSION_1_2) {
    return because(Format("it has Vulkan {}.{}, and Dragoman needs 1.2", VK_API_VERSION_MAJOR(profile.api_version),
                          VK_API_VERSION_MINOR(profile.api_version)));
  }
  if (!features.vulkan12.bufferDeviceAddress) return because("its driver lacks the feature bufferDeviceAddress");
  if (!features.vulkan12.timelineSemaphore) return because("its driver lacks the feature timelineSemaphore");
  if (queue_family < 0) return because("it has no queue for compute work");
  if (profile.max_workgroup_invocations < 128) return because("its workgroups have fewer than 128 invocations");
  return "";
}

int ChooseQueueFamily(const std::vector<VkQueueFamilyProperties>& families) {
  int with_graphics = -1;
  for (size_t i = 0; i < families.size(); ++i) {
    if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0 || families[i].queueCount == 0) continue;
    if ((families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) == 0) return static_cast<int>(i);
    if (with_graphics < 0) with_graphics = static_cast<int>(i);
  }
  return with_graphics;
}

StatusOr<std::vector<PhysicalDevice>> EnumeratePhysicalDevices(Instance& instance) {
  const auto enumerate = instance.functions().vkEnumeratePhysicalDevices;
  uint32_t count = 0;
  const Status status = Call(instance.faults(), "vkEnumeratePhysicalDevices", enumerate, instance.handle(), &count,
                             static_cast<VkPhysicalDevice*>(nullptr));
  // Some loaders say so instead of listing nothing.
  if (status.code() == StatusCode::kUnavailable) return std::vector<PhysicalDevice>();
  RETURN_IF_ERROR(status);
  std::vector<VkPhysicalDevice> handles(count);
  RETURN_IF_ERROR(
      Call(instance.faults(), "vkEnumeratePhysicalDevices", enumerate, instance.handle(), &count, handles.data()));
  std::vector<PhysicalDevice> devices;
  for (uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(PhysicalDevice device, Describe(instance, handles[i]));
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace dragoman::vulkan
