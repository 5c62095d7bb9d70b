// SPDX-License-Identifier: Apache-2.0
#include "vulkan/functions.h"

#include "base/format.h"

namespace dragoman::vulkan {
namespace {

Status Missing(const char* name) {
  return Unavailable(Format("The Vulkan loader or driver lacks the function {}. Dragoman needs Vulkan 1.2.", name));
}

}  // namespace

StatusOr<GlobalFunctions> LoadGlobalFunctions(PFN_vkGetInstanceProcAddr get) {
  GlobalFunctions functions;
  functions.vkGetInstanceProcAddr = get;
#define X(name)                                                       \
  functions.name = reinterpret_cast<PFN_##name>(get(nullptr, #name)); \
  if (functions.name == nullptr) return Missing(#name);
  DRAGOMAN_VULKAN_GLOBAL_FUNCTIONS(X)
#undef X
  return functions;
}

StatusOr<InstanceFunctions> LoadInstanceFunctions(const GlobalFunctions& global, VkInstance instance) {
  InstanceFunctions functions;
#define X(name) functions.name = reinterpret_cast<PFN_##name>(global.vkGetInstanceProcAddr(instance, #name));
  DRAGOMAN_VULKAN_INSTANCE_FUNCTIONS(X)
  DRAGOMAN_VULKAN_OPTIONAL_INSTANCE_FUNCTIONS(X)
#undef X
#define X(name) \
  if (functions.name == nullptr) return Missing(#name);
  DRAGOMAN_VULKAN_INSTANCE_FUNCTIONS(X)
#undef X
  return functions;
}

StatusOr<DeviceFunctions> LoadDeviceFunctions(const InstanceFunctions& instance, VkDevice device) {
  DeviceFunctions functions;
#define X(name)                                                                               \
  functions.name = reinterpret_cast<PFN_##name>(instance.vkGetDeviceProcAddr(device, #name)); \
  if (functions.name == nullptr) return Missing(#name);
  DRAGOMAN_VULKAN_DEVICE_FUNCTIONS(X)
#undef X
  return functions;
}

}  // namespace dragoman::vulkan
