// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/wsl.h"
#include "runtime/runtime.h"
#include "target/profile_json.h"

namespace dragoman::cli {
namespace {

constexpr std::string_view kTypeNames[] = {"other", "integrated GPU", "discrete GPU", "virtual GPU", "CPU"};

std::string VersionText(uint32_t version) {
  return Format("{}.{}.{}", version >> 22 & 0x7f, version >> 12 & 0x3ff, version & 0xfff);
}

std::string Features(const target::DeviceProfile& profile) {
  const std::pair<const char*, bool> rows[] = {
      {"f16", profile.float16},
      {"f64", profile.float64},
      {"i8", profile.int8},
      {"i64", profile.int64},
      {"8-bit storage", profile.storage8},
      {"16-bit storage", profile.storage16},
      {"bf16", profile.shader_bfloat16},
      {"matrix units", profile.cooperative_matrix},
  };
  std::string text;
  for (const auto& [name, has] : rows) {
    if (has) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  const std::string subgroup = profile.subgroup_min_size == profile.subgroup_max_size
                                   ? Format("{}", profile.subgroup_size)
                                   : Format("{} to {}", profile.subgroup_min_size, profile.subgroup_max_size);
  return Format("{}; subgroup {}; shared memory {} KiB", text, subgroup, profile.shared_memory_bytes / 1024);
}

nlohmann::json AsJson(const runtime::DeviceReport& report, size_t index) {
  const target::DeviceProfile& profile = report.profile;
  return {{"index", index},
          {"name", profile.name},
          {"type", kTypeNames[static_cast<int>(profile.type)]},
          {"driver", profile.driver_name},
          {"driver_info", profile.driver_info},
          {"vulkan", VersionText(profile.api_version)},
          {"memory_bytes", profile.device_memory_bytes},
          {"usable", report.is_usable},
          {"refusal", report.refusal},
          {"profile", nlohmann::json::parse(target::ToJson(profile))}};
}

void PrintReport(const runtime::DeviceReport& report, size_t index) {
  const target::DeviceProfile& profile = report.profile;
  std::fputs(Format("{}  {} ({})\n", index, profile.name, kTypeNames[static_cast<int>(profile.type)]).c_str(), stdout);
  std::fputs(Format("   driver {} {}, Vulkan {}, {:.1f} GiB\n", profile.driver_name, profile.driver_info,
                    VersionText(profile.api_version), static_cast<double>(profile.device_memory_bytes) / (1ull << 30))
                 .c_str(),
             stdout);
  std::fputs(Format("   {}\n", Features(profile)).c_str(), stdout);
  if (!report.is_usable) std::fputs(Format("   not used: {}\n", report.refusal).c_str(), stdout);
}

}  // namespace

int Devices(const DevicesOptions& options) {
  const auto reports = runtime::ListDevices();
  if (!reports.ok()) {
    const std::string wsl = WslAdvice({}, options.system_root);
    const Status status = wsl.empty() ? reports.status() : reports.status().WithContext(wsl);
    if (!options.json) return Fail(status);
    std::puts(nlohmann::json{{"devices", nlohmann::json::array()}, {"error", status.message()}}.dump(2).c_str());
    return 1;
  }
  if (options.profile_of >= 0) {
    if (options.profile_of >= static_cast<int>(reports->size())) {
      return Fail(NotFound(Format("There is no device {}; this machine has {}.", options.profile_of, reports->size())));
    }
    std::puts(target::ToJson((*reports)[options.profile_of].profile).c_str());
    return 0;
  }
  const auto other = runtime::LaidOverProfile();
  if (!other.ok()) return Fail(other.status());
  nlohmann::json list = nlohmann::json::array();
  for (size_t i = 0; i < reports->size(); ++i) {
    if (options.json)
      list.push_back(AsJson((*reports)[i], i));
    else
      PrintReport((*reports)[i], i);
  }
  nlohmann::json answer = {{"devices", list}};
  if (other->has_value()) {
    answer["laid_over"] = (*other)->name;
    if (!options.json) std::puts(runtime::DescribeLaidOver(**other).c_str());
  }
  if (const std::string wsl = WslAdvice(*reports, options.system_root); !wsl.empty()) {
    answer["wsl"] = wsl;
    if (!options.json) std::puts(wsl.c_str());
  }
  if (options.json) std::puts(answer.dump(2).c_str());
  return 0;
}

}  // namespace dragoman::cli
