// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {
namespace {

Status DeviceDescriptionId(PJRT_DeviceDescription_Id_Args& args) {
  args.id = args.device_description->id;
  return OkStatus();
}

Status DeviceDescriptionProcessIndex(PJRT_DeviceDescription_ProcessIndex_Args& args) {
  args.process_index = 0;
  return OkStatus();
}

Status DeviceDescriptionAttributes(PJRT_DeviceDescription_Attributes_Args& args) {
  args.attributes = args.device_description->attributes.data();
  args.num_attributes = args.device_description->attributes.size();
  return OkStatus();
}

Status DeviceDescriptionKind(PJRT_DeviceDescription_Kind_Args& args) {
  args.device_kind = args.device_description->kind.data();
  args.device_kind_size = args.device_description->kind.size();
  return OkStatus();
}

Status DeviceDescriptionDebugString(PJRT_DeviceDescription_DebugString_Args& args) {
  args.debug_string = args.device_description->debug_string.data();
  args.debug_string_size = args.device_description->debug_string.size();
  return OkStatus();
}

Status DeviceDescriptionToString(PJRT_DeviceDescription_ToString_Args& args) {
  args.to_string = args.device_description->to_string.data();
  args.to_string_size = args.device_description->to_string.size();
  return OkStatus();
}

Status GetDescription(PJRT_Device_GetDescription_Args& args) {
  args.device_description = &args.device->description;
  return OkStatus();
}

Status IsAddressable(PJRT_Device_IsAddressable_Args& args) {
  args.is_addressable = true;
  return OkStatus();
}

Status LocalHardwareId(PJRT_Device_LocalHardwareId_Args& args) {
  args.local_hardware_id = args.device->description.id;
  return OkStatus();
}

Status DeviceAddressableMemories(PJRT_Device_AddressableMemories_Args& args) {
  args.memories = args.device->memories;
  args.num_memories = std::size(args.device->memories);
  return OkStatus();
}

Status DefaultMemory(PJRT_Device_DefaultMemory_Args& args) {
  args.memory = &args.device->default_memory();
  return OkStatus();
}

// Newer frameworks pass a longer struct: what is not ours is left as the caller made it, unset.
Status MemoryStats(PJRT_Device_MemoryStats_Args& args) {
  const runtime::MemoryStatistics statistics = args.device->device->memory_statistics();
  args.bytes_in_use = static_cast<int64_t>(statistics.bytes_in_use);
  args.peak_bytes_in_use = static_cast<int64_t>(statistics.peak_bytes_in_use);
  args.peak_bytes_in_use_is_set = true;
  args.num_allocs = static_cast<int64_t>(statistics.num_allocations);
  args.num_allocs_is_set = true;
  args.largest_alloc_size = static_cast<int64_t>(statistics.largest_allocation_bytes);
  args.largest_alloc_size_is_set = true;
  args.bytes_limit = static_cast<int64_t>(statistics.bytes_limit);
  args.bytes_limit_is_set = true;
  args.bytes_reserved = static_cast<int64_t>(statistics.bytes_reserved);
  args.bytes_reserved_is_set = true;
  args.peak_bytes_reserved_is_set = false;
  args.bytes_reservable_limit_is_set = false;
  args.largest_free_block_bytes_is_set = false;
  args.pool_bytes = static_cast<int64_t>(statistics.bytes_reserved);
  args.pool_bytes_is_set = true;
  args.peak_pool_bytes_is_set = false;
  return OkStatus();
}

}  // namespace

void FillDeviceSlots(PJRT_Api& api) {
  api.PJRT_DeviceDescription_Id = kEntry<&DeviceDescriptionId>;
  api.PJRT_DeviceDescription_ProcessIndex = kEntry<&DeviceDescriptionProcessIndex>;
  api.PJRT_DeviceDescription_Attributes = kEntry<&DeviceDescriptionAttributes>;
  api.PJRT_DeviceDescription_Kind = kEntry<&DeviceDescriptionKind>;
  api.PJRT_DeviceDescription_DebugString = kEntry<&DeviceDescriptionDebugString>;
  api.PJRT_DeviceDescription_ToString = kEntry<&DeviceDescriptionToString>;
  api.PJRT_Device_GetDescription = kEntry<&GetDescription>;
  api.PJRT_Device_IsAddressable = kEntry<&IsAddressable>;
  api.PJRT_Device_LocalHardwareId = kEntry<&LocalHardwareId>;
  api.PJRT_Device_AddressableMemories = kEntry<&DeviceAddressableMemories>;
  api.PJRT_Device_DefaultMemory = kEntry<&DefaultMemory>;
  api.PJRT_Device_MemoryStats = kEntry<&MemoryStats>;
}

}  // namespace dragoman::pjrt
