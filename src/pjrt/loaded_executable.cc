// SPDX-License-Identifier: Apache-2.0
// Running a program.
#include <algorithm>

#include "base/format.h"
#include "base/log.h"
#include "pjrt/compile.h"
#include "pjrt/compile_options.h"
#include "pjrt/entry.h"
#include "pjrt/host_callbacks.h"
#include "pjrt/objects.h"
#include "pjrt/trace.h"

struct PJRT_DeviceAssignmentSerialized {
  std::string bytes;
};

namespace dragoman::pjrt {
namespace {

Status LoadedExecutableDestroy(PJRT_LoadedExecutable_Destroy_Args& args) {
  delete args.executable;
  return OkStatus();
}

Status GetExecutable(PJRT_LoadedExecutable_GetExecutable_Args& args) {
  args.executable = new PJRT_Executable{args.loaded_executable->info};
  return OkStatus();
}

Status GetDeviceAssignment(PJRT_LoadedExecutable_GetDeviceAssignment_Args& args) {
  const int id = args.executable->info->device->description.id;
  auto* serialized = new PJRT_DeviceAssignmentSerialized{WriteDeviceAssignment(id)};
  args.serialized_device_assignment = serialized;
  args.serialized_bytes = serialized->bytes.data();
  args.serialized_bytes_size = serialized->bytes.size();
  args.serialized_device_assignment_deleter = [](PJRT_DeviceAssignmentSerialized* assignment) { delete assignment; };
  return OkStatus();
}

Status LoadedExecutableAddressableDevices(PJRT_LoadedExecutable_AddressableDevices_Args& args) {
  args.addressable_devices = args.executable->info->device->self;
  args.num_addressable_devices = 1;
  return OkStatus();
}

Status LoadedExecutableDelete(PJRT_LoadedExecutable_Delete_Args& args) {
  args.executable->is_deleted = true;
  return OkStatus();
}

Status LoadedExecutableIsDeleted(PJRT_LoadedExecutable_IsDeleted_Args& args) {
  args.is_deleted = args.executable->is_deleted;
  return OkStatus();
}

Status LoadedExecutableFingerprint(PJRT_LoadedExecutable_Fingerprint_Args& args) {
  const std::string& fingerprint = args.executable->info->fingerprint;
  args.executable_fingerprint = fingerprint.data();
  args.executable_fingerprint_size = fingerprint.size();
  return OkStatus();
}

Status CheckCall(const PJRT_LoadedExecutable_Execute_Args& args, const ExecutableInfo& info) {
  if (args.executable->is_deleted) return InvalidArgument("The executable is deleted.");
  if (args.num_devices != 1) {
    return InvalidArgument(Format("The program {} runs on 1 device, not {}.", info.program().name, args.num_devices));
  }
  const size_t num_args = info.program().parameters.size() - (info.program().has_random_seed ? 1 : 0);
  if (args.num_args != num_args) {
    return InvalidArgument(
        Format("The program {} takes {} arguments, {} are given.", info.program().name, num_args, args.num_args));
  }
  return OkStatus();
}

bool HasExternalReferences(PJRT_Buffer& buffer) {
  const std::lock_guard lock(buffer.references_mutex);
  return buffer.num_external_references > 0;
}

// A donated buffer must not be read or donated a second time by the same call.
Status CheckDonatedOnce(std::span<PJRT_Buffer* const> arguments, const std::vector<bool>& is_donated) {
  std::vector<std::pair<const runtime::Buffer*, size_t>> seen;
  for (size_t i = 0; i < arguments.size(); ++i) seen.emplace_back(arguments[i]->buffer.get(), i);
  std::sort(seen.begin(), seen.end());
  for (size_t i = 1; i < seen.size(); ++i) {
    if (seen[i].first != seen[i - 1].first) continue;
    if (!is_donated[seen[i].second] && !is_donated[seen[i - 1].second]) continue;
    return InvalidArgument(
        Format("Arguments {} and {} are the same buffer, and it is donated: donate it once and use it nowhere else.",
               seen[i - 1].second, seen[i].second));
  }
  return OkStatus();
}

StatusOr<std::vector<bool>> FindDonated(const ExecutableInfo& info, std::span<PJRT_Buffer* const> arguments,
                                        const PJRT_ExecuteOptions& options) {
  if (!info.has_donatable) return std::vector<bool>();
  std::vector<bool> is_donated = info.is_donatable;
  for (size_t i = 0; i < options.num_non_donatable_input_indices; ++i) {
    const int64_t index = options.non_donatable_input_indices[i];
    if (index >= 0 && static_cast<size_t>(index) < is_donated.size()) is_donated[index] = false;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (is_donated[i] && HasExternalReferences(*arguments[i])) is_donated[i] = false;
  }
  RETURN_IF_ERROR(CheckDonatedOnce(arguments, is_donated));
  return is_donated;
}

// Another one for each execution, the same ones from run to run.
StatusOr<std::shared_ptr<runtime::Buffer>> NextSeed(const ExecutableInfo& info) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // spreads the numbers over all bits
  const uint64_t seed[2] = {(info.client->num_seeds.fetch_add(1) + 1) * kOdd, 0};
  return info.device->device->FromHost(info.program().parameters.back().type, {seed});
}

StatusOr<std::vector<std::shared_ptr<runtime::Buffer>>> ReadArguments(const ExecutableInfo& info,
                                                                      std::span<PJRT_Buffer* const> arguments) {
  std::vector<std::shared_ptr<runtime::Buffer>> buffers;
  buffers.reserve(arguments.size());
  for (const PJRT_Buffer* argument : arguments) buffers.push_back(argument->buffer);
  // JAX hands a token over as an empty array of booleans.
  for (const uint32_t i : info.token_parameters) {
    ASSIGN_OR_RETURN(buffers[i], info.device->device->Allocate(info.program().parameters[i].type));
  }
  if (info.program().has_random_seed) {
    ASSIGN_OR_RETURN(buffers.emplace_back(), NextSeed(info));
  }
  return buffers;
}

// Timed where somebody wants to know how long its kernels take.
StatusOr<runtime::ExecuteResult> Run(const ExecutableInfo& info,
                                     std::span<const std::shared_ptr<runtime::Buffer>> buffers,
                                     runtime::ExecuteOptions& options) {
  Trace& trace = Trace::OfProcess();
  const bool is_explained = info.explanation != nullptr && info.explanation->WantsTimes();
  const bool is_traced = trace.is_on();
  if (!is_explained && !is_traced) return info.executable->Execute(buffers, options);
  std::vector<runtime::KernelRun> runs;
  options.runs = &runs;
  auto result = info.executable->Execute(buffers, options);
  options.runs = nullptr;
  // Where the device has no clock nothing has begun yet.
  if (result.status().code() == StatusCode::kUnimplemented) return info.executable->Execute(buffers, options);
  if (!result.ok()) return result;
  if (is_explained) info.explanation->Add(runs);
  if (is_traced) trace.AddExecution(*info.executable, runs, Trace::Clock::now());
  return result;
}

Status Execute(PJRT_LoadedExecutable_Execute_Args& args) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const ExecutableInfo> loaded, LoadedOn(*args.executable, args.execute_device));
  const ExecutableInfo& info = *loaded;
  RETURN_IF_ERROR(CheckCall(args, info));
  const std::span<PJRT_Buffer* const> arguments(args.num_args == 0 ? nullptr : args.argument_lists[0], args.num_args);
  ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<runtime::Buffer>> buffers, ReadArguments(info, arguments));
  runtime::ExecuteOptions options;
  ASSIGN_OR_RETURN(options.is_donated, FindDonated(info, arguments, *args.options));
  const std::shared_ptr<const runtime::HostCallbacks> callbacks = MakeHostCallbacks(*args.options, 0);
  options.callbacks = callbacks.get();
  if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, Format("runs {}", info.program().name));
  ASSIGN_OR_RETURN(const runtime::ExecuteResult result, Run(info, buffers, options));
  // The runtime calls them until the work is done.
  if (callbacks != nullptr) result.done->OnReady([callbacks](const Status&) {});
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    args.output_lists[0][i] =
        NewBuffer(info.client, info.device->memory(info.program().outputs[i].space), result.outputs[i]);
  }
  if (args.device_complete_events != nullptr) args.device_complete_events[0] = NewEvent(result.done);
  return OkStatus();
}

