// SPDX-License-Identifier: Apache-2.0
#include "pjrt/compile_options.h"

#include <cstring>
#include <span>

#include "base/wire.h"

namespace dragoman::pjrt {
namespace {

std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

Status Damaged() { return InvalidArgument("The compile options are damaged: they end, or go wrong, within a field."); }

template <typename Visit>
Status ForEachField(std::span<const std::byte> message, Visit&& visit) {
  WireReader reader(message);
  WireField field;
  while (!reader.at_end()) {
    if (!reader.Next(field)) return Damaged();
    RETURN_IF_ERROR(visit(field));
  }
  return OkStatus();
}

// A repeated integer comes packed (bytes) or one field an element.
Status AppendIntegers(const WireField& field, std::vector<int64_t>& values) {
  if (field.type == WireType::kVarint) {
    values.push_back(static_cast<int64_t>(field.value));
    return OkStatus();
  }
  WireReader reader(field.bytes);
  uint64_t value = 0;
  while (!reader.at_end()) {
    if (!reader.Varint(value)) return Damaged();
    values.push_back(static_cast<int64_t>(value));
  }
  return OkStatus();
}

double DoubleOf(const WireField& field) {
  double value = 0;
  if (field.bytes.size() == sizeof(value)) std::memcpy(&value, field.bytes.data(), sizeof(value));
  return value;
}

// DeviceAssignmentProto: 3 repeated ComputationDevice {1 repeated ids}.
Status ReadDeviceAssignment(std::span<const std::byte> message, std::vector<int64_t>& device_ids) {
  return ForEachField(message, [&](const WireField& assignment) -> Status {
    if (assignment.number != 3) return OkStatus();
    return ForEachField(assignment.bytes, [&](const WireField& computation) -> Status {
      return computation.number == 1 ? AppendIntegers(computation, device_ids) : OkStatus();
    });
  });
}

// ExecutableBuildOptionsProto: 1 device_ordinal, 4 num_replicas, 5 num_partitions, 9 device_assignment.
Status ReadBuildOptions(std::span<const std::byte> message, CompileOptions& options) {
  return ForEachField(message, [&](const WireField& field) -> Status {
    if (field.number == 1) options.device_ordinal = static_cast<int64_t>(field.value);
    if (field.number == 4) options.num_replicas = static_cast<int64_t>(field.value);
    if (field.number == 5) options.num_partitions = static_cast<int64_t>(field.value);
    if (field.number == 9) return ReadDeviceAssignment(field.bytes, options.device_ids);
    return OkStatus();
  });
}

// OptionOverrideProto: 1 string, 2 bool, 3 int64, 4 double.
Status ReadOverrideValue(std::span<const std::byte> message, OptionValue& value) {
  return ForEachField(message, [&](const WireField& field) -> Status {
    if (field.number == 1) value = std::string(field.text());
    if (field.number == 2) value = field.value != 0;
    if (field.number == 3) value = static_cast<int64_t>(field.value);
    if (field.number == 4) value = DoubleOf(field);
    return OkStatus();
  });
}

Status ReadOverride(std::span<const std::byte> message, CompileOptions& options) {
  std::string name;
  OptionValue value;
  RETURN_IF_ERROR(ForEachField(message, [&](const WireField& field) -> Status {
    if (field.number == 1) name = std::string(field.text());
    return field.number == 2 ? ReadOverrideValue(field.bytes, value) : OkStatus();
  }));
  options.overrides[std::move(name)] = std::move(value);
  return OkStatus();
}

void AppendVarint(std::string& bytes, uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
}

// `message` and one more field of bytes.
std::string WithBytes(std::string message, int number, std::string_view bytes) {
  AppendVarint(message, static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(WireType::kBytes));
  AppendVarint(message, bytes.size());
  return message.append(bytes);
}

}  // namespace

StatusOr<CompileOptions> ReadCompileOptions(std::string_view bytes) {
  CompileOptions options;
  RETURN_IF_ERROR(ForEachField(AsBytes(bytes), [&](const WireField& field) -> Status {
    if (field.number == 3) return ReadBuildOptions(field.bytes, options);
    if (field.number == 4) options.is_portable = field.value != 0;
    return field.number == 7 ? ReadOverride(field.bytes, options) : OkStatus();
  }));
  return options;
}

// HloModuleProtoWithConfig: 1 hlo_module, 2 config. HloModuleProto: 4 host_program_shape. HloModuleConfigProto:
// 1 entry_computation_layout.
StatusOr<std::string> WriteHloWithConfig(std::string_view module) {
  std::string config;
  RETURN_IF_ERROR(ForEachField(AsBytes(module), [&](const WireField& field) -> Status {
    if (field.number == 4 && field.type == WireType::kBytes) config = WithBytes("", 1, field.text());
    return OkStatus();
  }));
  return WithBytes(WithBytes("", 1, module), 2, config);
}

std::string WriteDeviceAssignment(int64_t device_id) {
  std::string computation = "\x0a";  // field 1, packed
  std::string packed;
  AppendVarint(packed, static_cast<uint64_t>(device_id));
  AppendVarint(computation, packed.size());
  computation += packed;
  std::string message = {0x08, 0x01, 0x10, 0x01, 0x1a};  // 1 replica, 1 computation, field 3
  AppendVarint(message, computation.size());
  return message + computation;
}

}  // namespace dragoman::pjrt
