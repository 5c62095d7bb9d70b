// SPDX-License-Identifier: Apache-2.0
#include "cli/wsl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/directory_testing.h"
#include "base/os_testing.h"
#include "cli/cli.h"

namespace dragoman::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

runtime::DeviceReport Report(target::DeviceType type, const char* driver, bool is_usable = true) {
  runtime::DeviceReport report;
  report.profile.type = type;
  report.profile.driver_name = driver;
  report.is_usable = is_usable;
  return report;
}

const std::vector<runtime::DeviceReport> kLavapipe = {Report(target::DeviceType::kCpu, "llvmpipe")};
const std::vector<runtime::DeviceReport> kDozen = {Report(target::DeviceType::kDiscreteGpu, "Dozen"), kLavapipe[0]};

// The system's files in a folder of the test's own.
class Wsl : public DirectoryTest {
 protected:
  void MakeWsl(const std::string& os_release) {
    std::filesystem::create_directories(directory_ + "/dev");
    std::filesystem::create_directories(directory_ + "/etc");
    std::ofstream(directory_ + "/dev/dxg");
    std::ofstream(directory_ + "/etc/os-release") << os_release;
  }
  std::string AdviceOn(const std::string& os_release, const std::vector<runtime::DeviceReport>& reports) {
    MakeWsl(os_release);
    return WslAdvice(reports, directory_);
  }
};

TEST_F(Wsl, NothingIsSaidElsewhere) {
  EXPECT_EQ(WslAdvice(kLavapipe, directory_), "");
  EXPECT_EQ(WslAdvice(kDozen, directory_), "");
}

TEST_F(Wsl, NamesThePackageOfTheDistribution) {
  EXPECT_EQ(AdviceOn("NAME=\"Arch Linux\"\nID=arch\n", kLavapipe),
            "The Windows Subsystem for Linux has a GPU without a driver: `pacman -S vulkan-dzn` installs Mesa's Dozen, "
            "which reaches it; Dragoman on Windows itself is faster.");
  EXPECT_THAT(AdviceOn("ID=\"opensuse-tumbleweed\"\n", {}), HasSubstr("zypper search"));
  EXPECT_THAT(AdviceOn("ID=fedora\n", {}), HasSubstr("dnf install mesa-vulkan-drivers"));
  EXPECT_THAT(AdviceOn("ID_LIKE=debian\nID=ubuntu\n", {}), HasSubstr("ppa:kisak/kisak-mesa"));
}

TEST_F(Wsl, SendsToWindowsWhereNoPackageIsKnown) {
  EXPECT_THAT(AdviceOn("NAME=\"Debian GNU/Linux\"\nID=debian\n", kLavapipe),
              AllOf(HasSubstr("Debian GNU/Linux has no package"), HasSubstr("on Windows itself is faster")));
  EXPECT_THAT(AdviceOn("", kLavapipe), HasSubstr("this distribution has no package"));
}

TEST_F(Wsl, SaysThatDozenIsALayer) {
  EXPECT_EQ(AdviceOn("ID=arch\n", kDozen),
            "Dozen is a layer over Windows's DirectX 12; Dragoman on Windows itself is faster.");
}

TEST_F(Wsl, ARefusedDozenNeedsNoPackage) {
  EXPECT_THAT(AdviceOn("ID=arch\n", {Report(target::DeviceType::kDiscreteGpu, "Dozen", false)}),
              HasSubstr("Dozen is a layer"));
}

TEST_F(Wsl, IsQuietWhereAnotherDriverReachesTheGpu) {
  EXPECT_EQ(AdviceOn("ID=arch\n", {Report(target::DeviceType::kDiscreteGpu, "NVIDIA")}), "");
}

TEST_F(Wsl, IsInTheDoctorsReportAndInTheList) {
  MakeWsl("ID=arch\n");
  os::SetVariable("DRAGOMAN_VISIBLE_DEVICES", "no such card");  // the doctor ends there
  const std::vector<Check> checks = RunChecks(directory_);
  os::ClearVariable("DRAGOMAN_VISIBLE_DEVICES");
  const auto row = std::find_if(checks.begin(), checks.end(), [](const Check& check) { return check.name == "WSL"; });
  ASSERT_NE(row, checks.end());
  EXPECT_TRUE(row->ok);
  EXPECT_THAT(row->found, HasSubstr("vulkan-dzn"));
  testing::internal::CaptureStdout();
  EXPECT_EQ(Devices({.system_root = directory_}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("vulkan-dzn"));
}

}  // namespace
}  // namespace dragoman::cli
