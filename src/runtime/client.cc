// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "base/log.h"
#include "base/os.h"
#include "runtime/buffer.h"
#include "runtime/core.h"
#include "runtime/device.h"
#include "runtime/event.h"
#include "runtime/visible_devices.h"
#include "target/lay_over.h"
#include "target/profile_json.h"
#include "vulkan/system.h"

namespace dragoman::runtime {
namespace {

struct Found {
  std::vector<DeviceReport> reports;
  std::vector<vulkan::PhysicalDevice> devices;  // same order
};

StatusOr<Found> FindDevices(vulkan::Instance& instance) {
  ASSIGN_OR_RETURN(std::vector<vulkan::PhysicalDevice> devices, vulkan::EnumeratePhysicalDevices(instance));
  std::vector<DeviceReport> reports;
  for (const auto& device : devices) reports.push_back({device.profile, device.refusal.empty(), device.refusal});
  Found found;
  for (const size_t i : OrderDevices(reports)) {
    found.reports.push_back(std::move(reports[i]));
    found.devices.push_back(std::move(devices[i]));
  }
  if (found.devices.empty()) return Unavailable(Format("The Vulkan loader finds no device. {}", vulkan::kDriverCure));
  return found;
}

bool AsksForValidation(const ClientOptions& options) {
  return options.enable_validation || os::EnvironmentVariable("DRAGOMAN_VALIDATION") == "1";
}

class ClientImpl final : public Client {
 public:
  explicit ClientImpl(std::vector<std::unique_ptr<Device>> devices) : devices_(std::move(devices)) {}
  const std::vector<std::unique_ptr<Device>>& devices() const override { return devices_; }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace

std::string InstallCure() { return vulkan::kInstallCure; }

StatusOr<std::vector<DeviceReport>> ListDevices() {
  ASSIGN_OR_RETURN(const auto instance, vulkan::Instance::Create({}));
  ASSIGN_OR_RETURN(Found found, FindDevices(*instance));
  return std::move(found.reports);
}

StatusOr<std::optional<target::DeviceProfile>> LaidOverProfile() {
  const std::string path = os::EnvironmentVariable("DRAGOMAN_PROFILE").value_or("");
  if (path.empty()) return std::optional<target::DeviceProfile>();
  StatusOr<target::DeviceProfile> profile = target::LoadProfile(path);
  if (!profile.ok()) return profile.status().WithContext("DRAGOMAN_PROFILE names it.");
  return std::optional(*std::move(profile));
}

std::string DescribeLaidOver(const target::DeviceProfile& other) {
  return Format("programs are compiled with the choices of {} (DRAGOMAN_PROFILE)", other.name);
}

StatusOr<std::shared_ptr<Client>> Client::Create(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const std::optional<target::DeviceProfile> other, LaidOverProfile());
  ASSIGN_OR_RETURN(const auto instance, vulkan::Instance::Create({.enable_validation = AsksForValidation(options)}));
  ASSIGN_OR_RETURN(Found found, FindDevices(*instance));
  std::optional<std::string> visible = os::EnvironmentVariable("DRAGOMAN_VISIBLE_DEVICES");
  if (options.visible_devices.has_value()) visible = *options.visible_devices;
  ASSIGN_OR_RETURN(const std::vector<size_t> chosen, ChooseDevices(found.reports, visible));
  std::vector<std::unique_ptr<Device>> devices;
  for (const size_t i : chosen) {
    if (other) found.devices[i].profile = target::Confine(found.devices[i].profile, *other);
    ASSIGN_OR_RETURN(std::shared_ptr<Core> core, Core::Create(instance, std::move(found.devices[i])));
    const target::DeviceProfile profile = core->device->profile();
    if (profile.type == target::DeviceType::kCpu) {
      Log(LogLevel::kInfo, Format("using {} (CPU): no usable GPU was chosen", profile.name));
    }
    devices.push_back(std::make_unique<DeviceImpl>(std::move(core), static_cast<int>(devices.size()),
                                                   other ? target::LayOver(*other, profile) : profile));
  }
  if (other.has_value()) Log(LogLevel::kInfo, DescribeLaidOver(*other));
  return std::shared_ptr<Client>(std::make_shared<ClientImpl>(std::move(devices)));
}

}  // namespace dragoman::runtime
