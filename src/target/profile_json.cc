// SPDX-License-Identifier: Apache-2.0
#include "target/profile_json.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/format.h"
#include "base/os.h"
#include "target/profile_fields.h"

namespace dragoman::target {
namespace {

using Json = nlohmann::ordered_json;

// The number of members of an aggregate: the longest list of anythings that initialises it.
struct Anything {
  template <typename T>
  operator T() const;
};
template <typename T, typename... Members>
consteval int CountMembers() {
  if constexpr (requires { T{Members()..., Anything()}; }) {
    return CountMembers<T, Members..., Anything>();
  } else {
    return sizeof...(Members);
  }
}
#define X(field, kind) +1
static_assert(CountMembers<DeviceProfile>() == 0 DRAGOMAN_PROFILE_FIELDS(X),
              "Each member of DeviceProfile is a field.");
#undef X

struct EnumName {
  int value;
  std::string_view name;
};
constexpr EnumName kDeviceTypes[] = {{0, "other"}, {1, "integrated"}, {2, "discrete"}, {3, "virtual"}, {4, "cpu"}};
constexpr EnumName kAddressForms[] = {{0, "access_chain"}, {1, "byte_offset_32"}};

Json EnumToJson(int value, std::span<const EnumName> names) {
  for (const EnumName& row : names) {
    if (row.value == value) return std::string(row.name);
  }
  return value;
}

bool EnumFromJson(const Json& json, std::span<const EnumName> names, int& out) {
  if (!json.is_string()) return false;
  for (const EnumName& row : names) {
    if (json.get_ref<const std::string&>() == row.name) {
      out = row.value;
      return true;
    }
  }
  return false;
}

Json Write(const std::string& value) { return value; }
Json Write(bool value) { return value; }
Json Write(int value) { return value; }
Json Write(uint32_t value) { return value; }
Json Write(uint64_t value) { return value; }
Json Write(DeviceType value) { return EnumToJson(static_cast<int>(value), kDeviceTypes); }
Json Write(AddressForm value) { return EnumToJson(static_cast<int>(value), kAddressForms); }
Json Write(const std::array<uint32_t, 3>& value) { return value; }
Json Write(const std::vector<MatrixShape>& shapes) {
  Json array = Json::array();
  for (const MatrixShape& shape : shapes) {
    array.push_back({{"m", shape.m},
                     {"n", shape.n},
                     {"k", shape.k},
                     {"input", std::string(Name(shape.input))},
                     {"accumulator", std::string(Name(shape.accumulator))}});
  }
  return array;
}

// Each Read is false when the JSON is of another kind or out of range.
bool Read(const Json& json, std::string& out) {
  if (json.is_string()) out = json.get<std::string>();
  return json.is_string();
}
bool Read(const Json& json, bool& out) {
  if (json.is_boolean()) out = json.get<bool>();
  return json.is_boolean();
}
bool Read(const Json& json, uint64_t& out) {
  if (json.is_number_unsigned()) out = json.get<uint64_t>();
  return json.is_number_unsigned();
}
bool Read(const Json& json, uint32_t& out) {
  uint64_t wide = 0;
  if (!Read(json, wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
  out = static_cast<uint32_t>(wide);
  return true;
}
bool Read(const Json& json, int& out) {
  if (!json.is_number_integer()) return false;
  const int64_t wide = json.get<int64_t>();
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) return false;
  out = static_cast<int>(wide);
  return true;
}
bool Read(const Json& json, DeviceType& out) {
  int value = 0;
  if (!EnumFromJson(json, kDeviceTypes, value)) return false;
  out = static_cast<DeviceType>(value);
  return true;
}
bool Read(const Json& json, AddressForm& out) {
  int value = 0;
  if (!EnumFromJson(json, kAddressForms, value)) return false;
  out = static_cast<AddressForm>(value);
  return true;
}
bool Read(const Json& json, std::array<uint32_t, 3>& out) {
  if (!json.is_array() || json.size() != 3) return false;
  return Read(json[0], out[0]) && Read(json[1], out[1]) && Read(json[2], out[2]);
}
bool Read(const Json& json, DType& out) {
  const auto dtype = json.is_string() ? DTypeFromName(json.get_ref<const std::string&>()) : std::nullopt;
  if (dtype.has_value()) out = *dtype;
  return dtype.has_value();
}
bool Read(const Json& json, MatrixShape& out) {
  if (!json.is_object() || json.size() != 5) return false;
  for (const char* key : {"m", "n", "k", "input", "accumulator"}) {
    if (!json.contains(key)) return false;
  }
  return Read(json["m"], out.m) && Read(json["n"], out.n) && Read(json["k"], out.k) && Read(json["input"], out.input) &&
         Read(json["accumulator"], out.accumulator);
}
bool Read(const Json& json, std::vector<MatrixShape>& out) {
  if (!json.is_array()) return false;
  out.assign(json.size(), {});
  for (size_t i = 0; i < json.size(); ++i) {
    if (!Read(json[i], out[i])) return false;
  }
  return true;
}

enum class Outcome { kRead, kWrongKind, kUnknown };

Outcome ReadField(std::string_view name, const Json& json, DeviceProfile& profile) {
#define X(field, kind) \
  if (name == #field) return Read(json, profile.field) ? Outcome::kRead : Outcome::kWrongKind;
  DRAGOMAN_PROFILE_FIELDS(X)
#undef X
  return Outcome::kUnknown;
}

}  // namespace

std::string ToJson(const DeviceProfile& profile) {
  Json json = Json::object();
#define X(field, kind) json[#field] = Write(profile.field);
  DRAGOMAN_PROFILE_FIELDS(X)
#undef X
  // Drivers name themselves in whatever bytes they like.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<DeviceProfile> FromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidArgument("A device profile is one JSON object, and this text is not.");
  DeviceProfile profile;
  for (const auto& [name, value] : json.items()) {
    switch (ReadField(name, value, profile)) {
      case Outcome::kRead:
        break;
      case Outcome::kWrongKind:
        return InvalidArgument(Format("The field '{}' of a device profile cannot be {}.", name, value.dump()));
      case Outcome::kUnknown:
        return InvalidArgument(Format("A device profile has no field '{}'.", name));
    }
  }
  return profile;
}

StatusOr<DeviceProfile> LoadProfile(const std::string& path) {
  const std::ifstream file(os::PathOf(path), std::ios::binary);
  if (!file) return NotFound(Format("The device profile '{}' cannot be read.", path));
  std::ostringstream text;
  text << file.rdbuf();
  StatusOr<DeviceProfile> profile = FromJson(text.str());
  if (!profile.ok()) return profile.status().WithContext(Format("While reading '{}'.", path));
  return profile;
}

}  // namespace dragoman::target
