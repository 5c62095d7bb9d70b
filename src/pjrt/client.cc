// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "base/os.h"
#include "compiler/compiler.h"
#include "pjrt/buffer_types.h"
#include "pjrt/compile.h"
#include "pjrt/entry.h"
#include "pjrt/objects.h"
#include "target/profile_json.h"

namespace dragoman::pjrt {

std::shared_ptr<runtime::Executable> LoadedPrograms::Find(const Hash128& key) {
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(key);
  return found == programs_.end() ? nullptr : found->second.lock();
}

void LoadedPrograms::Insert(const Hash128& key, const std::shared_ptr<runtime::Executable>& executable) {
  const std::lock_guard lock(mutex_);
  programs_[key] = executable;
  if (programs_.size() < purge_at_) return;
  std::erase_if(programs_, [](const auto& entry) { return entry.second.expired(); });
  purge_at_ = 2 * programs_.size() + 64;
}

namespace {

StatusOr<runtime::ClientOptions> ReadOptions(const PJRT_Client_Create_Args& args) {
  runtime::ClientOptions options;
  for (size_t i = 0; i < args.num_options; ++i) {
    const PJRT_NamedValue& value = args.create_options[i];
    const std::string_view name(value.name, value.name_size);
    const bool is_text = value.type == PJRT_NamedValue_kString;
    const std::string text = is_text ? std::string(value.string_value, value.value_size) : std::string();
    if (name == "visible_devices" && is_text) {
      options.visible_devices = text;
    } else if (name == "enable_validation" && value.type == PJRT_NamedValue_kBool) {
      options.enable_validation = value.bool_value;
    } else if (name == "enable_validation" && is_text) {
      options.enable_validation = text == "1" || text == "true" || text == "True";
    } else {
      return InvalidArgument(
          Format("The client option {} is unknown or of the wrong type; visible_devices (text) and enable_validation "
                 "(true or false) can be set.",
                 name));
    }
  }
  return options;
}

// Whether DRAGOMAN_MATMUL_PRECISION keeps float32 products exact whatever a program states (docs/precision.md).
StatusOr<bool> WantsExactProducts() {
  constexpr const char* name = "DRAGOMAN_MATMUL_PRECISION";
  const std::string value = os::EnvironmentVariable(name).value_or("default");
  if (value == "highest" || value == "default") return value == "highest";
  return InvalidArgument(Format("{} is '{}'; set it to default or highest.", name, value));
}

std::string VersionText(uint32_t version) {
  return Format("{}.{}.{}", (version >> 22) & 0x7f, (version >> 12) & 0x3ff, version & 0xfff);
}

std::unique_ptr<PJRT_Device> DescribeDevice(ClientState& state, runtime::Device& device) {
  const target::DeviceProfile& profile = device.profile();
  auto described = std::make_unique<PJRT_Device>();
  const int id = device.index();
  described->client = &state;
  described->device = &device;
  described->profile_hash = HashString(target::ToJson(profile));
  described->description.id = id;
  described->description.kind = profile.name;
  described->description.to_string = Format("DragomanDevice(id={})", id);
  described->description.debug_string = Format("{}:{}", kPlatformName, id);
  NamedValues& attributes = described->description.attributes;
  attributes.Add("driver", std::string_view(profile.driver_name));
  attributes.Add("driver_info", std::string_view(profile.driver_info));
  attributes.Add("vulkan_version", std::string_view(VersionText(profile.api_version)));
  attributes.Add("vendor_id", static_cast<int64_t>(profile.vendor_id));
  attributes.Add("device_id", static_cast<int64_t>(profile.device_id));
  attributes.Add("subgroup_size", static_cast<int64_t>(profile.subgroup_size));
  attributes.Add("unified_memory", int64_t{profile.unified_memory});
  for (int space = 0; space < kNumMemorySpaces; ++space) {
    PJRT_Memory& memory = described->memory_of_space[space];
    memory.id = id * kNumMemorySpaces + space;
    memory.device = described.get();
    memory.space = static_cast<MemorySpace>(space);
    memory.debug_string = Format("{}:{} memory of kind {}", kPlatformName, id, memory.kind());
    described->memories[space] = &memory;
  }
  return described;
}

Status ClientCreate(PJRT_Client_Create_Args& args) {
  ASSIGN_OR_RETURN(const runtime::ClientOptions options, ReadOptions(args));
  auto state = std::make_shared<ClientState>();
  ASSIGN_OR_RETURN(state->client, runtime::Client::Create(options));
  ASSIGN_OR_RETURN(state->exact_products, WantsExactProducts());
  // JAX's cache on disk tells programs apart by this.
  state->topology.platform_version =
      Format("Dragoman, compiler {}{}", compiler::Version(), state->exact_products ? ", exact float32 products" : "");
  for (const auto& device : state->client->devices()) {
    PJRT_Device& added = *state->devices.emplace_back(DescribeDevice(*state, *device));
    state->device_list.push_back(&added);
    state->memory_list.insert(state->memory_list.end(), std::begin(added.memories), std::end(added.memories));
    state->topology.descriptions.push_back(&added.description);
  }
  args.client = new PJRT_Client{std::move(state)};
  return OkStatus();
}

Status ClientDestroy(PJRT_Client_Destroy_Args& args) {
  delete args.client;
  return OkStatus();
}

Status ClientPlatformName(PJRT_Client_PlatformName_Args& args) {
  args.platform_name = kPlatformName.data();
  args.platform_name_size = kPlatformName.size();
  return OkStatus();
}

Status ClientProcessIndex(PJRT_Client_ProcessIndex_Args& args) {
  args.process_index = 0;
  return OkStatus();
}

Status ClientPlatformVersion(PJRT_Client_PlatformVersion_Args& args) {
  const std::string& version = args.client->state->topology.platform_version;
  args.platform_version = version.data();
  args.platform_version_size = version.size();
  return OkStatus();
}

Status TopologyDescription(PJRT_Client_TopologyDescription_Args& args) {
  args.topology = &args.client->state->topology;
  return OkStatus();
}

Status Devices(PJRT_Client_Devices_Args& args) {
  args.devices = args.client->state->device_list.data();
  args.num_devices = args.client->state->device_list.size();
  return OkStatus();
}

Status ClientAddressableDevices(PJRT_Client_AddressableDevices_Args& args) {
  args.addressable_devices = args.client->state->device_list.data();
  args.num_addressable_devices = args.client->state->device_list.size();
  return OkStatus();
}

Status ClientAddressableMemories(PJRT_Client_AddressableMemories_Args& args) {
  args.addressable_memories = args.client->state->memory_list.data();
  args.num_addressable_memories = args.client->state->memory_list.size();
  return OkStatus();
}

Status LookupDevice(PJRT_Client_LookupDevice_Args& args) {
  ASSIGN_OR_RETURN(args.device, FindDevice(*args.client->state, args.id));
  return OkStatus();
}

Status LookupAddressableDevice(PJRT_Client_LookupAddressableDevice_Args& args) {
  ASSIGN_OR_RETURN(args.addressable_device, FindDevice(*args.client->state, args.local_hardware_id));
  return OkStatus();
}

Status DefaultDeviceAssignment(PJRT_Client_DefaultDeviceAssignment_Args& args) {
  const std::vector<PJRT_Device*>& devices = args.client->state->device_list;
  const int64_t num_wanted = int64_t{args.num_replicas} * args.num_partitions;
  if (num_wanted < 0 || static_cast<size_t>(num_wanted) > devices.size() ||
      static_cast<size_t>(num_wanted) > args.default_assignment_size) {
    return InvalidArgument(
        Format("An assignment of {} replicas times {} partitions is asked for; there are {} devices.",
               args.num_replicas, args.num_partitions, devices.size()));
  }
  for (int64_t i = 0; i < num_wanted; ++i) args.default_assignment[i] = devices[i]->description.id;
  return OkStatus();
}

Status Compile(PJRT_Client_Compile_Args& args) {
  CompileRequest request;
  request.format = std::string_view(args.program->format, args.program->format_size);
  request.artifact = std::string_view(args.program->code, args.program->code_size);
  request.options = std::string_view(args.compile_options, args.compile_options_size);
  ASSIGN_OR_RETURN(std::shared_ptr<const ExecutableInfo> info, CompileAndLoad(args.client->state, request));
  args.executable = new PJRT_LoadedExecutable{std::move(info)};
  return OkStatus();
}

}  // namespace

StatusOr<PJRT_Device*> FindDevice(const ClientState& state, int64_t id) {
  for (PJRT_Device* device : state.device_list) {
    if (device->description.id == id) return device;
  }
  return InvalidArgument(Format("There is no device with id {}; the client has {} devices.", id, state.devices.size()));
}

void FillClientSlots(PJRT_Api& api) {
  api.PJRT_Client_Create = kEntry<&ClientCreate>;
  api.PJRT_Client_Destroy = kEntry<&ClientDestroy>;
  api.PJRT_Client_PlatformName = kEntry<&ClientPlatformName>;
  api.PJRT_Client_ProcessIndex = kEntry<&ClientProcessIndex>;
  api.PJRT_Client_PlatformVersion = kEntry<&ClientPlatformVersion>;
  api.PJRT_Client_TopologyDescription = kEntry<&TopologyDescription>;
  api.PJRT_Client_Devices = kEntry<&Devices>;
  api.PJRT_Client_AddressableDevices = kEntry<&ClientAddressableDevices>;
  api.PJRT_Client_AddressableMemories = kEntry<&ClientAddressableMemories>;
  api.PJRT_Client_LookupDevice = kEntry<&LookupDevice>;
  api.PJRT_Client_LookupAddressableDevice = kEntry<&LookupAddressableDevice>;
  api.PJRT_Client_DefaultDeviceAssignment = kEntry<&DefaultDeviceAssignment>;
  api.PJRT_Client_Compile = kEntry<&Compile>;
}

}  // namespace dragoman::pjrt
