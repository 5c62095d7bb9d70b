// SPDX-License-Identifier: Apache-2.0
// A framework in small: what jaxlib does with the table, for tests. Everything goes through PJRT_Api alone.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pjrt/api.h"

namespace dragoman::pjrt {

// An error as the framework keeps it.
struct Failure {
  int code = 0;  // 0: none
  std::string message;
};

inline Failure Take(PJRT_Error* error) {
  if (error == nullptr) return {};
  PJRT_Error_Message_Args message = {sizeof(message), nullptr, error, nullptr, 0};
  Api()->PJRT_Error_Message(&message);
  PJRT_Error_GetCode_Args code = {sizeof(code), nullptr, error, -1};
  Api()->PJRT_Error_GetCode(&code);
  Failure failure{code.code, std::string(message.message, message.message_size)};
  PJRT_Error_Destroy_Args destroy = {sizeof(destroy), nullptr, error};
  Api()->PJRT_Error_Destroy(&destroy);
  return failure;
}

// Calls a slot; a failure fails the test.
#define CALL(function, args)                                                         \
  do {                                                                               \
    const ::dragoman::pjrt::Failure failure = Take(Api()->PJRT_##function(&(args))); \
    EXPECT_EQ(failure.code, 0) << #function << ": " << failure.message;              \
  } while (false)

// `PJRT_X_Args` with its size set; the rest is zero.
template <typename Args>
Args New() {
  Args args = {};
  args.struct_size = sizeof(Args);
  return args;
}
#define NEW(function) ::dragoman::pjrt::New<PJRT_##function##_Args>()

inline Failure Wait(PJRT_Event* event) {
  auto await = NEW(Event_Await);
  await.event = event;
  Failure failure = Take(Api()->PJRT_Event_Await(&await));
  auto destroy = NEW(Event_Destroy);
  destroy.event = event;
  CALL(Event_Destroy, destroy);
  return failure;
}

struct DestroyBuffer {
  void operator()(PJRT_Buffer* buffer) const {
    auto args = NEW(Buffer_Destroy);
    args.buffer = buffer;
    CALL(Buffer_Destroy, args);
  }
};
using Buffer = std::unique_ptr<PJRT_Buffer, DestroyBuffer>;

struct DestroyExecutable {
  void operator()(PJRT_LoadedExecutable* executable) const {
    auto args = NEW(LoadedExecutable_Destroy);
    args.executable = executable;
    CALL(LoadedExecutable_Destroy, args);
  }
};
using Executable = std::unique_ptr<PJRT_LoadedExecutable, DestroyExecutable>;

inline std::string ReadFileForTest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path << " is not there: tests run in the root of the sources.";
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline std::string ReadArtifactFile(const std::string& name) {
  return ReadFileForTest("tests/data/door/" + name + ".bc");
}

class Door {
 public:
  // Null when this machine has no Vulkan device.
  static std::unique_ptr<Door> Open() {
    auto create = NEW(Client_Create);
    const Failure failure = Take(Api()->PJRT_Client_Create(&create));
    if (failure.code == 14) return nullptr;
    EXPECT_EQ(failure.code, 0) << failure.message;
    return failure.code != 0 ? nullptr : std::unique_ptr<Door>(new Door(create.client));
  }
  ~Door() { Close(); }

  void Close() {
    if (client_ == nullptr) return;
    auto destroy = NEW(Client_Destroy);
    destroy.client = client_;
    CALL(Client_Destroy, destroy);
    client_ = nullptr;
  }

  PJRT_Client* client() const { return client_; }

  PJRT_Device* device() const {
    auto devices = NEW(Client_AddressableDevices);
    devices.client = client_;
    CALL(Client_AddressableDevices, devices);
    return devices.num_addressable_devices == 0 ? nullptr : devices.addressable_devices[0];
  }

  PJRT_Memory* memory() const {
    auto memory = NEW(Device_DefaultMemory);
    memory.device = device();
    CALL(Device_DefaultMemory, memory);
    return memory.memory;
  }

  int64_t bytes_in_use() const {
    auto stats = NEW(Device_MemoryStats);
    stats.device = device();
    CALL(Device_MemoryStats, stats);
    return stats.bytes_in_use;
  }

  Buffer Put(const void* data, PJRT_Buffer_Type type, std::vector<int64_t> dims, std::vector<int64_t> strides = {}) {
    auto args = NEW(Client_BufferFromHostBuffer);
    args.client = client_;
    args.data = data;
    args.type = type;
    args.dims = dims.data();
    args.num_dims = dims.size();
    args.byte_strides = strides.empty() ? nullptr : strides.data();
    args.num_byte_strides = strides.size();
    args.host_buffer_semantics = PJRT_HostBufferSemantics_kImmutableZeroCopy;
    args.memory = memory();
    CALL(Client_BufferFromHostBuffer, args);
    if (args.done_with_host_buffer != nullptr) {
      EXPECT_EQ(Wait(args.done_with_host_buffer).code, 0);
    }
    return Buffer(args.buffer);
  }
  Buffer Put(const std::vector<float>& values) {
    return Put(values.data(), PJRT_Buffer_Type_F32, {static_cast<int64_t>(values.size())});
  }

  Failure Compile(const std::string& artifact, const std::string& options, Executable* executable,
                  std::string_view format = "mlir") {
    std::string code = artifact;
    PJRT_Program program = {sizeof(program), nullptr, code.data(), code.size(), format.data(), format.size()};
    auto args = NEW(Client_Compile);
    args.client = client_;
    args.program = &program;
    args.compile_options = options.data();
    args.compile_options_size = options.size();
    Failure failure = Take(Api()->PJRT_Client_Compile(&args));
    if (failure.code == 0) executable->reset(args.executable);
    return failure;
  }
  Executable Compile(const std::string& name) {
    Executable executable;
    const Failure failure = Compile(ReadArtifactFile(name), "", &executable);
    EXPECT_EQ(failure.code, 0) << failure.message;
    return executable;
  }

 private:
  explicit Door(PJRT_Client* client) : client_(client) {}
  PJRT_Client* client_;
};

inline size_t NumOutputs(PJRT_LoadedExecutable* executable) {
  auto get = NEW(LoadedExecutable_GetExecutable);
  get.loaded_executable = executable;
  CALL(LoadedExecutable_GetExecutable, get);
  auto num = NEW(Executable_NumOutputs);
  num.executable = get.executable;
  CALL(Executable_NumOutputs, num);
  auto destroy = NEW(Executable_Destroy);
  destroy.executable = get.executable;
  CALL(Executable_Destroy, destroy);
  return num.num_outputs;
}

struct Execution {
  Failure failure;  // of the call; an error of the work is in `done`
  Failure done;
  std::vector<Buffer> outputs;
};

// Runs without waiting for the work when `wait` is false. `kept`: which arguments are not given away.
inline Execution Execute(PJRT_LoadedExecutable* executable, std::vector<PJRT_Buffer*> arguments, bool wait = true,
                         const std::vector<int64_t>& kept = {}, PJRT_Device* device = nullptr) {
  Execution run;
  std::vector<PJRT_Buffer*> outputs(NumOutputs(executable), nullptr);
  PJRT_ExecuteOptions options = {};
  options.struct_size = sizeof(options);
  options.non_donatable_input_indices = kept.data();
  options.num_non_donatable_input_indices = kept.size();
  PJRT_Buffer* const* argument_list = arguments.data();
  PJRT_Buffer** output_list = outputs.data();
  PJRT_Event* done = nullptr;
  auto args = NEW(LoadedExecutable_Execute);
  args.executable = executable;
  args.options = &options;
  args.execute_device = device;
  args.argument_lists = &argument_list;
  args.num_devices = 1;
  args.num_args = arguments.size();
  args.output_lists = &output_list;
  args.device_complete_events = &done;
  run.failure = Take(Api()->PJRT_LoadedExecutable_Execute(&args));
  if (run.failure.code != 0) return run;
  for (PJRT_Buffer* output : outputs) run.outputs.emplace_back(output);
  if (wait) {
    run.done = Wait(done);
  } else {
    auto destroy = NEW(Event_Destroy);
    destroy.event = done;
    CALL(Event_Destroy, destroy);
  }
  return run;
}

// The bytes of a buffer; in the given layout if any.
inline std::vector<std::byte> Get(const Buffer& buffer, PJRT_Buffer_MemoryLayout* layout = nullptr) {
  auto args = NEW(Buffer_ToHostBuffer);
  args.src = buffer.get();
  args.host_layout = layout;
  CALL(Buffer_ToHostBuffer, args);
  std::vector<std::byte> bytes(args.dst_size);
  std::byte none;
  args.dst = bytes.empty() ? &none : bytes.data();
  CALL(Buffer_ToHostBuffer, args);
  if (args.event == nullptr) return {};
  const Failure failure = Wait(args.event);
  EXPECT_EQ(failure.code, 0) << failure.message;
  return bytes;
}

template <typename T>
std::vector<T> GetAs(const Buffer& buffer, PJRT_Buffer_MemoryLayout* layout = nullptr) {
  const std::vector<std::byte> bytes = Get(buffer, layout);
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

inline bool IsDeleted(const Buffer& buffer) {
  auto args = NEW(Buffer_IsDeleted);
  args.buffer = buffer.get();
  CALL(Buffer_IsDeleted, args);
  return args.is_deleted;
}

// Opens the door; skips where there is no device, and fails where it does not open.
class DoorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    door_ = Door::Open();
    if (door_ == nullptr && !HasFailure())
      GTEST_SKIP()
          << "There is no Vulkan device; Mesa's lavapipe (mesa-vulkan-drivers) is one that every machine can have.";
    ASSERT_NE(door_, nullptr);
  }

  std::unique_ptr<Door> door_;
};

}  // namespace dragoman::pjrt