Status CreateContext(PJRT_ExecuteContext_Create_Args& args) {
  args.context = new PJRT_ExecuteContext;
  return OkStatus();
}

Status DestroyContext(PJRT_ExecuteContext_Destroy_Args& args) {
  delete args.context;
  return OkStatus();
}

}  // namespace

void FillLoadedExecutableSlots(PJRT_Api& api) {
  api.PJRT_LoadedExecutable_Destroy = kEntry<&LoadedExecutableDestroy>;
  api.PJRT_LoadedExecutable_GetExecutable = kEntry<&GetExecutable>;
  api.PJRT_LoadedExecutable_GetDeviceAssignment = kEntry<&GetDeviceAssignment>;
  api.PJRT_LoadedExecutable_AddressableDevices = kEntry<&LoadedExecutableAddressableDevices>;
  api.PJRT_LoadedExecutable_Delete = kEntry<&LoadedExecutableDelete>;
  api.PJRT_LoadedExecutable_IsDeleted = kEntry<&LoadedExecutableIsDeleted>;
  api.PJRT_LoadedExecutable_Fingerprint = kEntry<&LoadedExecutableFingerprint>;
  api.PJRT_LoadedExecutable_Execute = kEntry<&Execute>;
  api.PJRT_ExecuteContext_Create = kEntry<&CreateContext>;
  api.PJRT_ExecuteContext_Destroy = kEntry<&DestroyContext>;
}

}  // namespace dragoman::pjrt
