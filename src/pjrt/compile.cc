// SPDX-License-Identifier: Apache-2.0
#include "pjrt/compile.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <span>

#include "base/cache_folder.h"
#include "base/format.h"
#include "base/log.h"
#include "base/os.h"
#include "compiler/compiler.h"
#include "compiler/program_cache.h"
#include "compiler/tuning_cache.h"
#include "measure/tune.h"
#include "pjrt/buffer_types.h"
#include "pjrt/compile_options.h"
#include "pjrt/serialized.h"
#include "program/disk_cache.h"

namespace dragoman::pjrt {
namespace {

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

bool IsEchoWanted() { return os::EnvironmentVariable("DRAGOMAN_ECHO_PROGRAM") == "1"; }

StatusOr<PJRT_Device*> ChooseDevice(const ClientState& client, const CompileOptions& options) {
  if (options.num_replicas > 1 || options.num_partitions > 1) {
    return Unimplemented(
        Format("The program is for {} replicas and {} partitions; Dragoman runs a program on one device. Place the "
               "arrays on one device, or make a single one visible with DRAGOMAN_VISIBLE_DEVICES.",
               options.num_replicas, options.num_partitions));
  }
  const int64_t id = options.device_ids.empty() ? options.device_ordinal : options.device_ids.front();
  return id < 0 ? client.device_list.front() : FindDevice(client, id);
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

// Flags come as booleans or as text. The sentences begin as XLA's do, for scripts and tests look for that.
StatusOr<bool> ReadFlag(const std::string& name, const OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag;
  const std::string* text = std::get_if<std::string>(&value);
  if (text != nullptr && (*text == "true" || *text == "True" || *text == "1")) return true;
  if (text != nullptr && (*text == "false" || *text == "False" || *text == "0")) return false;
  return InvalidArgument(
      Format("While setting option {}, '{}' is not a valid bool value.", name, text != nullptr ? *text : "a number"));
}

// Ours begin with dragoman_; those of XLA come along in portable scripts and say nothing to us.
StatusOr<compiler::Options> ReadCompilerOptions(const CompileOptions& options, const ClientState& client) {
  compiler::Options result;
  result.explains = !ExplanationFolder().empty();
  result.exact_products = client.exact_products;
  for (const auto& [name, value] : options.overrides) {
    if (name == "dragoman_fuse") {
      ASSIGN_OR_RETURN(result.fuse, ReadFlag(name, value));
    } else if (name == "dragoman_skip_passes" && std::holds_alternative<std::string>(value)) {
      result.skipped_passes = SplitAtCommas(std::get<std::string>(value));
    } else if (name == "dragoman_skip_passes") {
      return InvalidArgument(Format("While setting option {}, what is given is not a valid string value.", name));
    } else if (name == "xla_embed_ir_in_executable") {
      RETURN_IF_ERROR(ReadFlag(name, value).status());  // the one that JAX's documents teach
    } else if (!name.starts_with("xla_")) {
      return InvalidArgument(
          Format("No such compile option: '{}'. Those of Dragoman are dragoman_fuse (true or false) and "
                 "dragoman_skip_passes (comma-separated names).",
                 name));
    }
  }
  return result;
}

// Before anything is done with the artifact, so that one which cannot be compiled is kept too.
void DumpArtifact(const CompileRequest& request) {
  static std::atomic<int> num_dumped = 0;
  const std::string folder = os::EnvironmentVariable("DRAGOMAN_DUMP_PROGRAMS").value_or("");
  if (folder.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(os::PathOf(folder), ignored);
  const std::string hash = HashBytes(Bytes(request.artifact)).Hex().substr(0, 12);
  const std::string_view ending = request.format == "hlo" ? "hlo" : "bc";
  std::ofstream(os::PathOf(Format("{}/{:04}-{}.{}", folder, num_dumped.fetch_add(1), hash, ending)), std::ios::binary)
      << request.artifact;
}

// Names a program within this process.
Hash128 ProgramKey(const CompileRequest& request, const Hash128& profile_hash, const compiler::Options& options) {
  return HashString(Format("{} {} {} {} {}", request.format, HashBytes(Bytes(request.artifact)).Hex(),
                           profile_hash.Hex(), compiler::Version(), compiler::Fingerprint(options).Hex()));
}

void DescribeOutputs(ExecutableInfo& info) {
  for (const program::TensorSpec& output : info.program().outputs) {
    info.output_types.push_back(ToBufferType(output.type.dtype));
    info.output_ranks.push_back(output.type.dims.size());
    info.output_dims.insert(info.output_dims.end(), output.type.dims.begin(), output.type.dims.end());
    const std::string_view kind = info.device->memory(output.space).kind();
    info.output_memory_kinds.push_back(kind.data());
    info.output_memory_kind_sizes.push_back(kind.size());
  }
}

void DescribeParameters(ExecutableInfo& info) {
  const program::Program& program = info.program();
  info.is_donatable.assign(program.parameters.size(), false);
  for (uint32_t i = 0; i < program.parameters.size(); ++i) {
    info.is_donatable[i] = program.parameters[i].is_donor;
    info.has_donatable = info.has_donatable || info.is_donatable[i];
    if (IsToken(program.parameters[i].type.dtype)) info.token_parameters.push_back(i);
  }
}

std::shared_ptr<ExecutableInfo> Describe(const std::shared_ptr<ClientState>& client, PJRT_Device* device,
                                         std::shared_ptr<runtime::Executable> executable, const CompileRequest& request,
                                         const Hash128& key) {
  auto info = std::make_shared<ExecutableInfo>();
  info->client = client;
  info->device = device;
  info->executable = std::move(executable);
  info->explanation = Explanation::Make(*info->executable);
  info->compile_options = request.options;
  info->format = request.format;
  if (IsEchoWanted() || request.format == "hlo") info->artifact = request.artifact;
  info->fingerprint = key.Hex();
  info->cost_analysis.Add("flops", static_cast<float>(info->program().flops));
  info->cost_analysis.Add("bytes accessed", static_cast<float>(info->program().bytes_accessed));
  DescribeOutputs(*info);
  DescribeParameters(*info);
  return info;
}

// UNIMPLEMENTED, naming the type, where a program takes or gives what the ABI has no buffers of.
Status CheckBufferTypes(const program::Program& program) {
  const auto check = [](const std::vector<program::TensorSpec>& specs, std::string_view what) -> Status {
    for (size_t i = 0; i < specs.size(); ++i) {
      if (ToBufferType(specs[i].type.dtype) != PJRT_Buffer_Type_INVALID) continue;
      return Unimplemented(Format(
          "{} {} of the program is a {}, and PJRT has no buffers of such elements; convert it inside the program.",
          what, i, specs[i].type.ToString()));
    }
    return OkStatus();
  };
  RETURN_IF_ERROR(check(program.parameters, "Parameter"));
  return check(program.outputs, "Result");
}

// DRAGOMAN_TUNE=1: products are tuned before a program is compiled, those that are not yet.
bool TunesPrograms() { return os::EnvironmentVariable("DRAGOMAN_TUNE") == "1"; }

void Tune(const compiler::Artifact& artifact, runtime::Device& device, compiler::Options& options) {
  const auto make_module = [&] { return compiler::ReadArtifact(artifact); };
  measure::TuneOptions tune;
  tune.only_new = true;
  const auto products = measure::TuneProgram(device, make_module, options, tune);
  if (!products.ok()) {
    return Log(LogLevel::kWarning, Format("DRAGOMAN_TUNE: {}", products.status().message()));
  }
  const target::Tuning found = measure::TuningOf(*products);
  for (const auto& [key, name] : found.products) options.tuning.products[key] = name;
  const auto folder = ProcessCacheFolder();
  if (folder != nullptr && !found.products.empty()) compiler::AddTuning(*folder, device.profile(), found);
}

// The same program on two devices is loaded twice.
Hash128 LoadedKey(const Hash128& key, const PJRT_Device& device) {
  return HashString(key.Hex(), static_cast<uint64_t>(device.description.id));
}

}  // namespace

namespace {

// On that device, or where the options say.
StatusOr<std::shared_ptr<const ExecutableInfo>> CompileFor(PJRT_Device* device,
                                                           const std::shared_ptr<ClientState>& client,
                                                           const CompileRequest& request) {
  ASSIGN_OR_RETURN(const compiler::ArtifactFormat format, compiler::ArtifactFormatNamed(request.format));
  DumpArtifact(request);
  ASSIGN_OR_RETURN(const CompileOptions options, ReadCompileOptions(request.options));
  if (device == nullptr) {
    ASSIGN_OR_RETURN(device, ChooseDevice(*client, options));
  }
  ASSIGN_OR_RETURN(compiler::Options compiler_options, ReadCompilerOptions(options, *client));
  compiler_options.tuning = compiler::LoadTuning(ProcessCacheFolder().get(), device->device->profile());
  const Hash128 key = ProgramKey(request, device->profile_hash, compiler_options);
  const Hash128 loaded_key = LoadedKey(key, *device);
  std::shared_ptr<runtime::Executable> executable = client->loaded_programs.Find(loaded_key);
  if (executable == nullptr) {
    if (TunesPrograms()) Tune({Bytes(request.artifact), format}, *device->device, compiler_options);
    ASSIGN_OR_RETURN(const program::ValidProgram program,
                     compiler::CompileCached({Bytes(request.artifact), format}, device->device->profile(),
                                             compiler_options, program::DiskCache(ProcessCacheFolder())));
    RETURN_IF_ERROR(CheckBufferTypes(*program));
    ASSIGN_OR_RETURN(executable, device->device->Load(program));
    client->loaded_programs.Insert(loaded_key, executable);
  }
  std::shared_ptr<ExecutableInfo> info = Describe(client, device, std::move(executable), request, key);
  info->is_portable = options.is_portable && !info->artifact.empty();
  return std::shared_ptr<const ExecutableInfo>(std::move(info));
}

}  // namespace

StatusOr<std::shared_ptr<const ExecutableInfo>> CompileAndLoad(const std::shared_ptr<ClientState>& client,
                                                               const CompileRequest& request) {
  return CompileFor(nullptr, client, request);
}

StatusOr<std::shared_ptr<const ExecutableInfo>> LoadedOn(PJRT_LoadedExecutable& executable, PJRT_Device* device) {
  const ExecutableInfo& info = *executable.info;
  if (device == nullptr || device == info.device) return executable.info;
  if (!info.is_portable) {
    return InvalidArgument(Format("The program {} is compiled for device {}, not for {}.", info.program().name,
                                  info.device->description.id, device->description.id));
  }
  const std::lock_guard lock(executable.elsewhere_mutex);
  std::shared_ptr<const ExecutableInfo>& there = executable.elsewhere[device];
  if (there == nullptr) {
    ASSIGN_OR_RETURN(there, CompileFor(device, info.client, {info.format, info.artifact, info.compile_options}));
  }
  return there;
}

std::string SerializeExecutable(const ExecutableInfo& info) {
  const std::vector<std::byte> program = program::Save(info.program());
  Serialized serialized;
  serialized.profile = info.device->profile_hash;
  serialized.version = HashString(compiler::Version());
  serialized.options = info.compile_options;
  serialized.program = std::string_view(reinterpret_cast<const char*>(program.data()), program.size());
  return WriteSerialized(serialized);
}

StatusOr<std::shared_ptr<const ExecutableInfo>> DeserializeAndLoad(const std::shared_ptr<ClientState>& client,
                                                                   std::string_view bytes, std::string_view options) {
  ASSIGN_OR_RETURN(const Serialized serialized, ReadSerialized(bytes));
  CompileRequest request;
  request.options = options.empty() ? serialized.options : options;
  ASSIGN_OR_RETURN(const CompileOptions read_options, ReadCompileOptions(request.options));
  ASSIGN_OR_RETURN(PJRT_Device * device, ChooseDevice(*client, read_options));
  if (serialized.version != HashString(compiler::Version())) {
    return FailedPrecondition(
        Format("The serialized executable was made by another version; this is compiler {}. Compile it again.",
               compiler::Version()));
  }
  if (serialized.profile != device->profile_hash) {
    return FailedPrecondition(
        Format("The serialized executable was compiled for another device or driver than {}. Compile it again.",
               device->description.kind));
  }
  ASSIGN_OR_RETURN(const program::ValidProgram program, program::Load(Bytes(serialized.program)));
  ASSIGN_OR_RETURN(std::shared_ptr<runtime::Executable> executable, device->device->Load(program));
  const Hash128 key = HashBytes(Bytes(serialized.program));
  return std::shared_ptr<const ExecutableInfo>(Describe(client, device, std::move(executable), request, key));
}

}  // namespace dragoman::pjrt
