// SPDX-License-Identifier: Apache-2.0
#include "runtime/visible_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dragoman::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

DeviceReport Report(std::string name, uint32_t vendor_id, target::DeviceType type, std::string refusal = "") {
  DeviceReport report;
  report.profile.name = std::move(name);
  report.profile.vendor_id = vendor_id;
  report.profile.type = type;
  report.is_usable = refusal.empty();
  report.refusal = std::move(refusal);
  return report;
}

// In the order that ListDevices gives.
std::vector<DeviceReport> Machine() {
  return {Report("NVIDIA H100", 0x10de, target::DeviceType::kDiscreteGpu),
          Report("AMD Radeon RX 7900 XTX", 0x1002, target::DeviceType::kDiscreteGpu),
          Report("Intel UHD 770", 0x8086, target::DeviceType::kIntegratedGpu),
          Report("llvmpipe", 0x10005, target::DeviceType::kCpu),
          Report("Adreno 702", 0x5143, target::DeviceType::kIntegratedGpu, "It has Vulkan 1.0.")};
}

TEST(OrderDevices, UsableDiscreteDevicesComeFirst) {
  const std::vector<DeviceReport> reports = {
      Report("cpu", 1, target::DeviceType::kCpu), Report("old", 1, target::DeviceType::kDiscreteGpu, "old"),
      Report("integrated", 1, target::DeviceType::kIntegratedGpu), Report("first", 1, target::DeviceType::kDiscreteGpu),
      Report("second", 1, target::DeviceType::kDiscreteGpu)};
  EXPECT_THAT(OrderDevices(reports), ElementsAre(3, 4, 2, 0, 1));
}

TEST(ChooseDevices, BestAloneWhenNothingIsAsked) {
  EXPECT_THAT(*ChooseDevices(Machine(), std::nullopt), ElementsAre(0));
}

TEST(ChooseDevices, TextNamesIndicesVendorsAndPartsOfNames) {
  const auto machine = Machine();
  EXPECT_THAT(*ChooseDevices(machine, "2,0"), ElementsAre(2, 0));
  EXPECT_THAT(*ChooseDevices(machine, "AMD"), ElementsAre(1));
  EXPECT_THAT(*ChooseDevices(machine, " intel , 0 "), ElementsAre(2, 0));
  EXPECT_THAT(*ChooseDevices(machine, "radeon"), ElementsAre(1));
  EXPECT_THAT(*ChooseDevices(machine, "mesa,llvmpipe,3"), ElementsAre(3));
  EXPECT_THAT(*ChooseDevices(machine, "all"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(*ChooseDevices(machine, ""), ElementsAre(0, 1, 2, 3));
}

TEST(ChooseDevices, NoMatchListsWhatThereIs) {
  const auto chosen = ChooseDevices(Machine(), "voodoo");
  EXPECT_EQ(chosen.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(chosen.status().message(), HasSubstr("1: AMD Radeon RX 7900 XTX"));
  EXPECT_EQ(ChooseDevices(Machine(), "17").status().code(), StatusCode::kInvalidArgument);
}

TEST(ChooseDevices, RefusedDeviceSaysWhy) {
  const auto chosen = ChooseDevices(Machine(), "qualcomm");
  EXPECT_EQ(chosen.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(chosen.status().message(), HasSubstr("It has Vulkan 1.0."));
  EXPECT_EQ(ChooseDevices(std::vector<DeviceReport>{Machine()[4]}, std::nullopt).status().code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(ChooseDevices({}, std::nullopt).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace dragoman::runtime
