// SPDX-License-Identifier: Apache-2.0
#include "vulkan/device.h"

#include <algorithm>

#include "base/format.h"

namespace dragoman::vulkan {
namespace {

constexpr uint32_t kPushConstantBytes = 16;

// The memory types a kind accepts, best first.
constexpr VkMemoryPropertyFlags kLocal = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
constexpr VkMemoryPropertyFlags kHost = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
constexpr VkMemoryPropertyFlags kCached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;

struct MemoryPreference {
  VkMemoryPropertyFlags required;
  VkMemoryPropertyFlags unwanted;
};
constexpr MemoryPreference kUnifiedDevice[] = {{kLocal | kHost | kCached, 0}, {kLocal | kHost, 0}, {kLocal, 0}};
constexpr MemoryPreference kDiscreteDevice[] = {{kLocal, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT}, {kLocal, 0}};
constexpr MemoryPreference kUpload[] = {{kHost, kLocal | kCached}, {kHost, kLocal}, {kHost, 0}};
constexpr MemoryPreference kReadback[] = {{kHost | kCached, kLocal}, {kHost | kCached, 0}, {kHost, 0}};
constexpr MemoryPreference kTable[] = {{kLocal | kHost, kCached}, {kLocal | kHost, 0}, {kHost, 0}};

std::span<const MemoryPreference> Preferences(MemoryKind kind, bool is_unified) {
  switch (kind) {
    case MemoryKind::kDevice:
      return is_unified ? std::span<const MemoryPreference>(kUnifiedDevice) : kDiscreteDevice;
    case MemoryKind::kUpload:
      return kUpload;
    case MemoryKind::kReadback:
      return kReadback;
    case MemoryKind::kTable:
      return kTable;
  }
  return kUpload;
}

// Protected and lazily allocated memory, and AMD's uncached kinds, are for other purposes.
constexpr VkMemoryPropertyFlags kNeverWanted =
    VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
    VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;

int FindMemoryType(const VkPhysicalDeviceMemoryProperties& memory, MemoryKind kind, bool is_unified, uint32_t allowed) {
  for (const MemoryPreference& preference : Preferences(kind, is_unified)) {
    for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
      const VkMemoryPropertyFlags flags = memory.memoryTypes[i].propertyFlags;
      const bool is_fit = (flags & preference.required) == preference.required &&
                          (flags & (preference.unwanted | kNeverWanted)) == 0 && (allowed & (1u << i)) != 0;
      if (is_fit) return static_cast<int>(i);
    }
  }
  return -1;
}

VkBufferCreateInfo BufferInfo(uint64_t size_bytes) {
  return {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
          .size = size_bytes,
          .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                   VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT |
                   VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
          .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
}

}  // namespace

StatusOr<std::unique_ptr<Device>> Device::Create(std::shared_ptr<Instance> instance, PhysicalDevice physical,
                                                 bool keeps_pipelines) {
  if (!physical.refusal.empty()) return FailedPrecondition(physical.refusal);
  std::unique_ptr<Device> device(new Device(std::move(instance), std::move(physical)));
  RETURN_IF_ERROR(device->Initialize(keeps_pipelines));
  return device;
}

Device::Device(std::shared_ptr<Instance> instance, PhysicalDevice physical)
    : instance_(std::move(instance)), physical_(std::move(physical)) {}

Status Device::Initialize(bool keeps_pipelines) {
  const uint32_t version = std::min(physical_.profile.api_version, instance_->api_version());
  FeatureChain available(version, physical_.extensions);
  instance_->functions().vkGetPhysicalDeviceFeatures2(physical_.handle, &available.core);
  FeatureChain wanted(version, physical_.extensions);
  SelectFeatures(available, physical_.profile, wanted);
  std::vector<const char*> extensions = RequiredExtensions(version, physical_.extensions);
  VkDevicePipelineBinaryInternalCacheControlKHR no_cache{
      .sType = VK_STRUCTURE_TYPE_DEVICE_PIPELINE_BINARY_INTERNAL_CACHE_CONTROL_KHR,
      .pNext = &wanted.core,
      .disableInternalCache = VK_TRUE};
  const bool leaves_out_cache = keeps_pipelines && physical_.has_cache_control;
  if (leaves_out_cache) {
    extensions.push_back(VK_KHR_MAINTENANCE_5_EXTENSION_NAME);
    extensions.push_back(VK_KHR_PIPELINE_BINARY_EXTENSION_NAME);
  }
  const float priority = 1.0f;
  const VkDeviceQueueCreateInfo queue_info{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = physical_.queue_family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
  const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                .pNext = leaves_out_cache ? static_cast<const void*>(&no_cache) : &wanted.core,
                                .queueCreateInfoCount = 1,
                                .pQueueCreateInfos = &queue_info,
                                .enabledExtensionCount = static_cast<uint32_t>(extensions.size()),
                                .ppEnabledExtensionNames = extensions.data()};
  RETURN_IF_ERROR(
      Call("vkCreateDevice", instance_->functions().vkCreateDevice, physical_.handle, &info, nullptr, &handle_));
  ASSIGN_OR_RETURN(functions_, LoadDeviceFunctions(instance_->functions(), handle_));
  functions_.vkGetDeviceQueue(handle_, physical_.queue_family, 0, &queue_);
  RETURN_IF_ERROR(CreateTimeline());
  RETURN_IF_ERROR(CreateLayout());
  return ChooseMemoryTypes();
}

Status Device::CreateTimeline() {
  const VkSemaphoreTypeCreateInfo type{.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                       .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
  const VkSemaphoreCreateInfo semaphore_info{.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
  VkSemaphore semaphore = VK_NULL_HANDLE;
  RETURN_IF_ERROR(
      Call("vkCreateSemaphore", functions_.vkCreateSemaphore, handle_, &semaphore_info, nullptr, &semaphore));
  timeline_ = OwnedSemaphore(functions_, handle_, semaphore);
  return OkStatus();
}

Status Device::CreateLayout() {
  const VkPushConstantRange range{.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = kPushConstantBytes};
  const VkPipelineLayoutCreateInfo layout_info{.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &range};
  VkPipelineLayout layout = VK_NULL_HANDLE;
  RETURN_IF_ERROR(
      Call("vkCreatePipelineLayout", functions_.vkCreatePipelineLayout, handle_, &layout_info, nullptr, &layout));
  layout_ = OwnedPipelineLayout(functions_, handle_, layout);
  return OkStatus();
}

Status Device::ChooseMemoryTypes() {
  const VkBufferCreateInfo info = BufferInfo(256);
  VkBuffer probe = VK_NULL_HANDLE;
  RETURN_IF_ERROR(Call("vkCreateBuffer", functions_.vkCreateBuffer, handle_, &info, nullptr, &probe));
  const OwnedBuffer owner(functions_, handle_, probe);
  VkMemoryRequirements requirements;
  functions_.vkGetBufferMemoryRequirements(handle_, probe, &requirements);
  for (int kind = 0; kind < kNumMemoryKinds; ++kind) {
    const int type = FindMemoryType(physical_.memory, static_cast<MemoryKind>(kind), profile().unified_memory,
                                    requirements.memoryTypeBits);
    if (type < 0) return Unavailable(Format("{} offers no memory that tensors can live in.", profile().name));
    memory_types_[kind] = static_cast<uint32_t>(type);
  }
  return OkStatus();
}

Device::~Device() {
  timeline_ = {};
  layout_ = {};
  if (functions_.process.IsForked()) return;
  if (handle_ != VK_NULL_HANDLE && functions_.vkDestroyDevice != nullptr) functions_.vkDestroyDevice(handle_, nullptr);
}

void Device::MarkLost(const Status& status) {
  const std::lock_guard lock(lost_mutex_);
  if (!is_lost_) lost_ = status;
  is_lost_ = true;
}

Status Device::health() const {
  if (!is_lost_.load(std::memory_order_acquire)) [[likely]]
    return OkStatus();
  const std::lock_guard lock(lost_mutex_);
  return lost_;
}

bool Device::IsHostVisible(MemoryKind kind) const {
  // A card's own memory may be mapped too, but reading it through the bus is far slower than a copy.
  if (kind == MemoryKind::kDevice && !profile().unified_memory) return false;
  return (TypeOf(kind).propertyFlags & kHost) == kHost;
}

bool Device::IsHostCached(MemoryKind kind) const { return (TypeOf(kind).propertyFlags & kCached) != 0; }

bool Device::IsDeviceLocal(MemoryKind kind) const { return (TypeOf(kind).propertyFlags & kLocal) != 0; }

uint64_t Device::HeapBytes(MemoryKind kind) const { return physical_.memory.memoryHeaps[TypeOf(kind).heapIndex].size; }

const VkMemoryType& Device::TypeOf(MemoryKind kind) const {
  return physical_.memory.memoryTypes[memory_types_[static_cast<int>(kind)]];
}

StatusOr<Memory> Device::Allocate(MemoryKind kind, uint64_t size_bytes) {
  const uint64_t limit = std::min(profile().max_allocation_bytes, profile().max_buffer_bytes);
  if (size_bytes > limit) {
    return ResourceExhausted(Format("An allocation of {} bytes exceeds the {} bytes that {} allows at once.",
                                    size_bytes, limit, profile().name));
  }
  Memory result;
  result.size_bytes = size_bytes;
  const VkBufferCreateInfo buffer_info = BufferInfo(size_bytes);
  VkBuffer buffer = VK_NULL_HANDLE;
  RETURN_IF_ERROR(Call("vkCreateBuffer", functions_.vkCreateBuffer, handle_, &buffer_info, nullptr, &buffer));
  result.buffer = OwnedBuffer(functions_, handle_, buffer);
  VkMemoryRequirements requirements;
  functions_.vkGetBufferMemoryRequirements(handle_, buffer, &requirements);

  const VkMemoryAllocateFlagsInfo flags{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
  const VkMemoryAllocateInfo memory_info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .pNext = &flags,
                                         .allocationSize = requirements.size,
                                         .memoryTypeIndex = memory_types_[static_cast<int>(kind)]};
  VkDeviceMemory memory = VK_NULL_HANDLE;
  RETURN_IF_ERROR(Call("vkAllocateMemory", functions_.vkAllocateMemory, handle_, &memory_info, nullptr, &memory));
  result.memory = OwnedMemory(functions_, handle_, memory);
  RETURN_IF_ERROR(Call("vkBindBufferMemory", functions_.vkBindBufferMemory, handle_, buffer, memory, VkDeviceSize{0}));
  if (IsHostVisible(kind)) {
    void* host = nullptr;
    RETURN_IF_ERROR(Call("vkMapMemory", functions_.vkMapMemory, handle_, memory, VkDeviceSize{0},
                         VkDeviceSize{VK_WHOLE_SIZE}, VkMemoryMapFlags{0}, &host));
    result.host = static_cast<std::byte*>(host);
  }
  const VkBufferDeviceAddressInfo address{.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = buffer};
  result.address = functions_.vkGetBufferDeviceAddress(handle_, &address);
  return result;
}

Status Device::Submit(std::span<const VkCommandBuffer> command_buffers, uint64_t value) {
  const VkSemaphore timeline = timeline_.get();
  const VkTimelineSemaphoreSubmitInfo timeline_info{.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                    .signalSemaphoreValueCount = 1,
                                                    .pSignalSemaphoreValues = &value};
  const VkSubmitInfo submit{.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                            .pNext = &timeline_info,
                            .commandBufferCount = static_cast<uint32_t>(command_buffers.size()),
                            .pCommandBuffers = command_buffers.data(),
                            .signalSemaphoreCount = 1,
                            .pSignalSemaphores = &timeline};
  return Call("vkQueueSubmit", functions_.vkQueueSubmit, queue_, 1u, &submit, VkFence{VK_NULL_HANDLE});
}

StatusOr<bool> Device::Wait(uint64_t value, uint64_t timeout_ns) {
  RETURN_IF_ERROR(health());
  const VkSemaphore timeline = timeline_.get();
  const VkSemaphoreWaitInfo info{
      .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO, .semaphoreCount = 1, .pSemaphores = &timeline, .pValues = &value};
  // A time-out is no failure: it must not build a message.
  if (const VkResult injected = instance_->faults().Next("vkWaitSemaphores"); injected == VK_SUCCESS) {
    const VkResult result = functions_.vkWaitSemaphores(handle_, &info, timeout_ns);
    if (result == VK_SUCCESS) return true;
    if (result == VK_TIMEOUT) return false;
    return Call("vkWaitSemaphores", [result] { return result; });
  } else {
    return Call("vkWaitSemaphores", [injected] { return injected; });
  }
}

Status Device::WaitIdle() { return Call("vkDeviceWaitIdle", functions_.vkDeviceWaitIdle, handle_); }

}  // namespace dragoman::vulkan
