// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <string>

#include "base/os_testing.h"
#include "runtime/device.h"
#include "runtime/testing.h"
#include "target/lay_over.h"
#include "target/profile_json.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

class LaidOver : public ::testing::Test {
 protected:
  static void NameProfile(const char* path) { os::SetVariable("DRAGOMAN_PROFILE", path); }
  ~LaidOver() override { os::ClearVariable("DRAGOMAN_PROFILE"); }
};

TEST_F(LaidOver, TheCompilerSeesItsChoicesAndTheRuntimeItsLimits) {
  target::DeviceProfile other;
  other.type = target::DeviceType::kDiscreteGpu;
  other.tile_registers = 96;
  other.max_buffer_bytes = 1 << 20;
  const std::string path = ::testing::TempDir() + "dragoman_laid_over.json";
  std::ofstream(path) << target::ToJson(other);
  NameProfile(path.c_str());
  const auto client = Client::Create({});
  ASSERT_TRUE(client.ok()) << client.status().message();
  auto& device = static_cast<DeviceImpl&>(*(*client)->devices()[0]);
  const auto listed = ListDevices();
  const target::DeviceProfile& real = device.core().device->profile();
  EXPECT_EQ(real, target::Confine(listed->front().profile, other));
  EXPECT_EQ(real.type, listed->front().profile.type);
  EXPECT_FALSE(real.int64);
  EXPECT_TRUE(device.core().heap(vulkan::MemoryKind::kDevice).Allocate(1 << 20).ok());
  EXPECT_EQ(device.core().heap(vulkan::MemoryKind::kDevice).Allocate((1 << 20) + 1).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(device.profile(), target::LayOver(other, real));
  EXPECT_EQ(device.profile().type, target::DeviceType::kDiscreteGpu);
  EXPECT_EQ(device.profile().tile_registers, 96);
}

TEST_F(LaidOver, NothingIsWithoutAName) {
  NameProfile("");
  const auto client = Client::Create({});
  ASSERT_TRUE(client.ok()) << client.status().message();
  EXPECT_EQ((*client)->devices()[0]->profile(), ListDevices()->front().profile);
}

TEST_F(LaidOver, SaysWhatItCannotRead) {
  NameProfile("there/is/no.json");
  const auto client = Client::Create({});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(client.status().message(), HasSubstr("'there/is/no.json' cannot be read. DRAGOMAN_PROFILE names it."));
}

}  // namespace
}  // namespace dragoman::runtime::testing
