// SPDX-License-Identifier: Apache-2.0
#include "cli/wsl.h"

#include <algorithm>
#include <fstream>

#include "base/format.h"
#include "base/os.h"
#include "target/quirks.h"

namespace dragoman::cli {
namespace {

struct Distribution {
  std::string_view id;  // in /etc/os-release
  std::string_view install;
};
constexpr Distribution kWithDozen[] = {
    {"arch", "`pacman -S vulkan-dzn` installs Mesa's Dozen, which reaches it"},
    {"fedora", "`dnf install mesa-vulkan-drivers` installs Mesa's Dozen, which reaches it"},
    {"opensuse-tumbleweed",
     "the package that `zypper search --file-list libvulkan_dzn.so` names is Mesa's Dozen, which reaches it"},
    {"ubuntu",
     "`add-apt-repository ppa:kisak/kisak-mesa && apt install mesa-vulkan-drivers` installs Mesa's Dozen, which "
     "reaches it and is not among Ubuntu's own packages"},
};

// The value of a line NAME=value or NAME="value" of that file; empty where there is none.
std::string ReadSetting(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name + "=")) continue;
    std::string value = line.substr(name.size() + 1);
    std::erase(value, '"');
    return value;
  }
  return "";
}

std::string Install(const std::filesystem::path& os_release) {
  const std::string id = ReadSetting(os_release, "ID");
  for (const Distribution& row : kWithDozen) {
    if (row.id == id) return std::string(row.install);
  }
  const std::string name = ReadSetting(os_release, "NAME");
  return Format("{} has no package of Mesa's Dozen, which would reach it", name.empty() ? "this distribution" : name);
}

bool IsDozen(const runtime::DeviceReport& report) { return target::IsDozen(report.profile); }

bool IsGpu(const runtime::DeviceReport& report) {
  return report.is_usable && report.profile.type != target::DeviceType::kCpu;
}

}  // namespace

std::string WslAdvice(const std::vector<runtime::DeviceReport>& reports, const std::string& root) {
  const std::filesystem::path folder = os::PathOf(root);
  std::error_code error;
  if (!std::filesystem::exists(folder / "dev" / "dxg", error)) return "";
  if (std::any_of(reports.begin(), reports.end(), IsDozen)) {
    return "Dozen is a layer over Windows's DirectX 12; Dragoman on Windows itself is faster.";
  }
  if (std::any_of(reports.begin(), reports.end(), IsGpu)) return "";
  return Format("The Windows Subsystem for Linux has a GPU without a driver: {}; Dragoman on Windows itself is faster.",
                Install(folder / "etc" / "os-release"));
}

}  // namespace dragoman::cli
