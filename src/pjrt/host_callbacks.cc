// SPDX-License-Identifier: Apache-2.0
#include "pjrt/host_callbacks.h"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "base/format.h"
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {

// Bytes that a recv waits for: the framework fills them chunk by chunk, on any thread, and then destroys the stream.
struct RecvState {
  std::mutex mutex;
  std::condition_variable changed;
  std::span<std::byte> destination;  // empty once the recv gave up
  size_t num_received = 0;
  size_t num_expected = 0;
  bool is_stream_destroyed = false;
  Status status;
};

}  // namespace dragoman::pjrt

struct PJRT_CopyToDeviceStream {
  std::shared_ptr<dragoman::pjrt::RecvState> state;
};

namespace dragoman::pjrt {
namespace {

struct CallbackTables {
  std::unordered_map<int64_t, PJRT_SendCallbackInfo> sends;
  std::unordered_map<int64_t, PJRT_RecvCallbackInfo> recvs;
};

PJRT_Error* CallbackError(PJRT_Error_Code code, const char* message, size_t message_size) {
  const auto status_code = code == 0 ? StatusCode::kUnknown : static_cast<StatusCode>(code);
  return MakeError(Status(status_code, std::string(message, message_size)));
}

Status Send(const CallbackTables& tables, int64_t channel_id, std::span<const std::byte> data) {
  const auto found = tables.sends.find(channel_id);
  if (found == tables.sends.end()) {
    return Internal(Format("The program sends on channel {}, for which the framework gave no callback.", channel_id));
  }
  // The callee frees the chunk, perhaps after this call.
  PJRT_Chunk chunk = {};
  chunk.data = std::malloc(data.empty() ? 1 : data.size());
  if (chunk.data == nullptr) return ResourceExhausted(Format("The host has no {} bytes for a callback.", data.size()));
  if (!data.empty()) std::memcpy(chunk.data, data.data(), data.size());
  chunk.size = data.size();
  chunk.deleter = [](void* memory, void*) { std::free(memory); };
  PJRT_CallbackError make_error = &CallbackError;
  return TakeError(found->second.send_callback(&chunk, &make_error, data.size(), true, found->second.user_arg));
}

Status Recv(const CallbackTables& tables, int64_t channel_id, std::span<std::byte> data) {
  const auto found = tables.recvs.find(channel_id);
  if (found == tables.recvs.end()) {
    return Internal(
        Format("The program receives on channel {}, for which the framework gave no callback.", channel_id));
  }
  auto state = std::make_shared<RecvState>();
  state->destination = data;
  state->num_expected = data.size();
  found->second.recv_callback(new PJRT_CopyToDeviceStream{state}, found->second.user_arg);
  std::unique_lock lock(state->mutex);
  state->changed.wait(lock, [&] {
    return !state->status.ok() || state->num_received == state->num_expected || state->is_stream_destroyed;
  });
  state->destination = {};
  RETURN_IF_ERROR(state->status);
  if (state->num_received == state->num_expected) return OkStatus();
  return Internal(Format("The callback of channel {} gives {} bytes, {} are expected.", channel_id, state->num_received,
                         state->num_expected));
}

Status CopyToDeviceStreamDestroy(PJRT_CopyToDeviceStream_Destroy_Args& args) {
  if (args.stream == nullptr) return OkStatus();
  const std::shared_ptr<RecvState> state = args.stream->state;
  delete args.stream;
  const std::lock_guard lock(state->mutex);
  state->is_stream_destroyed = true;
  state->changed.notify_all();
  return OkStatus();
}

Status Append(RecvState& state, const PJRT_Chunk& chunk) {
  const std::lock_guard lock(state.mutex);
  if (chunk.size > state.num_expected - state.num_received || state.destination.size() != state.num_expected) {
    state.status = InvalidArgument(
        Format("A callback gives {} bytes after {} of {}.", chunk.size, state.num_received, state.num_expected));
  } else if (chunk.size > 0) {
    std::memcpy(state.destination.data() + state.num_received, chunk.data, chunk.size);
    state.num_received += chunk.size;
  }
  state.changed.notify_all();
  return state.status;
}

Status AddChunk(PJRT_CopyToDeviceStream_AddChunk_Args& args) {
  const std::shared_ptr<RecvState> state = args.stream->state;
  const Status status = Append(*state, *args.chunk);
  if (args.chunk->deleter != nullptr) args.chunk->deleter(args.chunk->data, args.chunk->deleter_arg);
  args.transfer_complete = NewEvent(runtime::ReadyEvent(status));
  return status;
}

Status TotalBytes(PJRT_CopyToDeviceStream_TotalBytes_Args& args) {
  args.total_bytes = static_cast<int64_t>(args.stream->state->num_expected);
  return OkStatus();
}

// Chunks of any size are taken.
Status GranuleSize(PJRT_CopyToDeviceStream_GranuleSize_Args& args) {
  args.granule_size_in_bytes = 1;
  return OkStatus();
}

Status CurrentBytes(PJRT_CopyToDeviceStream_CurrentBytes_Args& args) {
  const std::lock_guard lock(args.stream->state->mutex);
  args.current_bytes = static_cast<int64_t>(args.stream->state->num_received);
  return OkStatus();
}

}  // namespace

std::shared_ptr<const runtime::HostCallbacks> MakeHostCallbacks(const PJRT_ExecuteOptions& options,
                                                                size_t device_index) {
  if (options.num_send_ops == 0 && options.num_recv_ops == 0) return nullptr;
  auto tables = std::make_shared<CallbackTables>();
  for (size_t i = 0; i < options.num_send_ops; ++i) {
    const PJRT_SendCallbackInfo& info = options.send_callbacks[device_index][i];
    tables->sends.emplace(info.channel_id, info);
  }
  for (size_t i = 0; i < options.num_recv_ops; ++i) {
    const PJRT_RecvCallbackInfo& info = options.recv_callbacks[device_index][i];
    tables->recvs.emplace(info.channel_id, info);
  }
  auto callbacks = std::make_shared<runtime::HostCallbacks>();
  callbacks->send = [tables](int64_t channel_id, std::span<const std::byte> data) {
    return Send(*tables, channel_id, data);
  };
  callbacks->recv = [tables](int64_t channel_id, std::span<std::byte> data) { return Recv(*tables, channel_id, data); };
  return callbacks;
}

void FillHostCallbackSlots(PJRT_Api& api) {
  api.PJRT_CopyToDeviceStream_Destroy = kEntry<&CopyToDeviceStreamDestroy>;
  api.PJRT_CopyToDeviceStream_AddChunk = kEntry<&AddChunk>;
  api.PJRT_CopyToDeviceStream_TotalBytes = kEntry<&TotalBytes>;
  api.PJRT_CopyToDeviceStream_GranuleSize = kEntry<&GranuleSize>;
  api.PJRT_CopyToDeviceStream_CurrentBytes = kEntry<&CurrentBytes>;
}

}  // namespace dragoman::pjrt
