// SPDX-License-Identifier: Apache-2.0
// What a framework asks of a compiled program. Running it is loaded_executable.cc.
#include <cstring>

#include "pjrt/compile.h"
#include "pjrt/compile_options.h"
#include "pjrt/entry.h"
#include "pjrt/objects.h"

struct PJRT_SerializedExecutable {
  std::string bytes;
};

struct PJRT_SerializedCompileOptions {
  std::string bytes;
};

namespace dragoman::pjrt {
namespace {

Status ExecutableDestroy(PJRT_Executable_Destroy_Args& args) {
  delete args.executable;
  return OkStatus();
}

Status GetName(PJRT_Executable_Name_Args& args) {
  const std::string& name = args.executable->info->program().name;
  args.executable_name = name.data();
  args.executable_name_size = name.size();
  return OkStatus();
}

Status NumReplicas(PJRT_Executable_NumReplicas_Args& args) {
  args.num_replicas = 1;
  return OkStatus();
}

Status NumPartitions(PJRT_Executable_NumPartitions_Args& args) {
  args.num_partitions = 1;
  return OkStatus();
}

Status NumOutputs(PJRT_Executable_NumOutputs_Args& args) {
  args.num_outputs = args.executable->info->output_types.size();
  return OkStatus();
}

int64_t GeneratedCodeBytes(const program::Program& program) {
  int64_t size_bytes = 0;
  for (const program::Kernel& kernel : program.kernels) size_bytes += 4 * static_cast<int64_t>(kernel.spirv.size());
  return size_bytes;
}

Status SizeOfGeneratedCode(PJRT_Executable_SizeOfGeneratedCodeInBytes_Args& args) {
  args.size_in_bytes = GeneratedCodeBytes(args.executable->info->program());
  return OkStatus();
}

Status ExecutableFingerprint(PJRT_Executable_Fingerprint_Args& args) {
  const std::string& fingerprint = args.executable->info->fingerprint;
  args.executable_fingerprint = fingerprint.data();
  args.executable_fingerprint_size = fingerprint.size();
  return OkStatus();
}

Status GetCostAnalysis(PJRT_Executable_GetCostAnalysis_Args& args) {
  const NamedValues& properties = args.executable->info->cost_analysis;
  args.properties = properties.data();
  args.num_properties = properties.size();
  return OkStatus();
}

Status GetCompiledMemoryStats(PJRT_Executable_GetCompiledMemoryStats_Args& args) {
  const program::Program& program = args.executable->info->program();
  int64_t argument_bytes = 0, output_bytes = 0, alias_bytes = 0, constant_bytes = 0;
  for (const program::TensorSpec& parameter : program.parameters) argument_bytes += parameter.type.size_bytes();
  for (const program::TensorSpec& output : program.outputs) {
    output_bytes += output.type.size_bytes();
    if (output.aliased_parameter >= 0) alias_bytes += output.type.size_bytes();
  }
  for (const std::vector<std::byte>& constant : program.constants) constant_bytes += constant.size();
  args.generated_code_size_in_bytes = GeneratedCodeBytes(program) + constant_bytes;
  args.argument_size_in_bytes = argument_bytes;
  args.output_size_in_bytes = output_bytes;
  args.alias_size_in_bytes = alias_bytes;
  args.temp_size_in_bytes = static_cast<int64_t>(program.arena_bytes);
  args.host_generated_code_size_in_bytes = 0;
  args.host_argument_size_in_bytes = 0;
  args.host_output_size_in_bytes = 0;
  args.host_alias_size_in_bytes = 0;
  args.host_temp_size_in_bytes = 0;
  const int64_t total_bytes =
      argument_bytes + output_bytes - alias_bytes + args.temp_size_in_bytes + args.generated_code_size_in_bytes;
  if (HAS_FIELD(args, peak_memory_in_bytes)) args.peak_memory_in_bytes = total_bytes;
  if (HAS_FIELD(args, total_size_in_bytes)) args.total_size_in_bytes = total_bytes;
  return OkStatus();
}

Status OutputElementTypes(PJRT_Executable_OutputElementTypes_Args& args) {
  const std::vector<PJRT_Buffer_Type>& types = args.executable->info->output_types;
  args.output_types = const_cast<PJRT_Buffer_Type*>(types.data());  // the ABI forgot the const
  args.num_output_types = types.size();
  return OkStatus();
}

Status OutputDimensions(PJRT_Executable_OutputDimensions_Args& args) {
  const ExecutableInfo& info = *args.executable->info;
  args.num_outputs = info.output_ranks.size();
  args.dims = info.output_dims.data();
  args.dim_sizes = info.output_ranks.data();
  return OkStatus();
}

Status OutputMemoryKinds(PJRT_Executable_OutputMemoryKinds_Args& args) {
  const ExecutableInfo& info = *args.executable->info;
  args.num_outputs = info.output_memory_kinds.size();
  args.memory_kinds = info.output_memory_kinds.data();
  args.memory_kind_sizes = info.output_memory_kind_sizes.data();
  return OkStatus();
}

// What was compiled, as it came; frameworks ask for it to look at it. A module of HLO goes with the layout of its
// entry, as clients of the C API take it. JAX parses the answer three times while it compiles, so its programs are
// echoed only on request.
Status OptimizedProgram(PJRT_Executable_OptimizedProgram_Args& args) {
  static constexpr std::string_view kMlir = "mlir", kHloWithConfig = "hlo_with_config";
  const ExecutableInfo& info = *args.executable->info;
  if (info.artifact.empty()) {
    return Unimplemented("The program's text is kept only when DRAGOMAN_ECHO_PROGRAM=1 is set before it is compiled.");
  }
  std::string code = info.artifact;
  const bool is_hlo = info.format == "hlo";
  if (is_hlo) {
    ASSIGN_OR_RETURN(code, WriteHloWithConfig(info.artifact));
  }
  PJRT_Program& program = *args.program;
  program.format = is_hlo ? kHloWithConfig.data() : kMlir.data();
  program.format_size = is_hlo ? kHloWithConfig.size() : kMlir.size();
  if (program.code != nullptr) {
    if (program.code_size < code.size()) return InvalidArgument("The room for the program is too small.");
    std::memcpy(program.code, code.data(), code.size());
  }
  program.code_size = code.size();
  return OkStatus();
}

Status Serialize(PJRT_Executable_Serialize_Args& args) {
  auto* serialized = new PJRT_SerializedExecutable{SerializeExecutable(*args.executable->info)};
  args.serialized_executable = serialized;
  args.serialized_bytes = serialized->bytes.data();
  args.serialized_bytes_size = serialized->bytes.size();
  args.serialized_executable_deleter = [](PJRT_SerializedExecutable* executable) { delete executable; };
  return OkStatus();
}

Status GetCompileOptions(PJRT_Executable_GetCompileOptions_Args& args) {
  auto* serialized = new PJRT_SerializedCompileOptions{args.executable->info->compile_options};
  args.serialized_compile_options = serialized;
  args.serialized_bytes = serialized->bytes.data();
  args.serialized_bytes_size = serialized->bytes.size();
  args.serialized_compile_options_deleter = [](PJRT_SerializedCompileOptions* options) { delete options; };
  return OkStatus();
}

Status Deserialize(PJRT_Executable_DeserializeAndLoad_Args& args) {
  std::string_view options;
  if (HAS_FIELD(args, overridden_serialized_compile_options_size) &&
      args.overridden_serialized_compile_options != nullptr) {
    options = {args.overridden_serialized_compile_options, args.overridden_serialized_compile_options_size};
  }
  const std::string_view bytes(args.serialized_executable, args.serialized_executable_size);
  ASSIGN_OR_RETURN(std::shared_ptr<const ExecutableInfo> info, DeserializeAndLoad(args.client->state, bytes, options));
  args.loaded_executable = new PJRT_LoadedExecutable{std::move(info)};
  return OkStatus();
}

}  // namespace

void FillExecutableSlots(PJRT_Api& api) {
  api.PJRT_Executable_Destroy = kEntry<&ExecutableDestroy>;
  api.PJRT_Executable_Name = kEntry<&GetName>;
  api.PJRT_Executable_NumReplicas = kEntry<&NumReplicas>;
  api.PJRT_Executable_NumPartitions = kEntry<&NumPartitions>;
  api.PJRT_Executable_NumOutputs = kEntry<&NumOutputs>;
  api.PJRT_Executable_SizeOfGeneratedCodeInBytes = kEntry<&SizeOfGeneratedCode>;
  api.PJRT_Executable_Fingerprint = kEntry<&ExecutableFingerprint>;
  api.PJRT_Executable_GetCostAnalysis = kEntry<&GetCostAnalysis>;
  api.PJRT_Executable_GetCompiledMemoryStats = kEntry<&GetCompiledMemoryStats>;
  api.PJRT_Executable_OutputElementTypes = kEntry<&OutputElementTypes>;
  api.PJRT_Executable_OutputDimensions = kEntry<&OutputDimensions>;
  api.PJRT_Executable_OutputMemoryKinds = kEntry<&OutputMemoryKinds>;
  api.PJRT_Executable_OptimizedProgram = kEntry<&OptimizedProgram>;
  api.PJRT_Executable_Serialize = kEntry<&Serialize>;
  api.PJRT_Executable_GetCompileOptions = kEntry<&GetCompileOptions>;
  api.PJRT_Executable_DeserializeAndLoad = kEntry<&Deserialize>;
}

}  // namespace dragoman::pjrt
