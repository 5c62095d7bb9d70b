// SPDX-License-Identifier: Apache-2.0
// What stands behind the opaque PJRT pointers. Frameworks destroy objects in any order, also while the device still
// works for them, so every object that a framework owns shares ownership of what it needs; devices, memories and
// descriptions belong to the ClientState and live as long as any of them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "pjrt/c_api.h"
#include "pjrt/explanation.h"
#include "pjrt/named_values.h"
#include "runtime/runtime.h"

namespace dragoman::pjrt {

// One lower-case name everywhere: the platform, the registered plugin and `device.platform` must be equal.
inline constexpr std::string_view kPlatformName = "dragoman";

struct ClientState;

}  // namespace dragoman::pjrt

struct PJRT_Error {
  dragoman::Status status;
};

struct PJRT_Event {
  std::shared_ptr<dragoman::runtime::Event> event;
  std::shared_ptr<dragoman::runtime::SettableEvent> settable;  // the same event, when the framework settles it
};

struct PJRT_DeviceDescription {
  int id = 0;
  std::string kind;          // the device's name as its driver says it
  std::string to_string;     // "DragomanDevice(id=0)"
  std::string debug_string;  // "dragoman:0"
  dragoman::pjrt::NamedValues attributes;
};

struct PJRT_Memory {
  int id = 0;
  PJRT_Device* device = nullptr;
  dragoman::MemorySpace space = dragoman::MemorySpace::kDevice;
  std::string debug_string;

  std::string_view kind() const { return dragoman::kMemorySpaceNames[static_cast<int>(space)]; }
  dragoman::runtime::Placement placement() const {
    return space == dragoman::MemorySpace::kDevice ? dragoman::runtime::Placement::kDevice
                                                   : dragoman::runtime::Placement::kHost;
  }
};

struct PJRT_Device {
  dragoman::pjrt::ClientState* client = nullptr;
  dragoman::runtime::Device* device = nullptr;
  dragoman::Hash128 profile_hash;  // names device and driver in cache keys and serialized executables
  PJRT_DeviceDescription description;
  PJRT_Memory memory_of_space[dragoman::kNumMemorySpaces];
  PJRT_Memory* memories[dragoman::kNumMemorySpaces] = {};

  PJRT_Memory& memory(dragoman::MemorySpace space) { return memory_of_space[static_cast<int>(space)]; }
  PJRT_Memory& default_memory() { return memory(dragoman::MemorySpace::kDevice); }
  PJRT_Device* self[1] = {this};
};

struct PJRT_TopologyDescription {
  std::string platform_version;
  std::vector<PJRT_DeviceDescription*> descriptions;
};

struct PJRT_ExecuteContext {};

namespace dragoman::pjrt {

// The loaded programs that are alive, so that compiling the same program again costs nothing. Thread-safe.
class LoadedPrograms {
 public:
  std::shared_ptr<runtime::Executable> Find(const Hash128& key);
  void Insert(const Hash128& key, const std::shared_ptr<runtime::Executable>& executable);

 private:
  std::mutex mutex_;
  size_t purge_at_ = 64;
  std::unordered_map<Hash128, std::weak_ptr<runtime::Executable>, Hash128Hasher> programs_;
};

struct ClientState {
  std::shared_ptr<runtime::Client> client;
  std::vector<std::unique_ptr<PJRT_Device>> devices;
  std::vector<PJRT_Device*> device_list;
  std::vector<PJRT_Memory*> memory_list;
  PJRT_TopologyDescription topology;
  LoadedPrograms loaded_programs;
  bool exact_products = false;          // target::Options::exact_products of all its programs
  std::atomic<uint64_t> num_seeds = 0;  // given to programs that draw random numbers
};

// A buffer in `memory` for the framework to own.
PJRT_Buffer* NewBuffer(std::shared_ptr<ClientState> client, PJRT_Memory& memory,
                       std::shared_ptr<runtime::Buffer> buffer);
PJRT_Event* NewEvent(std::shared_ptr<runtime::Event> event);

// Everything known of a compiled program; immutable once made.
struct ExecutableInfo {
  std::shared_ptr<ClientState> client;
  PJRT_Device* device = nullptr;
  std::shared_ptr<runtime::Executable> executable;
  std::shared_ptr<Explanation> explanation;  // null where none is wanted
  std::string compile_options;               // as the framework gave them
  bool is_portable = false;                  // may be run on other devices
  std::string format;                        // of the artifact
  std::string artifact;                      // kept where somebody may ask for it: of format "hlo", or to be echoed
  std::string fingerprint;

  // What the query functions hand out.
  std::vector<PJRT_Buffer_Type> output_types;
  std::vector<int64_t> output_dims;  // of all outputs, one after the other
  std::vector<size_t> output_ranks;
  std::vector<const char*> output_memory_kinds;
  std::vector<size_t> output_memory_kind_sizes;
  NamedValues cost_analysis;

  // What Execute asks at every call.
  std::vector<bool> is_donatable;  // per parameter: the program says its argument is given away
  bool has_donatable = false;
  std::vector<uint32_t> token_parameters;

  const program::Program& program() const { return executable->program(); }
};

}  // namespace dragoman::pjrt

struct PJRT_Client {
  std::shared_ptr<dragoman::pjrt::ClientState> state;
};

struct PJRT_Executable {
  std::shared_ptr<const dragoman::pjrt::ExecutableInfo> info;
};

struct PJRT_LoadedExecutable {
  std::shared_ptr<const dragoman::pjrt::ExecutableInfo> info;
  std::atomic<bool> is_deleted = false;

  // A portable program on devices other than the one it was compiled for, made when it is first run there.
  std::mutex elsewhere_mutex;
  std::unordered_map<PJRT_Device*, std::shared_ptr<const dragoman::pjrt::ExecutableInfo>> elsewhere;
};

struct PJRT_Buffer {
  std::shared_ptr<dragoman::pjrt::ClientState> client;
  PJRT_Memory* memory = nullptr;
  std::shared_ptr<dragoman::runtime::Buffer> buffer;

  PJRT_Device& device() const { return *memory->device; }

  // While others hold the raw address, deletion waits for them.
  std::mutex references_mutex;
  int num_external_references = 0;
  bool is_deletion_pending = false;
};
