// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "base/os_testing.h"
#include "vulkan/command_buffer.h"
#include "vulkan/pipeline.h"
#include "vulkan/system.h"

namespace dragoman::vulkan {
namespace {

using ::testing::HasSubstr;

VkQueueFamilyProperties Family(VkQueueFlags flags) { return {.queueFlags = flags, .queueCount = 1}; }

TEST(ChooseQueueFamily, PrefersComputeWithoutGraphics) {
  constexpr VkQueueFlags kGraphics = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
  constexpr VkQueueFlags kCompute = VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
  EXPECT_EQ(ChooseQueueFamily({Family(kGraphics), Family(VK_QUEUE_TRANSFER_BIT), Family(kCompute)}), 2);
  EXPECT_EQ(ChooseQueueFamily({Family(kGraphics)}), 0);
  EXPECT_EQ(ChooseQueueFamily({Family(VK_QUEUE_TRANSFER_BIT), Family(kGraphics), Family(kGraphics)}), 1);
  EXPECT_EQ(ChooseQueueFamily({Family(VK_QUEUE_TRANSFER_BIT)}), -1);
}

TEST(ToStatus, KindsOfErrorsAreToldApart) {
  EXPECT_TRUE(ToStatus("vkX", VK_SUCCESS).ok());
  EXPECT_TRUE(ToStatus("vkX", VK_INCOMPLETE).ok());
  EXPECT_EQ(ToStatus("vkX", VK_ERROR_OUT_OF_DEVICE_MEMORY).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(ToStatus("vkX", VK_TIMEOUT).code(), StatusCode::kDeadlineExceeded);
  const Status lost = ToStatus("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
  EXPECT_TRUE(lost.is_device_lost());
  EXPECT_EQ(lost.code(), StatusCode::kUnavailable);
  EXPECT_TRUE(lost.WithContext("In a test.").is_device_lost());
  EXPECT_FALSE(Unavailable(lost.message()).is_device_lost()) << "the text decides nothing";
  EXPECT_THAT(lost.message(), HasSubstr("vkQueueSubmit failed with VK_ERROR_DEVICE_LOST"));
  EXPECT_FALSE(ToStatus("vkX", VK_ERROR_INITIALIZATION_FAILED).is_device_lost());
  EXPECT_THAT(ToStatus("vkX", static_cast<VkResult>(-4242)).message(), HasSubstr("-4242"));
}

TEST(Faults, HitTheNamedFunctionAfterTheSkippedCalls) {
  Faults faults;
  faults.Inject("vkA", VK_ERROR_DEVICE_LOST, 1, 2);
  EXPECT_EQ(faults.Next("vkB"), VK_SUCCESS);
  EXPECT_EQ(faults.Next("vkA"), VK_SUCCESS);
  EXPECT_EQ(faults.Next("vkA"), VK_ERROR_DEVICE_LOST);
  EXPECT_EQ(faults.Next("vkA"), VK_ERROR_DEVICE_LOST);
  EXPECT_EQ(faults.Next("vkA"), VK_SUCCESS);
  faults.Inject("vkA", VK_ERROR_DEVICE_LOST);
  faults.Clear();
  EXPECT_EQ(faults.Next("vkA"), VK_SUCCESS);
}

TEST(Instance, MissingLoaderIsUnavailableAndNamesTheCure) {
  os::SetVariable("DRAGOMAN_VULKAN_LIBRARY", "libno_such_loader.so.1");
  const auto instance = Instance::Create({});
  os::ClearVariable("DRAGOMAN_VULKAN_LIBRARY");
  EXPECT_EQ(instance.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(instance.status().message(), HasSubstr("libno_such_loader.so.1"));
  EXPECT_THAT(instance.status().message(), HasSubstr(kLoaderCure));
}

class VulkanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Create({.enable_validation = os::WantsValidation()});
    ASSERT_TRUE(instance.ok()) << instance.status().message();
    instance_ = *instance;
    auto devices = EnumeratePhysicalDevices(*instance_);
    ASSERT_TRUE(devices.ok() && !devices->empty());
    physical_ = std::move((*devices)[0]);
  }
  void TearDown() override { EXPECT_EQ(instance_->validation_message_count(), 0); }
  std::unique_ptr<Device> MakeDevice() {
    auto device = Device::Create(instance_, physical_);
    EXPECT_TRUE(device.ok()) << device.status().message();
    return device.ok() ? *std::move(device) : nullptr;
  }

  std::shared_ptr<Instance> instance_;
  PhysicalDevice physical_;
};

TEST_F(VulkanTest, ProfileAgreesWithWhatEveryDeviceMustHave) {
  const auto& profile = physical_.profile;
  EXPECT_TRUE(physical_.refusal.empty()) << physical_.refusal;
  EXPECT_FALSE(profile.name.empty());
  EXPECT_FALSE(profile.driver_name.empty());
  EXPECT_GE(profile.api_version, VK_API_VERSION_1_2);
  EXPECT_GE(profile.max_workgroup_invocations, 128);
  EXPECT_GE(profile.shared_memory_bytes, 16384);
  EXPECT_LE(profile.subgroup_min_size, profile.subgroup_size);
  EXPECT_LE(profile.subgroup_size, profile.subgroup_max_size);
  EXPECT_GT(profile.device_memory_bytes, 0u);
  EXPECT_GT(profile.compute_units, 0);
  EXPECT_EQ(profile.cooperative_matrix, !profile.matrix_shapes.empty());
}

TEST(RefusalOf, NamesWhatIsMissing) {
  target::DeviceProfile profile;
  profile.name = "Some GPU";
  profile.api_version = VK_API_VERSION_1_2;
  FeatureChain features(VK_API_VERSION_1_2, {});
  EXPECT_EQ(RefusalOf(profile, features, 0),
            "Some GPU cannot be used: its driver lacks the feature bufferDeviceAddress. A newer driver may help.");
  profile.driver_name = "Dozen";
  EXPECT_THAT(RefusalOf(profile, features, 0), HasSubstr("bufferDeviceAddress. A newer driver of the GPU on Windows"));
  features.vulkan12.bufferDeviceAddress = true;
  EXPECT_THAT(RefusalOf(profile, features, 0), HasSubstr("lacks the feature timelineSemaphore"));
  features.vulkan12.timelineSemaphore = true;
  EXPECT_THAT(RefusalOf(profile, features, -1), HasSubstr("no queue for compute work"));
  EXPECT_EQ(RefusalOf(profile, features, 0), "");
  profile.api_version = VK_API_VERSION_1_1;
  EXPECT_THAT(RefusalOf(profile, features, 0), HasSubstr("it has Vulkan 1.1, and Dragoman needs 1.2"));
}

// A device that is confined to a profile is asked for no more than that, so that validation holds programs to it.
TEST(SelectFeatures, FeaturesBeyondTheProfileAreNotAskedFor) {
  FeatureChain available(VK_API_VERSION_1_2, {});
  available.vulkan12.shaderInt8 = available.vulkan12.storageBuffer8BitAccess = available.vulkan12.shaderFloat16 = true;
  available.core.features.shaderInt64 = true;
  target::DeviceProfile profile;
  profile.int64 = profile.storage8 = true;
  FeatureChain wanted(VK_API_VERSION_1_2, {});
  SelectFeatures(available, profile, wanted);
  EXPECT_TRUE(wanted.core.features.shaderInt64 && wanted.vulkan12.storageBuffer8BitAccess);
  EXPECT_FALSE(wanted.vulkan12.shaderInt8 || wanted.vulkan12.shaderFloat16);
  EXPECT_FALSE(wanted.core.features.shaderFloat64);
}

TEST_F(VulkanTest, RefusedDeviceIsNotOpened) {
  physical_.refusal = "It is too old.";
  EXPECT_EQ(Device::Create(instance_, physical_).status().code(), StatusCode::kFailedPrecondition);
}

// A driver that knows a pipeline by its code alone must not take one for the other.
TEST(CodeForPieces, IsOneStringLongerBeforeTheTypes) {
  const std::vector<uint32_t> code = {0x07230203,    0x10300, 0, 7, 0,  // header; ids below 7
                                      2u << 16 | 17, 1,                 // OpCapability
                                      3u << 16 | 14, 0,       1,        // OpMemoryModel
                                      2u << 16 | 19, 3};                // OpTypeVoid
  std::vector<uint32_t> expected = code;
  expected[3] = 8;
  const uint32_t line[] = {3u << 16 | 7, 7, 0};  // OpString
  expected.insert(expected.begin() + 10, std::begin(line), std::end(line));
  EXPECT_EQ(CodeForPieces(code), expected);
  EXPECT_TRUE(CodeForPieces({}).empty());
}

TEST_F(VulkanTest, EveryKindOfMemoryHasAnAddress) {
  const auto device = MakeDevice();
  for (int kind = 0; kind < kNumMemoryKinds; ++kind) {
    const auto memory = device->Allocate(static_cast<MemoryKind>(kind), 4096);
    ASSERT_TRUE(memory.ok()) << memory.status().message();
    EXPECT_NE(memory->address, 0u);
    EXPECT_EQ(memory->host != nullptr, device->IsHostVisible(static_cast<MemoryKind>(kind)));
    if (kind == static_cast<int>(MemoryKind::kDevice)) continue;
    EXPECT_NE(memory->host, nullptr);
  }
}

TEST_F(VulkanTest, TooLargeAllocationSaysTheLimit) {
  const auto device = MakeDevice();
  const auto memory = device->Allocate(MemoryKind::kDevice, 1ull << 50);
  EXPECT_EQ(memory.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(memory.status().message(), HasSubstr("1125899906842624 bytes"));
}

TEST_F(VulkanTest, EachStepOfOpeningADeviceCanFail) {
  for (const char* function : {"vkCreateDevice", "vkCreateSemaphore", "vkCreatePipelineLayout", "vkCreateBuffer"}) {
    instance_->faults().Inject(function, VK_ERROR_OUT_OF_HOST_MEMORY);
    const auto device = Device::Create(instance_, physical_);
    instance_->faults().Clear();
    EXPECT_EQ(device.status().code(), StatusCode::kResourceExhausted) << function;
    EXPECT_THAT(device.status().message(), HasSubstr(function));
  }
}

TEST_F(VulkanTest, EachStepOfAllocatingCanFailAndLeaksNothing) {
  const auto device = MakeDevice();
  for (const char* function : {"vkCreateBuffer", "vkAllocateMemory", "vkBindBufferMemory", "vkMapMemory"}) {
    instance_->faults().Inject(function, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    EXPECT_EQ(device->Allocate(MemoryKind::kUpload, 4096).status().code(), StatusCode::kResourceExhausted) << function;
    instance_->faults().Clear();
  }
}

TEST_F(VulkanTest, CopiesAndTheTimelineFollowSubmissions) {
  const auto device = MakeDevice();
  auto source = *device->Allocate(MemoryKind::kUpload, 4096), target = *device->Allocate(MemoryKind::kReadback, 4096);
  std::memset(source.host, 0x5a, 4096);
  auto pool = CommandPool::Create(*device);
  ASSERT_TRUE(pool.ok());
  auto recorder = Recorder::Begin(*device, *pool->Allocate(), false);
  ASSERT_TRUE(recorder.ok());
  recorder->Wait(Barrier::kStart);
  recorder->Copy(source, 0, target, 1024, 512);
  recorder->Wait(Barrier::kEnd);
  ASSERT_TRUE(recorder->End().ok());
  EXPECT_FALSE(*device->Wait(7, 0));
  const VkCommandBuffer buffer = recorder->command_buffer();
  ASSERT_TRUE(device->Submit({&buffer, 1}, 7).ok());
  EXPECT_TRUE(*device->Wait(7, ~0ull));
  EXPECT_TRUE(*device->Wait(5, 0));
  EXPECT_EQ(target.host[1024], std::byte{0x5a});
  EXPECT_EQ(target.host[1535], std::byte{0x5a});
}

TEST_F(VulkanTest, LostDeviceStaysLost) {
  const auto device = MakeDevice();
  instance_->faults().Inject("vkWaitSemaphores", VK_ERROR_DEVICE_LOST);
  EXPECT_FALSE(device->Wait(1, 0).ok());
  instance_->faults().Clear();
  EXPECT_TRUE(device->health().is_device_lost());
  EXPECT_TRUE(device->Wait(1, 0).status().is_device_lost());
}

TEST(DriverKey, DiffersByDriverAndStaysTheSameOtherwise) {
  PhysicalDevice device;
  const Hash128 key = DriverKey(device);
  EXPECT_EQ(DriverKey(device), key);
  device.profile.driver_version = 2;
  EXPECT_NE(DriverKey(device), key);
  device.profile.driver_version = 0;
  device.pipeline_cache_uuid[15] = 1;
  EXPECT_NE(DriverKey(device), key);
}

}  // namespace
}  // namespace dragoman::vulkan
