// SPDX-License-Identifier: Apache-2.0
// Every Vulkan function we call: one row a function. Rows marked optional belong to extensions and may be null.
#pragma once

#include "base/process.h"
#include "base/status.h"
#include "vulkan/api.h"

namespace dragoman::vulkan {

#define DRAGOMAN_VULKAN_GLOBAL_FUNCTIONS(X) \
  X(vkCreateInstance)                       \
  X(vkEnumerateInstanceVersion)             \
  X(vkEnumerateInstanceLayerProperties)     \
  X(vkEnumerateInstanceExtensionProperties)

#define DRAGOMAN_VULKAN_INSTANCE_FUNCTIONS(X) \
  X(vkDestroyInstance)                        \
  X(vkEnumeratePhysicalDevices)               \
  X(vkEnumerateDeviceExtensionProperties)     \
  X(vkGetPhysicalDeviceProperties)            \
  X(vkGetPhysicalDeviceProperties2)           \
  X(vkGetPhysicalDeviceFeatures2)             \
  X(vkGetPhysicalDeviceMemoryProperties)      \
  X(vkGetPhysicalDeviceQueueFamilyProperties) \
  X(vkCreateDevice)                           \
  X(vkGetDeviceProcAddr)

#define DRAGOMAN_VULKAN_OPTIONAL_INSTANCE_FUNCTIONS(X) \
  X(vkCreateDebugUtilsMessengerEXT)                    \
  X(vkDestroyDebugUtilsMessengerEXT)                   \
  X(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)

#define DRAGOMAN_VULKAN_DEVICE_FUNCTIONS(X) \
  X(vkDestroyDevice)                        \
  X(vkGetDeviceQueue)                       \
  X(vkQueueSubmit)                          \
  X(vkDeviceWaitIdle)                       \
  X(vkCreateSemaphore)                      \
  X(vkDestroySemaphore)                     \
  X(vkWaitSemaphores)                       \
  X(vkAllocateMemory)                       \
  X(vkFreeMemory)                           \
  X(vkMapMemory)                            \
  X(vkCreateBuffer)                         \
  X(vkDestroyBuffer)                        \
  X(vkGetBufferMemoryRequirements)          \
  X(vkBindBufferMemory)                     \
  X(vkGetBufferDeviceAddress)               \
  X(vkCreateShaderModule)                   \
  X(vkDestroyShaderModule)                  \
  X(vkCreatePipelineLayout)                 \
  X(vkDestroyPipelineLayout)                \
  X(vkCreatePipelineCache)                  \
  X(vkDestroyPipelineCache)                 \
  X(vkGetPipelineCacheData)                 \
  X(vkCreateComputePipelines)               \
  X(vkDestroyPipeline)                      \
  X(vkCreateCommandPool)                    \
  X(vkDestroyCommandPool)                   \
  X(vkAllocateCommandBuffers)               \
  X(vkBeginCommandBuffer)                   \
  X(vkEndCommandBuffer)                     \
  X(vkCmdBindPipeline)                      \
  X(vkCmdPushConstants)                     \
  X(vkCmdDispatch)                          \
  X(vkCmdDispatchBase)                      \
  X(vkCmdDispatchIndirect)                  \
  X(vkCmdPipelineBarrier)                   \
  X(vkCmdCopyBuffer)                        \
  X(vkCreateQueryPool)                      \
  X(vkDestroyQueryPool)                     \
  X(vkCmdResetQueryPool)                    \
  X(vkCmdWriteTimestamp)                    \
  X(vkGetQueryPoolResults)

struct GlobalFunctions {
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
#define X(name) PFN_##name name = nullptr;
  DRAGOMAN_VULKAN_GLOBAL_FUNCTIONS(X)
#undef X
};
struct InstanceFunctions {
#define X(name) PFN_##name name = nullptr;
  DRAGOMAN_VULKAN_INSTANCE_FUNCTIONS(X)
  DRAGOMAN_VULKAN_OPTIONAL_INSTANCE_FUNCTIONS(X)
#undef X
  ProcessMark process;  // that they may be called in
};
struct DeviceFunctions {
#define X(name) PFN_##name name = nullptr;
  DRAGOMAN_VULKAN_DEVICE_FUNCTIONS(X)
#undef X
  ProcessMark process;  // that they may be called in
};

// UNAVAILABLE naming the first function that is missing.
StatusOr<GlobalFunctions> LoadGlobalFunctions(PFN_vkGetInstanceProcAddr get);
StatusOr<InstanceFunctions> LoadInstanceFunctions(const GlobalFunctions& global, VkInstance instance);
StatusOr<DeviceFunctions> LoadDeviceFunctions(const InstanceFunctions& functions, VkDevice device);

}  // namespace dragoman::vulkan
