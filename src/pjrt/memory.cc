// SPDX-License-Identifier: Apache-2.0
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {
namespace {

Status MemoryId(PJRT_Memory_Id_Args& args) {
  args.id = args.memory->id;
  return OkStatus();
}

Status MemoryKind(PJRT_Memory_Kind_Args& args) {
  args.kind = args.memory->kind().data();
  args.kind_size = args.memory->kind().size();
  return OkStatus();
}

Status KindId(PJRT_Memory_Kind_Id_Args& args) {
  args.kind_id = static_cast<int>(args.memory->space);
  return OkStatus();
}

Status MemoryDebugString(PJRT_Memory_DebugString_Args& args) {
  args.debug_string = args.memory->debug_string.data();
  args.debug_string_size = args.memory->debug_string.size();
  return OkStatus();
}

Status MemoryToString(PJRT_Memory_ToString_Args& args) {
  args.to_string = args.memory->debug_string.data();
  args.to_string_size = args.memory->debug_string.size();
  return OkStatus();
}

Status AddressableByDevices(PJRT_Memory_AddressableByDevices_Args& args) {
  args.devices = args.memory->device->self;
  args.num_devices = 1;
  return OkStatus();
}

}  // namespace

void FillMemorySlots(PJRT_Api& api) {
  api.PJRT_Memory_Id = kEntry<&MemoryId>;
  api.PJRT_Memory_Kind = kEntry<&MemoryKind>;
  api.PJRT_Memory_Kind_Id = kEntry<&KindId>;
  api.PJRT_Memory_DebugString = kEntry<&MemoryDebugString>;
  api.PJRT_Memory_ToString = kEntry<&MemoryToString>;
  api.PJRT_Memory_AddressableByDevices = kEntry<&AddressableByDevices>;
}

}  // namespace dragoman::pjrt
