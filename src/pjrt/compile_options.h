// SPDX-License-Identifier: Apache-2.0
// The few fields of a serialized CompileOptionsProto that matter here, read by a bounds-checked wire reader; everything
// else is skipped unread. And the protos we write.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace dragoman::pjrt {

using OptionValue = std::variant<std::string, bool, int64_t, double>;

struct CompileOptions {
  int64_t num_replicas = 1;
  int64_t num_partitions = 1;
  // The program may be run on any device: Execute names it.
  bool is_portable = false;
  int64_t device_ordinal = -1;                   // where no device is assigned; -1: the first
  std::vector<int64_t> device_ids;               // of the device assignment, all computations one after the other
  std::map<std::string, OptionValue> overrides;  // jax.jit(compiler_options=...)
};

// INVALID_ARGUMENT: bytes that are no protocol buffer message.
StatusOr<CompileOptions> ReadCompileOptions(std::string_view bytes);
// A DeviceAssignmentProto: one replica, one computation, one device.
std::string WriteDeviceAssignment(int64_t device_id);
// A HloModuleProtoWithConfig of a serialized HloModuleProto: its configuration is the layout of the entry's parameters
// and results. INVALID_ARGUMENT: bytes that are no message.
StatusOr<std::string> WriteHloWithConfig(std::string_view module);

}  // namespace dragoman::pjrt
