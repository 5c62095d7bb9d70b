// SPDX-License-Identifier: Apache-2.0
// The framework's half of send and recv, played as jaxlib plays it.
#include "pjrt/host_callbacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

#include "pjrt/api.h"

namespace dragoman::pjrt {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }
std::span<std::byte> AsWritableBytes(std::string& text) { return std::as_writable_bytes(std::span(text)); }

void Destroy(PJRT_CopyToDeviceStream* stream) {
  PJRT_CopyToDeviceStream_Destroy_Args args = {sizeof(args), nullptr, stream};
  EXPECT_EQ(Api()->PJRT_CopyToDeviceStream_Destroy(&args), nullptr);
}

// Returns whether the chunk was taken.
bool AddChunk(PJRT_CopyToDeviceStream* stream, const std::string& text, int* num_freed) {
  PJRT_Chunk chunk = {new char[text.size() + 1], text.size(), nullptr, num_freed};
  std::memcpy(chunk.data, text.data(), text.size());
  chunk.deleter = [](void* data, void* count) {
    delete[] static_cast<char*>(data);
    ++*static_cast<int*>(count);
  };
  PJRT_CopyToDeviceStream_AddChunk_Args args = {sizeof(args), nullptr, stream, &chunk, nullptr};
  PJRT_Error* error = Api()->PJRT_CopyToDeviceStream_AddChunk(&args);
  PJRT_Event_Destroy_Args destroy_event = {sizeof(destroy_event), nullptr, args.transfer_complete};
  EXPECT_EQ(Api()->PJRT_Event_Destroy(&destroy_event), nullptr);
  PJRT_Error_Destroy_Args destroy_error = {sizeof(destroy_error), nullptr, error};
  const bool is_taken = error == nullptr;
  Api()->PJRT_Error_Destroy(&destroy_error);
  return is_taken;
}

struct Framework {
  std::string sent;
  std::string refusal;
  std::vector<std::string> chunks;
  int num_freed = 0;
  bool destroys_early = false;
  bool uses_a_thread = false;
  std::thread thread;

  std::shared_ptr<const runtime::HostCallbacks> Callbacks() {
    send_info = {7, this, &Send};
    recv_info = {8, this, &Recv};
    send_list = &send_info;
    recv_list = &recv_info;
    PJRT_ExecuteOptions options = {};
    options.struct_size = sizeof(options);
    options.send_callbacks = &send_list;
    options.recv_callbacks = &recv_list;
    options.num_send_ops = 1;
    options.num_recv_ops = 1;
    auto callbacks = MakeHostCallbacks(options, 0);
    send_info = {};  // the tables live during the call only
    recv_info = {};
    return callbacks;
  }

  static PJRT_Error* Send(PJRT_Chunk* chunk, PJRT_CallbackError* make_error, size_t total, bool done, void* self) {
    auto& framework = *static_cast<Framework*>(self);
    EXPECT_EQ(total, chunk->size);
    EXPECT_TRUE(done);
    framework.sent.assign(static_cast<char*>(chunk->data), chunk->size);
    chunk->deleter(chunk->data, chunk->deleter_arg);
    if (framework.refusal.empty()) return nullptr;
    return (*make_error)(13, framework.refusal.data(), framework.refusal.size());
  }

  static void Recv(PJRT_CopyToDeviceStream* stream, void* self) {
    auto& framework = *static_cast<Framework*>(self);
    const auto fill = [&framework, stream] {
      for (const std::string& chunk : framework.chunks) {
        if (!AddChunk(stream, chunk, &framework.num_freed)) break;
      }
      Destroy(stream);
    };
    if (framework.uses_a_thread) {
      framework.thread = std::thread(fill);
    } else {
      fill();
    }
  }

  PJRT_SendCallbackInfo send_info, *send_list;
  PJRT_RecvCallbackInfo recv_info, *recv_list;
};

TEST(HostCallbacks, AreNoneForAProgramWithoutTransfers) {
  PJRT_ExecuteOptions options = {};
  EXPECT_EQ(MakeHostCallbacks(options, 0), nullptr);
}

TEST(HostCallbacks, SendTheWholeOperand) {
  Framework framework;
  const auto callbacks = framework.Callbacks();
  EXPECT_TRUE(callbacks->send(7, AsBytes("operand")).ok());
  EXPECT_EQ(framework.sent, "operand");
  EXPECT_TRUE(callbacks->send(7, {}).ok());
  EXPECT_EQ(framework.sent, "");
}

TEST(HostCallbacks, PassTheFrameworksErrorOn) {
  Framework framework;
  framework.refusal = "ValueError: no";
  const Status status = framework.Callbacks()->send(7, AsBytes("x"));
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), "ValueError: no");
}

TEST(HostCallbacks, ReceiveInChunksInlineAndFromAThread) {
  for (const bool uses_a_thread : {false, true}) {
    Framework framework;
    framework.chunks = {"abc", "", "de"};
    framework.uses_a_thread = uses_a_thread;
    std::string received(5, '.');
    EXPECT_TRUE(framework.Callbacks()->recv(8, AsWritableBytes(received)).ok());
    if (uses_a_thread) framework.thread.join();
    EXPECT_EQ(received, "abcde");
    EXPECT_EQ(framework.num_freed, 3);
  }
}

TEST(HostCallbacks, RefuseTooManyAndTooFewBytes) {
  Framework framework;
  framework.chunks = {"abc", "defg"};
  std::string received(5, '.');
  EXPECT_EQ(framework.Callbacks()->recv(8, AsWritableBytes(received)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(framework.num_freed, 2);
  framework.chunks = {"abc"};
  EXPECT_EQ(framework.Callbacks()->recv(8, AsWritableBytes(received)).code(), StatusCode::kInternal);
}

TEST(HostCallbacks, RefuseAChannelWithoutCallback) {
  Framework framework;
  std::string received(1, '.');
  EXPECT_THAT(framework.Callbacks()->send(9, {}).message(), ::testing::HasSubstr("channel 9"));
  EXPECT_THAT(framework.Callbacks()->recv(9, AsWritableBytes(received)).message(), ::testing::HasSubstr("channel 9"));
}

}  // namespace
}  // namespace dragoman::pjrt
