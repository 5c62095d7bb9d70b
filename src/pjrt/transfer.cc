// SPDX-License-Identifier: Apache-2.0
// Buffers in, out and across.
#include <cstring>
#include <vector>

#include "base/format.h"
#include "pjrt/buffer_types.h"
#include "pjrt/entry.h"
#include "pjrt/host_layout.h"
#include "pjrt/objects.h"
#include "pjrt/trace.h"

namespace dragoman::pjrt {
namespace {

// `memory` says where; `device` is the older way to say it; neither means the first device.
PJRT_Memory& Target(const ClientState& state, PJRT_Memory* memory, PJRT_Device* device) {
  if (memory != nullptr) return *memory;
  return (device != nullptr ? device : state.device_list.front())->default_memory();
}

Status CheckDeviceLayout(const PJRT_Buffer_MemoryLayout* layout, const TensorType& type) {
  ASSIGN_OR_RETURN(const HostLayout device_layout, ReadHostLayout(layout, type));
  if (device_layout.is_row_major) return OkStatus();
  return Unimplemented("Device layouts other than dense row-major are not supported.");
}

Status BufferFromHostBuffer(PJRT_Client_BufferFromHostBuffer_Args& args) {
  ASSIGN_OR_RETURN(const TensorType type, ToTensorType(args.type, args.dims, args.num_dims));
  RETURN_IF_ERROR(CheckDeviceLayout(args.device_layout, type));
  if (args.num_byte_strides != 0 && args.num_byte_strides != args.num_dims) {
    return InvalidArgument(
        Format("The host buffer has {} strides for {} dimensions.", args.num_byte_strides, args.num_dims));
  }
  runtime::HostView view{args.data, {}};
  if (args.byte_strides != nullptr) {
    view.byte_strides.assign(args.byte_strides, args.byte_strides + args.num_byte_strides);
  }
  PJRT_Memory& memory = Target(*args.client->state, args.memory, args.device);
  const auto begin = Trace::Clock::now();
  ASSIGN_OR_RETURN(std::shared_ptr<runtime::Buffer> buffer,
                   memory.device->device->FromHost(type, view, memory.placement()));
  Trace& trace = Trace::OfProcess();
  if (trace.is_on()) {
    trace.AddTransfer(memory.device->device->index(), "host to device", buffer->size_bytes(), begin);
  }
  // FromHost has copied: the caller's memory is free at once, whatever the semantics asked for.
  args.done_with_host_buffer = NewEvent(runtime::ReadyEvent());
  args.buffer = NewBuffer(args.client->state, memory, std::move(buffer));
  return OkStatus();
}

Status CreateUninitializedBuffer(PJRT_Client_CreateUninitializedBuffer_Args& args) {
  ASSIGN_OR_RETURN(const TensorType type, ToTensorType(args.shape_element_type, args.shape_dims, args.shape_num_dims));
  RETURN_IF_ERROR(CheckDeviceLayout(args.shape_layout, type));
  PJRT_Memory& memory = Target(*args.client->state, args.memory, args.device);
  ASSIGN_OR_RETURN(std::shared_ptr<runtime::Buffer> buffer, memory.device->device->Allocate(type, memory.placement()));
  args.buffer = NewBuffer(args.client->state, memory, std::move(buffer));
  return OkStatus();
}

// Copies the whole buffer to staging memory; `use` then has its bytes before the event fires.
std::shared_ptr<runtime::Event> ToHostThen(const PJRT_Buffer& buffer,
                                           std::function<void(const std::vector<std::byte>&)> use) {
  auto bytes = std::make_shared<std::vector<std::byte>>(buffer.buffer->size_bytes());
  const std::shared_ptr<runtime::SettableEvent> done = runtime::MakeSettableEvent();
  buffer.device()
      .device->ToHost(buffer.buffer, bytes->data(), bytes->size())
      ->OnReady([bytes, done, use = std::move(use)](const Status& status) {
        if (status.ok()) use(*bytes);
        done->Set(status);
      });
  return done;
}

Status CheckReadable(const PJRT_Buffer& buffer) {
  if (buffer.buffer->IsDeleted()) return InvalidArgument("The buffer is deleted or donated and cannot be read.");
  return OkStatus();
}

// The event of a copy to the host, which a trace learns about.
std::shared_ptr<runtime::Event> Traced(const PJRT_Buffer& buffer, std::shared_ptr<runtime::Event> done) {
  if (!Trace::OfProcess().is_on()) return done;
  const int device = buffer.device().device->index();
  const uint64_t size_bytes = buffer.buffer->size_bytes();
  done->OnReady([device, size_bytes, begin = Trace::Clock::now()](const Status&) {
    Trace::OfProcess().AddTransfer(device, "device to host", size_bytes, begin);
  });
  return done;
}

Status ToHostBuffer(PJRT_Buffer_ToHostBuffer_Args& args) {
  const PJRT_Buffer& buffer = *args.src;
  const TensorType& type = buffer.buffer->type();
  ASSIGN_OR_RETURN(const HostLayout layout, ReadHostLayout(args.host_layout, type));
  if (args.dst == nullptr) {
    args.dst_size = layout.size_bytes;
    args.event = nullptr;
    return OkStatus();
  }
  if (args.dst_size < layout.size_bytes) {
    return InvalidArgument(Format("The host buffer holds {} bytes, {} are needed.", args.dst_size, layout.size_bytes));
  }
  RETURN_IF_ERROR(CheckReadable(buffer));
  if (layout.size_bytes == 0) {
    args.event = NewEvent(buffer.buffer->ready());
  } else if (layout.is_row_major) {
    args.event = NewEvent(Traced(buffer, buffer.device().device->ToHost(buffer.buffer, args.dst, layout.size_bytes)));
  } else {
    const auto scatter = [type, layout, dst = args.dst](const std::vector<std::byte>& bytes) {
      ScatterToLayout(type, layout, bytes.data(), static_cast<std::byte*>(dst));
    };
    args.event = NewEvent(Traced(buffer, ToHostThen(buffer, scatter)));
  }
  return OkStatus();
}

Status CopyRawToHost(PJRT_Buffer_CopyRawToHost_Args& args) {
  const PJRT_Buffer& buffer = *args.buffer;
  RETURN_IF_ERROR(CheckReadable(buffer));
  const auto size_bytes = static_cast<int64_t>(buffer.buffer->size_bytes());
  if (args.offset < 0 || args.transfer_size < 0 || args.offset > size_bytes ||
      args.transfer_size > size_bytes - args.offset) {
    return InvalidArgument(Format("{} bytes from byte {} on are asked for; the buffer has {}.", args.transfer_size,
                                  args.offset, size_bytes));
  }
  args.event = NewEvent(ToHostThen(
      buffer, [dst = args.dst, offset = args.offset, size = args.transfer_size](const std::vector<std::byte>& bytes) {
        std::memcpy(dst, bytes.data() + offset, static_cast<size_t>(size));
      }));
  return OkStatus();
}

StatusOr<PJRT_Buffer*> CopyTo(const PJRT_Buffer& buffer, PJRT_Memory& memory) {
  RETURN_IF_ERROR(CheckReadable(buffer));
  std::shared_ptr<runtime::Buffer> copy;
  if (memory.device == &buffer.device()) {
    ASSIGN_OR_RETURN(copy, memory.device->device->Copy(buffer.buffer, memory.placement()));
  } else {
    // Two Vulkan devices share no memory: through the host.
    std::vector<std::byte> bytes(buffer.buffer->size_bytes());
    RETURN_IF_ERROR(buffer.device().device->ToHost(buffer.buffer, bytes.data(), bytes.size())->Await());
    ASSIGN_OR_RETURN(copy,
                     memory.device->device->FromHost(buffer.buffer->type(), {bytes.data(), {}}, memory.placement()));
  }
  return NewBuffer(buffer.client, memory, std::move(copy));
}

Status CopyToDevice(PJRT_Buffer_CopyToDevice_Args& args) {
  ASSIGN_OR_RETURN(args.dst_buffer, CopyTo(*args.buffer, args.dst_device->default_memory()));
  return OkStatus();
}

Status CopyToMemory(PJRT_Buffer_CopyToMemory_Args& args) {
  ASSIGN_OR_RETURN(args.dst_buffer, CopyTo(*args.buffer, *args.dst_memory));
  return OkStatus();
}

}  // namespace

void FillTransferSlots(PJRT_Api& api) {
  api.PJRT_Client_BufferFromHostBuffer = kEntry<&BufferFromHostBuffer>;
  api.PJRT_Client_CreateUninitializedBuffer = kEntry<&CreateUninitializedBuffer>;
  api.PJRT_Buffer_ToHostBuffer = kEntry<&ToHostBuffer>;
  api.PJRT_Buffer_CopyRawToHost = kEntry<&CopyRawToHost>;
  api.PJRT_Buffer_CopyToDevice = kEntry<&CopyToDevice>;
  api.PJRT_Buffer_CopyToMemory = kEntry<&CopyToMemory>;
}

}  // namespace dragoman::pjrt
