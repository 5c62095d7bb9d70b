// SPDX-License-Identifier: Apache-2.0
#include "pjrt/compile_options.h"

#include <bit>
#include <cstring>
#include <optional>

#include "base/format.h"

namespace dragoman::pjrt {
namespace {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;      // kVarint, kFixed64, kFixed32
  std::string_view bytes;  // kBytes
};

// Reads one message front to back.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  bool AtEnd() const { return position_ == bytes_.size(); }

  StatusOr<Field> Next() {
    ASSIGN_OR_RETURN(const uint64_t key, Varint());
    Field field;
    field.number = static_cast<uint32_t>(key >> 3);
    field.type = static_cast<WireType>(key & 7);
    switch (field.type) {
      case WireType::kVarint: {
        ASSIGN_OR_RETURN(field.value, Varint());
        return field;
      }
      case WireType::kFixed64: {
        ASSIGN_OR_RETURN(field.value, Fixed(8));
        return field;
      }
      case WireType::kFixed32: {
        ASSIGN_OR_RETURN(field.value, Fixed(4));
        return field;
      }
      case WireType::kBytes: {
        ASSIGN_OR_RETURN(const uint64_t size, Varint());
        ASSIGN_OR_RETURN(field.bytes, Take(size));
        return field;
      }
    }
    return InvalidArgument(Format("The compile options hold wire type {} at byte {}.", key & 7, position_));
  }

  StatusOr<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      ASSIGN_OR_RETURN(const std::string_view byte, Take(1));
      const auto bits = static_cast<uint8_t>(byte[0]);
      value |= static_cast<uint64_t>(bits & 0x7f) << shift;
      if (bits < 0x80) return value;
    }
    return InvalidArgument(Format("The compile options hold a number of more than 64 bits at byte {}.", position_));
  }

 private:
  StatusOr<std::string_view> Take(uint64_t size) {
    if (size > bytes_.size() - position_) {
      return InvalidArgument(Format("The compile options end at byte {} in the middle of a field.", bytes_.size()));
    }
    const std::string_view taken = bytes_.substr(position_, size);
    position_ += size;
    return taken;
  }

  StatusOr<uint64_t> Fixed(int size) {
    ASSIGN_OR_RETURN(const std::string_view taken, Take(size));
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) value |= static_cast<uint64_t>(static_cast<uint8_t>(taken[i])) << (8 * i);
    return value;
  }

  std::string_view bytes_;
  size_t position_ = 0;
};

template <typename Visit>
Status ForEachField(std::string_view message, Visit&& visit) {
  WireReader reader(message);
  while (!reader.AtEnd()) {
    ASSIGN_OR_RETURN(const Field field, reader.Next());
    RETURN_IF_ERROR(visit(field));
  }
  return OkStatus();
}

// A repeated integer comes packed (bytes) or one field an element.
Status AppendIntegers(const Field& field, std::vector<int64_t>& values) {
  if (field.type == WireType::kVarint) {
    values.push_back(static_cast<int64_t>(field.value));
    return OkStatus();
  }
  WireReader reader(field.bytes);
  while (!reader.AtEnd()) {
    ASSIGN_OR_RETURN(const uint64_t value, reader.Varint());
    values.push_back(static_cast<int64_t>(value));
  }
  return OkStatus();
}

// DeviceAssignmentProto: 3 repeated ComputationDevice {1 repeated ids}.
Status ReadDeviceAssignment(std::string_view message, std::vector<int64_t>& device_ids) {
  return ForEachField(message, [&](const Field& assignment) -> Status {
    if (assignment.number != 3) return OkStatus();
    return ForEachField(assignment.bytes, [&](const Field& computation) -> Status {
      return computation.number == 1 ? AppendIntegers(computation, device_ids) : OkStatus();
    });
  });
}

// ExecutableBuildOptionsProto: 1 device_ordinal, 4 num_replicas, 5 num_partitions, 9 device_assignment.
Status ReadBuildOptions(std::string_view message, CompileOptions& options) {
  return ForEachField(message, [&](const Field& field) -> Status {
    if (field.number == 1) options.device_ordinal = static_cast<int64_t>(field.value);
    if (field.number == 4) options.num_replicas = static_cast<int64_t>(field.value);
    if (field.number == 5) options.num_partitions = static_cast<int64_t>(field.value);
    if (field.number == 9) return ReadDeviceAssignment(field.bytes, options.device_ids);
    return OkStatus();
  });
}

// OptionOverrideProto: 1 string, 2 bool, 3 int64, 4 double.
Status ReadOverrideValue(std::string_view message, OptionValue& value) {
  return ForEachField(message, [&](const Field& field) -> Status {
    if (field.number == 1) value = std::string(field.bytes);
    if (field.number == 2) value = field.value != 0;
    if (field.number == 3) value = static_cast<int64_t>(field.value);
    if (field.number == 4) value = std::bit_cast<double>(field.value);
    return OkStatus();
  });
}

Status ReadOverride(std::string_view message, CompileOptions& options) {
  std::string name;
  OptionValue value;
  RETURN_IF_ERROR(ForEachField(message, [&](const Field& field) -> Status {
    if (field.number == 1) name = std::string(field.bytes);
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
  RETURN_IF_ERROR(ForEachField(bytes, [&](const Field& field) -> Status {
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
  RETURN_IF_ERROR(ForEachField(module, [&](const Field& field) -> Status {
    if (field.number == 4 && field.type == WireType::kBytes) config = WithBytes("", 1, field.bytes);
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
