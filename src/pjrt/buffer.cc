// SPDX-License-Identifier: Apache-2.0
// What a framework asks of a buffer. Moving its contents is transfer.cc.
#include "pjrt/buffer_types.h"
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {

PJRT_Buffer* NewBuffer(std::shared_ptr<ClientState> client, PJRT_Memory& memory,
                       std::shared_ptr<runtime::Buffer> buffer) {
  auto* result = new PJRT_Buffer;
  result->client = std::move(client);
  result->memory = &memory;
  result->buffer = std::move(buffer);
  return result;
}

namespace {

bool IsBufferDeleted(PJRT_Buffer& buffer) {
  const std::lock_guard lock(buffer.references_mutex);
  return buffer.is_deletion_pending || buffer.buffer->IsDeleted();
}

Status CheckAlive(PJRT_Buffer& buffer) {
  if (IsBufferDeleted(buffer)) return InvalidArgument("The buffer is deleted or donated.");
  return OkStatus();
}

Status BufferDestroy(PJRT_Buffer_Destroy_Args& args) {
  delete args.buffer;
  return OkStatus();
}

Status ElementType(PJRT_Buffer_ElementType_Args& args) {
  args.type = ToBufferType(args.buffer->buffer->type().dtype);
  return OkStatus();
}

Status Dimensions(PJRT_Buffer_Dimensions_Args& args) {
  const Dims& dims = args.buffer->buffer->type().dims;
  args.dims = dims.data();
  args.num_dims = dims.size();
  return OkStatus();
}

Status UnpaddedDimensions(PJRT_Buffer_UnpaddedDimensions_Args& args) {
  const Dims& dims = args.buffer->buffer->type().dims;
  args.unpadded_dims = dims.data();
  args.num_dims = dims.size();
  return OkStatus();
}

Status DynamicDimensionIndices(PJRT_Buffer_DynamicDimensionIndices_Args& args) {
  args.dynamic_dim_indices = nullptr;
  args.num_dynamic_dims = 0;
  return OkStatus();
}

Status OnDeviceSizeInBytes(PJRT_Buffer_OnDeviceSizeInBytes_Args& args) {
  args.on_device_size_in_bytes = args.buffer->buffer->size_bytes();
  return OkStatus();
}

Status Device(PJRT_Buffer_Device_Args& args) {
  args.device = &args.buffer->device();
  return OkStatus();
}

Status Memory(PJRT_Buffer_Memory_Args& args) {
  args.memory = args.buffer->memory;
  return OkStatus();
}

Status BufferDelete(PJRT_Buffer_Delete_Args& args) {
  PJRT_Buffer& buffer = *args.buffer;
  const std::lock_guard lock(buffer.references_mutex);
  if (buffer.num_external_references > 0) {
    buffer.is_deletion_pending = true;
  } else {
    buffer.buffer->Delete();
  }
  return OkStatus();
}

Status BufferIsDeleted(PJRT_Buffer_IsDeleted_Args& args) {
  args.is_deleted = IsBufferDeleted(*args.buffer);
  return OkStatus();
}

// False also where device memory is host memory: true would let the framework alias it without asking.
Status IsOnCpu(PJRT_Buffer_IsOnCpu_Args& args) {
  args.is_on_cpu = false;
  return OkStatus();
}

Status ReadyEvent(PJRT_Buffer_ReadyEvent_Args& args) {
  args.event = NewEvent(args.buffer->buffer->ready());
  return OkStatus();
}

Status UnsafePointer(PJRT_Buffer_UnsafePointer_Args& args) {
  RETURN_IF_ERROR(CheckAlive(*args.buffer));
  args.buffer_pointer = static_cast<uintptr_t>(args.buffer->buffer->device_address());
  return OkStatus();
}

Status OpaqueDeviceMemoryDataPointer(PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args& args) {
  RETURN_IF_ERROR(CheckAlive(*args.buffer));
  args.device_memory_ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(args.buffer->buffer->device_address()));
  return OkStatus();
}

Status IncreaseExternalReferenceCount(PJRT_Buffer_IncreaseExternalReferenceCount_Args& args) {
  RETURN_IF_ERROR(CheckAlive(*args.buffer));
  const std::lock_guard lock(args.buffer->references_mutex);
  ++args.buffer->num_external_references;
  return OkStatus();
}

Status DecreaseExternalReferenceCount(PJRT_Buffer_DecreaseExternalReferenceCount_Args& args) {
  PJRT_Buffer& buffer = *args.buffer;
  const std::lock_guard lock(buffer.references_mutex);
  if (buffer.num_external_references == 0) {
    return InvalidArgument("The buffer's external reference count is zero and cannot be decreased.");
  }
  if (--buffer.num_external_references == 0 && buffer.is_deletion_pending) buffer.buffer->Delete();
  return OkStatus();
}

}  // namespace

void FillBufferSlots(PJRT_Api& api) {
  api.PJRT_Buffer_Destroy = kEntry<&BufferDestroy>;
  api.PJRT_Buffer_ElementType = kEntry<&ElementType>;
  api.PJRT_Buffer_Dimensions = kEntry<&Dimensions>;
  api.PJRT_Buffer_UnpaddedDimensions = kEntry<&UnpaddedDimensions>;
  api.PJRT_Buffer_DynamicDimensionIndices = kEntry<&DynamicDimensionIndices>;
  api.PJRT_Buffer_OnDeviceSizeInBytes = kEntry<&OnDeviceSizeInBytes>;
  api.PJRT_Buffer_Device = kEntry<&Device>;
  api.PJRT_Buffer_Memory = kEntry<&Memory>;
  api.PJRT_Buffer_Delete = kEntry<&BufferDelete>;
  api.PJRT_Buffer_IsDeleted = kEntry<&BufferIsDeleted>;
  api.PJRT_Buffer_IsOnCpu = kEntry<&IsOnCpu>;
  api.PJRT_Buffer_ReadyEvent = kEntry<&ReadyEvent>;
  api.PJRT_Buffer_UnsafePointer = kEntry<&UnsafePointer>;
  api.PJRT_Buffer_OpaqueDeviceMemoryDataPointer = kEntry<&OpaqueDeviceMemoryDataPointer>;
  api.PJRT_Buffer_IncreaseExternalReferenceCount = kEntry<&IncreaseExternalReferenceCount>;
  api.PJRT_Buffer_DecreaseExternalReferenceCount = kEntry<&DecreaseExternalReferenceCount>;
}

}  // namespace dragoman::pjrt
