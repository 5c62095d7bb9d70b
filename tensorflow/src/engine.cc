// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include "bridge.h"
#include "tensorflow/c/c_api.h"

namespace dragoman_tensorflow {
namespace {

constexpr size_t kSmallestApi = offsetof(PJRT_Api, PJRT_Client_AddressableDevices) + sizeof(void*);

// What is known of the engine; written once, while TensorFlow loads the plug-in, except for `client`.
struct Engine {
  std::string fault;  // why there is no engine; empty when there is one
  const PJRT_Api* original = nullptr;
  std::unique_ptr<char[]> api;  // the engine's table, as long as it says, with our PJRT_Client_Create in it
  PJRT_Client* client = nullptr;
  const Bridge* bridge = nullptr;
};

Engine& TheEngine();

// The folder of this library: site-packages/tensorflow-plugins, or a build's.
std::string OwnFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&OwnFolder), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string own = info.dli_fname;
  const size_t file = own.rfind('/');
  return file == std::string::npos ? "." : own.substr(0, file);
}

std::string LibraryPath() {
  const char* named = std::getenv("DRAGOMAN_LIBRARY");
  return named != nullptr && *named != '\0' ? named : OwnFolder() + "/../dragoman/libdragoman.so";
}

// "2.21" of TensorFlow 2.21.0.
std::string RunningVersion() {
  const std::string version = TF_Version();
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// TensorFlow makes its own client of the engine's table; this remembers it, to ask it for its devices.
PJRT_Error* CreateClient(PJRT_Client_Create_Args* args) {
  PJRT_Error* error = TheEngine().original->PJRT_Client_Create(args);
  if (error == nullptr) TheEngine().client = args->client;
  return error;
}

// Opens the bridge; returns what is wrong with it.
std::string OpenBridge(Engine& engine) {
  if (RunningVersion() != DRAGOMAN_TENSORFLOW_VERSION) {
    return "the package dragoman-tensorflow was built for TensorFlow " DRAGOMAN_TENSORFLOW_VERSION " and this is " +
           std::string(TF_Version()) + "; install it again beside this TensorFlow, or that TensorFlow.";
  }
  const std::string name = "/libdragoman_tensorflow_bridge.so";
  void* library = dlopen((OwnFolder() + "/../dragoman_tensorflow" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen((OwnFolder() + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  auto get = library == nullptr ? nullptr : reinterpret_cast<GetBridge*>(dlsym(library, kBridgeSymbol));
  if (get == nullptr) {
    const char* reason = dlerror();
    return std::string("a part of the package dragoman-tensorflow cannot be loaded (") +
           (reason == nullptr ? name : reason) + "); install it again.";
  }
  engine.bridge = get();
  const char* fault = engine.bridge->register_device(DeviceType().c_str());
  return fault == nullptr ? "" : fault;
}

// Opens the engine's library; returns what is wrong with it.
std::string OpenEngine(Engine& engine) {
  const std::string path = LibraryPath();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return std::string("its library cannot be loaded (") + dlerror() +
           "); install it with `pip install --force-reinstall dragoman`, or let DRAGOMAN_LIBRARY name it.";
  }
  auto get = reinterpret_cast<const PJRT_Api* (*)()>(dlsym(library, "GetPjrtApi"));
  const PJRT_Api* api = get == nullptr ? nullptr : get();
  if (api == nullptr || api->struct_size < kSmallestApi || api->pjrt_api_version.major_version != PJRT_API_MAJOR) {
    return path + " is not Dragoman's library, or damaged; install it with `pip install --force-reinstall dragoman`.";
  }
  engine.original = api;
  engine.api = std::make_unique<char[]>(api->struct_size);
  std::memcpy(engine.api.get(), api, api->struct_size);
  reinterpret_cast<PJRT_Api*>(engine.api.get())->PJRT_Client_Create = &CreateClient;
  return "";
}

Engine& TheEngine() {
  static Engine& engine = *[] {
    Engine* made = new Engine;  // never deleted: TensorFlow's threads outlive static objects
    made->fault = OpenEngine(*made);
    if (made->fault.empty()) made->fault = OpenBridge(*made);
    return made;
  }();
  return engine;
}

PJRT_Error* InitializeNothing(PJRT_Plugin_Initialize_Args*) { return nullptr; }

const PJRT_Api* AbsentEngine() {
  static const PJRT_Api api = [] {
    PJRT_Api made = {};
    made.struct_size = PJRT_Api_STRUCT_SIZE;
    made.pjrt_api_version = {PJRT_Api_Version_STRUCT_SIZE, nullptr, PJRT_API_MAJOR, PJRT_API_MINOR};
    made.PJRT_Plugin_Initialize = &InitializeNothing;
    return made;
  }();
  return &api;
}

// Whether it is one; frees it.
bool IsError(PJRT_Error* error) {
  if (error == nullptr) return false;
  PJRT_Error_Destroy_Args args = {PJRT_Error_Destroy_Args_STRUCT_SIZE, nullptr, error};
  TheEngine().original->PJRT_Error_Destroy(&args);
  return true;
}

// The client's devices; none where there is no client.
PJRT_Client_AddressableDevices_Args Devices() {
  PJRT_Client_AddressableDevices_Args args = {};
  args.struct_size = PJRT_Client_AddressableDevices_Args_STRUCT_SIZE;
  args.client = TheEngine().client;
  if (args.client == nullptr || IsError(TheEngine().original->PJRT_Client_AddressableDevices(&args))) return {};
  return args;
}

PJRT_Device* DeviceAt(int index) {
  const PJRT_Client_AddressableDevices_Args devices = Devices();
  const bool is_there = index >= 0 && static_cast<size_t>(index) < devices.num_addressable_devices;
  return is_there ? devices.addressable_devices[index] : nullptr;
}

// Devices after the client is made; 0 with one line when it cannot be.
int StartDevices() {
  std::string fault = TheEngine().fault;
  if (fault.empty()) {
    const char* reason = TheEngine().bridge->make_client(DeviceType().c_str());
    if (reason == nullptr) return static_cast<int>(Devices().num_addressable_devices);
    fault = reason;
  }
  std::fprintf(stderr, "dragoman: TensorFlow gets no %s device: %s TensorFlow goes on without it.\n",
               DeviceType().c_str(), fault.c_str());
  return 0;
}

std::atomic<bool> hidden{false};

}  // namespace

const std::string& DeviceType() {
  static const std::string& type = *new std::string([] {
    const char* named = std::getenv("DRAGOMAN_TENSORFLOW_DEVICE_TYPE");
    return named != nullptr && *named != '\0' ? named : "DirectML";
  }());
  return type;
}

bool HasEngine() { return TheEngine().fault.empty(); }

const PJRT_Api* EngineApi() {
  return HasEngine() ? reinterpret_cast<const PJRT_Api*>(TheEngine().api.get()) : AbsentEngine();
}

int DeviceCount() {
  if (hidden) return 0;
  static const int count = StartDevices();
  return count;
}

std::string DeviceKind(int index) {
  PJRT_Device_GetDescription_Args description = {};
  description.struct_size = PJRT_Device_GetDescription_Args_STRUCT_SIZE;
  description.device = DeviceAt(index);
  if (description.device == nullptr || IsError(EngineApi()->PJRT_Device_GetDescription(&description))) return "";
  PJRT_DeviceDescription_Kind_Args kind = {};
  kind.struct_size = PJRT_DeviceDescription_Kind_Args_STRUCT_SIZE;
  kind.device_description = description.device_description;
  if (IsError(EngineApi()->PJRT_DeviceDescription_Kind(&kind))) return "";
  return std::string(kind.device_kind, kind.device_kind_size);
}

bool DeviceMemory(int index, int64_t& current, int64_t& peak) {
  PJRT_Device_MemoryStats_Args args = {};
  args.struct_size = PJRT_Device_MemoryStats_Args_STRUCT_SIZE;
  args.device = DeviceAt(index);
  if (args.device == nullptr || IsError(EngineApi()->PJRT_Device_MemoryStats(&args))) return false;
  current = args.bytes_in_use;
  peak = args.peak_bytes_in_use_is_set ? args.peak_bytes_in_use : args.bytes_in_use;
  return true;
}

void SetHidden(bool is_hidden) { hidden = is_hidden; }

}  // namespace dragoman_tensorflow
