// SPDX-License-Identifier: Apache-2.0
#include "pjrt/devices_json.h"

#include <array>
#include <cstring>
#include <exception>
#include <string>

#include "base/format.h"
#include "runtime/runtime.h"

namespace dragoman::pjrt {
namespace {

// Drivers' names are nearly always plain; what is not is escaped byte by byte so that the result is valid JSON.
std::string Quote(std::string_view text) {
  return Quoted(text, [](unsigned byte) { return Format("\\u{:04x}", byte); });
}

constexpr std::array<std::string_view, 5> kTypeNames = {"other", "integrated", "discrete", "virtual", "cpu"};

std::string DeviceJson(const runtime::DeviceReport& report, size_t index) {
  const target::DeviceProfile& profile = report.profile;
  const auto type = static_cast<size_t>(profile.type);
  const uint32_t version = profile.api_version;
  return Format(
      "{{\"index\": {}, \"name\": {}, \"driver\": {}, \"driver_info\": {}, \"type\": \"{}\", \"vulkan_version\": "
      "\"{}.{}.{}\", \"vendor_id\": {}, \"device_id\": {}, \"memory_bytes\": {}, \"is_usable\": {}, \"refusal\": {}}}",
      index, Quote(profile.name), Quote(profile.driver_name), Quote(profile.driver_info),
      type < kTypeNames.size() ? kTypeNames[type] : "other", (version >> 22) & 0x7f, (version >> 12) & 0x3ff,
      version & 0xfff, profile.vendor_id, profile.device_id, profile.device_memory_bytes, report.is_usable,
      Quote(report.refusal));
}

std::string ListAsJson() {
  const StatusOr<std::vector<runtime::DeviceReport>> reports = runtime::ListDevices();
  if (!reports.ok()) return Format("{{\"error\": {}}}", Quote(reports.status().message()));
  std::string list;
  for (size_t i = 0; i < reports->size(); ++i) {
    if (i > 0) list += ", ";
    list += DeviceJson((*reports)[i], i);
  }
  return Format("{{\"devices\": [{}]}}", list);
}

char* Copy(std::string_view text) {
  char* copy = new char[text.size() + 1];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  return copy;
}

}  // namespace

char* DevicesJson() noexcept {
  try {
    return Copy(ListAsJson());
  } catch (const std::exception&) {
    return Copy("{\"error\": \"The host has no memory left to list the devices.\"}");
  }
}

}  // namespace dragoman::pjrt
