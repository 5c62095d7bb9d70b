// SPDX-License-Identifier: Apache-2.0
// A Vulkan layer that does to a device, when it is told to, what happens to devices: it loses it, so that every submission
// fails as after a reset, or leaves it little memory.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>

#define EXPORTED __attribute__((visibility("default")))

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_vkQueueSubmit next_submit;
static PFN_vkAllocateMemory next_allocate;
static PFN_vkFreeMemory next_free;
static volatile int is_lost;

static struct {
  pthread_mutex_t mutex;
  VkDeviceMemory memories[4096];
  VkDeviceSize sizes[4096], used, bound;
} memory = {.mutex = PTHREAD_MUTEX_INITIALIZER, .bound = ~(VkDeviceSize)0};

EXPORTED void lose_device(void) { is_lost = 1; }
EXPORTED void bound_memory(uint64_t bytes) { memory.bound = bytes; }

static VKAPI_ATTR VkResult VKAPI_CALL Submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
  return is_lost ? VK_ERROR_DEVICE_LOST : next_submit(queue, count, infos, fence);
}

static int FindMemory(VkDeviceMemory which) {
  for (int i = 0; i < 4096; ++i) {
    if (memory.memories[i] == which) return i;
  }
  abort();
}

static VKAPI_ATTR VkResult VKAPI_CALL Allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *allocator, VkDeviceMemory *result) {
  pthread_mutex_lock(&memory.mutex);
  VkResult status = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  if (info->allocationSize <= memory.bound && memory.used <= memory.bound - info->allocationSize)
    status = next_allocate(device, info, allocator, result);
  if (status == VK_SUCCESS) {
    const int i = FindMemory(VK_NULL_HANDLE);
    memory.memories[i] = *result;
    memory.used += memory.sizes[i] = info->allocationSize;
  }
  pthread_mutex_unlock(&memory.mutex);
  return status;
}

static VKAPI_ATTR void VKAPI_CALL Free(VkDevice device, VkDeviceMemory which, const VkAllocationCallbacks *allocator) {
  pthread_mutex_lock(&memory.mutex);
  if (which != VK_NULL_HANDLE) {
    const int i = FindMemory(which);
    memory.used -= memory.sizes[i];
    memory.memories[i] = VK_NULL_HANDLE;
  }
  next_free(device, which, allocator);
  pthread_mutex_unlock(&memory.mutex);
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateInstance(const VkInstanceCreateInfo *info,
                                                     const VkAllocationCallbacks *allocator, VkInstance *instance) {
  VkLayerInstanceCreateInfo *chain = (void *)info->pNext;
  while (chain->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || chain->function != VK_LAYER_LINK_INFO)
    chain = (void *)chain->pNext;
  next_instance = chain->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  chain->u.pLayerInfo = chain->u.pLayerInfo->pNext;
  return ((PFN_vkCreateInstance)next_instance(NULL, "vkCreateInstance"))(info, allocator, instance);
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                   const VkAllocationCallbacks *allocator, VkDevice *device) {
  VkLayerDeviceCreateInfo *chain = (void *)info->pNext;
  while (chain->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || chain->function != VK_LAYER_LINK_INFO)
    chain = (void *)chain->pNext;
  PFN_vkCreateDevice create =
      (PFN_vkCreateDevice)chain->u.pLayerInfo->pfnNextGetInstanceProcAddr(NULL, "vkCreateDevice");
  next_device = chain->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  chain->u.pLayerInfo = chain->u.pLayerInfo->pNext;
  VkResult result = create(physical, info, allocator, device);
  if (result != VK_SUCCESS) return result;
  next_submit = (PFN_vkQueueSubmit)next_device(*device, "vkQueueSubmit");
  next_allocate = (PFN_vkAllocateMemory)next_device(*device, "vkAllocateMemory");
  next_free = (PFN_vkFreeMemory)next_device(*device, "vkFreeMemory");
  return result;
}

EXPORTED PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name);
EXPORTED PFN_vkVoidFunction vkGetDeviceProcAddr(VkDevice device, const char *name);

static PFN_vkVoidFunction Own(const char *name) {
  static const struct {
    const char *name;
    PFN_vkVoidFunction function;
  } table[] = {
      {"vkGetInstanceProcAddr", (PFN_vkVoidFunction)vkGetInstanceProcAddr},
      {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)vkGetDeviceProcAddr},
      {"vkCreateInstance", (PFN_vkVoidFunction)CreateInstance},
      {"vkCreateDevice", (PFN_vkVoidFunction)CreateDevice},
      {"vkQueueSubmit", (PFN_vkVoidFunction)Submit},
      {"vkAllocateMemory", (PFN_vkVoidFunction)Allocate},
      {"vkFreeMemory", (PFN_vkVoidFunction)Free},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
    if (strcmp(name, table[i].name) == 0) return table[i].function;
  }
  return NULL;
}

PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name) {
  PFN_vkVoidFunction own = Own(name);
  return own != NULL ? own : next_instance(instance, name);
}

PFN_vkVoidFunction vkGetDeviceProcAddr(VkDevice device, const char *name) {
  PFN_vkVoidFunction own = Own(name);
  return own != NULL ? own : next_device(device, name);
}
