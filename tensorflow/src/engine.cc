// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include "absl/log/log.h"
#include "tensorflow_client.h"

namespace dragoman_tensorflow {
namespace {

constexpr size_t kSmallestApi = offsetof(PJRT_Api, PJRT_Client_AddressableDevices) + sizeof(void*);

// What is known of the engine; written once, while TensorFlow loads the plug-in, except for `client`.
struct Engine {
  std::string fault;  // why there is no engine; empty when there is one
  const PJRT_Api* original = nullptr;
  std::unique_ptr<char[]> api;  // the engine's table, as long as it says, with our PJRT_Client_Create in it
  PJRT_Client* client = nullptr;
};

Engine& TheEngine();

// `$DRAGOMAN_LIBRARY`, or site-packages/dragoman/libdragoman.so seen from site-packages/tensorflow-plugins/.
std::string LibraryPath() {
  const char* named = std::getenv("DRAGOMAN_LIBRARY");
  if (named != nullptr && *named != '\0') return named;
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&LibraryPath), &info) == 0 || info.dli_fname == nullptr) return "libdragoman.so";
  const std::string own = info.dli_fname;
  const size_t file = own.rfind('/');
  const size_t folder = file == std::string::npos || file == 0 ? std::string::npos : own.rfind('/', file - 1);
  const std::string site = folder == std::string::npos ? ".." : own.substr(0, folder);
  return site + "/dragoman/libdragoman.so";
}

// TensorFlow makes its own client of the engine's table; this remembers it, to ask it for its devices.
PJRT_Error* CreateClient(PJRT_Client_Create_Args* args) {
  PJRT_Error* error = TheEngine().original->PJRT_Client_Create(args);
  if (error == nullptr) TheEngine().client = args->client;
  return error;
}

// The engine's table, or what is wrong with the library.
std::string OpenEngine(Engine& engine) {
  const std::string path = LibraryPath();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return std::string("its library cannot be loaded (") + dlerror() +
           "); install it with `pip install --force-reinstall dragoman`, or let DRAGOMAN_LIBRARY name it";
  }
  auto get = reinterpret_cast<const PJRT_Api* (*)()>(dlsym(library, "GetPjrtApi"));
  const PJRT_Api* api = get == nullptr ? nullptr : get();
  if (api == nullptr || api->struct_size < kSmallestApi || api->pjrt_api_version.major_version != PJRT_API_MAJOR) {
    return path +
           " is not Dragoman's library, or damaged; install it again with `pip install --force-reinstall dragoman`";
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

// The client's devices; none where there is no client.
PJRT_Client_AddressableDevices_Args Devices() {
  PJRT_Client_AddressableDevices_Args args = {};
  args.struct_size = PJRT_Client_AddressableDevices_Args_STRUCT_SIZE;
  args.client = TheEngine().client;
  if (args.client == nullptr || TheEngine().original->PJRT_Client_AddressableDevices(&args) != nullptr) return {};
  return args;
}

// Devices after the client is made; 0 with one log line when it cannot be.
int StartDevices() {
  std::string fault = TheEngine().fault;
  if (fault.empty()) fault = MakeTensorFlowsClient(DeviceType());
  if (fault.empty()) return static_cast<int>(Devices().num_addressable_devices);
  LOG(WARNING) << "Dragoman gives TensorFlow no " << DeviceType() << " device: " << fault
               << " `dragoman doctor` tells more. TensorFlow goes on with its other devices.";
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

const PJRT_Api* EngineApi() {
  Engine& engine = TheEngine();
  return engine.fault.empty() ? reinterpret_cast<const PJRT_Api*>(engine.api.get()) : AbsentEngine();
}

int DeviceCount() {
  if (hidden) return 0;
  static const int count = StartDevices();
  return count;
}

std::string DeviceKind(int index) {
  const PJRT_Client_AddressableDevices_Args devices = Devices();
  if (index < 0 || static_cast<size_t>(index) >= devices.num_addressable_devices) return "";
  PJRT_Device_GetDescription_Args description = {};
  description.struct_size = PJRT_Device_GetDescription_Args_STRUCT_SIZE;
  description.device = devices.addressable_devices[index];
  if (TheEngine().original->PJRT_Device_GetDescription(&description) != nullptr) return "";
  PJRT_DeviceDescription_Kind_Args kind = {};
  kind.struct_size = PJRT_DeviceDescription_Kind_Args_STRUCT_SIZE;
  kind.device_description = description.device_description;
  if (TheEngine().original->PJRT_DeviceDescription_Kind(&kind) != nullptr) return "";
  return std::string(kind.device_kind, kind.device_kind_size);
}

void SetHidden(bool is_hidden) { hidden = is_hidden; }

}  // namespace dragoman_tensorflow
