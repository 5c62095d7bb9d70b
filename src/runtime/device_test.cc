// SPDX-License-Identifier: Apache-2.0
// Whole-device behaviour: threads, faults, limits, lifetimes.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/os.h"
#include "base/os_testing.h"
#include "runtime/builtin_kernels.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

class DeviceBehaviourTest : public DeviceTest {};

TEST_F(DeviceBehaviourTest, ThreadsExecuteTransferAndLoadAtOnce) {
  const auto shared = Load(ScaleProgram(500, 3, 1));
  std::atomic<int> wrong = 0;
  const auto work = [&](uint32_t seed) {
    const auto own = Load(ScaleProgram(500, seed + 1, seed));
    for (uint32_t round = 0; round < 25; ++round) {
      auto buffer = FromHost(Iota(500, seed));
      buffer = Execute(*shared, {buffer}, {round % 2 == 0})[0];
      buffer = Execute(*own, {buffer}, {true})[0];
      const auto values = ToHost(buffer);
      for (uint32_t i = 0; i < 500; ++i) wrong += values[i] != (3 * (i + seed) + 1) * (seed + 1) + seed;
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(DeviceBehaviourTest, DeepQueueOfExecutionsNeedsNoWaiting) {
  const auto executable = Load(ScaleProgram(100, 1, 1));
  auto buffer = FromHost(Iota(100));
  for (int i = 0; i < 300; ++i) buffer = Execute(*executable, {buffer}, {i % 3 != 0})[0];
  EXPECT_EQ(ToHost(buffer), Iota(100, 300));
}

TEST_F(DeviceBehaviourTest, MemoryOfAProgramGoesBackWithIt) {
  {
    ProgramBuilder builder;
    const uint32_t constant = builder.Constant(Iota(10000)), temporary = builder.Temporary(5000);
    builder.Do(builder.Scale(constant, temporary, 1, 0));
    builder.Do(builder.Copy(temporary, builder.Output(5000)));
    const auto executable = Load(builder.program());
    EXPECT_EQ(ToHost(Execute(*executable, {})[0]), Iota(5000));
    EXPECT_GT(device().memory_statistics().bytes_in_use, 60000u);
  }
  EXPECT_EQ(device().memory_statistics().bytes_in_use, 0u);
  EXPECT_GE(device().memory_statistics().peak_bytes_in_use, 80000u);
}

TEST_F(DeviceBehaviourTest, TooLargeTensorIsRefusedWithItsSize) {
  const auto buffer = device().Allocate(U32(1ll << 45));
  EXPECT_EQ(buffer.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(buffer.status().message(), HasSubstr("140737488355328 bytes"));
  EXPECT_EQ(ToHost(FromHost(Iota(3))), Iota(3));
}

TEST_F(DeviceBehaviourTest, OutOfMemoryInExecuteLeavesArgumentsUntouched) {
  const auto executable = Load(ScaleProgram(40 << 20, 2, 0));
  const auto argument = device().Allocate(U32(40 << 20));
  ASSERT_TRUE(argument.ok());
  faults().Inject("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY, 0, 100);
  const std::vector<std::shared_ptr<Buffer>> arguments = {*argument};
  const auto result = executable->Execute(arguments, {.is_donated = {true}});
  faults().Clear();
  EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(result.status().message(), HasSubstr("167772160 bytes are asked for"));
  EXPECT_FALSE((*argument)->IsDeleted());
  EXPECT_TRUE(executable->Execute(arguments, {.is_donated = {true}}).ok());
}

// 3 x + 1, by way of an arena of `num_temporaries` times `count` words.
program::Program ArenaProgram(int64_t count, int num_temporaries = 1) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(1);
  for (int i = 0; i < num_temporaries; ++i) builder.Temporary(count);
  const uint32_t first = builder.Slot(program::SlotKind::kArena, 0, 0, 1);
  builder.Do(builder.Scale(parameter, first, 3, 0));
  builder.Do(builder.Scale(first, builder.Output(1), 1, 1));
  return builder.program();
}

TEST_F(DeviceBehaviourTest, TheArenaServesTheProgramThatRunsNotTheLargestLoaded) {
  const auto large = Load(ArenaProgram(64 << 20));
  const auto small = Load(ArenaProgram(1000));
  const uint64_t before = device().memory_statistics().bytes_in_use;
  EXPECT_EQ(ToHost(Execute(*small, {FromHost({5})})[0])[0], 16u);
  EXPECT_LT(device().memory_statistics().bytes_in_use, before + (1 << 20));
  EXPECT_EQ(ToHost(Execute(*large, {FromHost({5})})[0])[0], 16u);
  EXPECT_GE(device().memory_statistics().bytes_in_use, uint64_t{256} << 20);
  EXPECT_EQ(ToHost(Execute(*small, {FromHost({6})})[0])[0], 19u);
}

TEST_F(DeviceBehaviourTest, AProgramThatDoesNotFitFailsAlone) {
  const auto huge = Load(ArenaProgram(1ll << 28, 2048));  // 2 TiB
  ASSERT_NE(huge, nullptr);
  const auto small = Load(ArenaProgram(1000));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ToHost(Execute(*small, {FromHost({5})})[0])[0], 16u);
    const auto argument = FromHost({5});
    const std::vector<std::shared_ptr<Buffer>> arguments = {argument};
    const auto result = huge->Execute(arguments, {});
    EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted);
    EXPECT_THAT(result.status().message(), HasSubstr("bytes are asked for"));
    EXPECT_LT(device().memory_statistics().bytes_in_use, 1u << 20);
    EXPECT_LT(device().memory_statistics().bytes_reserved, uint64_t{4} << 30);
  }
}

TEST_F(DeviceBehaviourTest, ShortMemoryTakesTheIdleArenaBack) {
  // A new client, whose heap asks for no more than it needs: how often it asks depends on what it gave out before.
  client_ = nullptr;
  client_ = MakeClient();
  messages_before_ = 0;
  const auto large = Load(ArenaProgram(512 << 18)), small = Load(ArenaProgram(1000));
  EXPECT_EQ(ToHost(Execute(*large, {FromHost({5})})[0])[0], 16u);
  ASSERT_GE(device().memory_statistics().bytes_in_use, uint64_t{512} << 20);
  const uint64_t reserved = device().memory_statistics().bytes_reserved;
  // The driver has no more until something goes back to it.
  faults().Inject("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY, 0, 1);
  const auto buffer = device().Allocate(U32(600 << 18));
  faults().Clear();
  ASSERT_TRUE(buffer.ok()) << buffer.status().message();
  EXPECT_LE(device().memory_statistics().bytes_reserved, reserved + (uint64_t{100} << 20));
  EXPECT_EQ(ToHost(Execute(*small, {FromHost({6})})[0])[0], 19u);
  EXPECT_EQ(ToHost(Execute(*large, {FromHost({7})})[0])[0], 22u);
}

TEST_F(DeviceBehaviourTest, FailedSubmissionIsAnErrorAndTheNextWorks) {
  const auto executable = Load(ScaleProgram(10, 2, 1));
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost(Iota(10))};
  faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY);
  EXPECT_EQ(executable->Execute(arguments, {}).status().code(), StatusCode::kResourceExhausted);
  faults().Clear();
  EXPECT_EQ(ToHost(Execute(*executable, arguments)[0])[9], 19u);
}

TEST_F(DeviceBehaviourTest, RefusedKernelNamesItsHash) {
  // Each call: threads make a program's kernels at once, and the error is that of the first kernel.
  faults().Inject("vkCreateComputePipelines", VK_ERROR_UNKNOWN, 0, 100);
  program::Program program = ScaleProgram(10, 2, 1);
  program.kernels[0].workgroup_size = 63;  // another kernel than those made before
  program.kernels[0].hash = program::HashKernel(program.kernels[0]);
  const auto executable = device().Load(program);
  faults().Clear();
  EXPECT_EQ(executable.status().code(), StatusCode::kInternal);
  EXPECT_THAT(executable.status().message(), HasSubstr(program.kernels[0].hash.Hex()));
}

TEST_F(DeviceBehaviourTest, EqualKernelsOfTwoProgramsShareOnePipeline) {
  const auto first = Load(ScaleProgram(10, 2, 1));
  faults().Inject("vkCreateComputePipelines", VK_ERROR_UNKNOWN, 0, 100);
  EXPECT_NE(Load(ScaleProgram(20, 7, 1)), nullptr);
  faults().Clear();
}

TEST_F(DeviceBehaviourTest, RequiredSubgroupSizeThatTheDeviceLacksIsUnimplemented) {
  program::Program program = ScaleProgram(10, 2, 1);
  program.kernels[0].required_subgroup_size = 512;
  program.kernels[0].hash = {};
  EXPECT_EQ(device().Load(program).status().code(), StatusCode::kUnimplemented);
}

TEST_F(DeviceBehaviourTest, InvalidProgramIsRefused) {
  program::Program program = ScaleProgram(10, 2, 1);
  program.steps[0].kernel = 99;
  EXPECT_EQ(device().Load(program).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(DeviceBehaviourTest, EventsTellReadinessAndCallBack) {
  const auto executable = Load(ScaleProgram(1000, 1, 1));
  const auto result = executable->Execute(std::vector<std::shared_ptr<Buffer>>{FromHost(Iota(1000))}, {});
  ASSERT_TRUE(result.ok());
  const auto called = MakeSettableEvent();
  result->done->OnReady([&](const Status& status) { called->Set(status); });
  EXPECT_TRUE(called->Await().ok());
  EXPECT_TRUE(result->done->IsReady());
  int inline_calls = 0;
  result->outputs[0]->ready()->OnReady([&](const Status&) { ++inline_calls; });
  EXPECT_EQ(inline_calls, 1);
}

TEST(DeviceLimits, ArenaLargerThanOneAllocationIsSeveral) {
  const auto instance = MakeInstance();
  const auto made = MakeDevice(instance, [](auto& profile) { profile.max_allocation_bytes = 1 << 20; });
  DeviceImpl& device = *made;
  constexpr int64_t kCount = 200000;  // 800,000 bytes
  ProgramBuilder builder;
  uint32_t last = builder.Parameter(kCount);
  for (int i = 0; i < 4; ++i) {
    const uint32_t next = builder.Temporary(kCount);
    builder.Do(builder.Scale(last, next, 1, 1));
    last = next;
  }
  builder.Do(builder.Scale(last, builder.Output(kCount), 1, 1));
  ASSERT_GT(builder.program().arena_bytes, 3u << 20);
  {
    const auto executable = *device.Load(builder.program());
    std::vector<uint32_t> values(kCount, 7);
    const std::vector<std::shared_ptr<Buffer>> arguments = {*device.FromHost(U32(kCount), {values.data(), {}})};
    const auto result = executable->Execute(arguments, {});
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_TRUE(device.ToHost(result->outputs[0], values.data(), 4 * kCount)->Await().ok());
    EXPECT_EQ(values, std::vector<uint32_t>(kCount, 12));
  }
  EXPECT_TRUE(device.WaitIdle().ok());
  EXPECT_EQ(device.memory_statistics().bytes_in_use, 0u);
  EXPECT_EQ(instance->validation_message_count(), 0);
}

TEST(DeviceLifetime, BuffersOutliveTheirClient) {
  auto client = *Client::Create({});
  const std::vector<uint32_t> values = {1, 2, 3};
  auto buffer = *client->devices()[0]->FromHost(U32(3), {values.data(), {}});
  auto event = buffer->ready();
  client = nullptr;
  EXPECT_TRUE(event->Await().ok());
  EXPECT_EQ(buffer->size_bytes(), 12u);
  buffer = nullptr;
}

TEST(DeviceLifetime, TwoClientsWorkSideBySide) {
  const auto first = *Client::Create({}), second = *Client::Create({});
  const std::vector<uint32_t> values = {1, 2, 3};
  const auto foreign = *first->devices()[0]->FromHost(U32(3), {values.data(), {}});
  std::vector<uint32_t> result(3);
  EXPECT_TRUE(first->devices()[0]->ToHost(foreign, result.data(), 12)->Await().ok());
  EXPECT_THAT(second->devices()[0]->ToHost(foreign, result.data(), 12)->Await().message(),
              HasSubstr("on another device"));
}

TEST(DeviceLifetime, LostDeviceFailsEverythingQuicklyAndForGood) {
  const auto client = *Client::Create({});
  auto& device = static_cast<DeviceImpl&>(*client->devices()[0]);
  const auto executable = *device.Load(ScaleProgram(3, 1, 1));
  const std::vector<uint32_t> values = {1, 2, 3};
  const std::vector<std::shared_ptr<Buffer>> arguments = {*device.FromHost(U32(3), {values.data(), {}})};
  device.core().device->instance().faults().Inject("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
  EXPECT_THAT(executable->Execute(arguments, {}).status().message(), HasSubstr("device is lost"));
  EXPECT_EQ(device.health().code(), StatusCode::kUnavailable);
  EXPECT_EQ(executable->Execute(arguments, {}).status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(device.FromHost(U32(3), {values.data(), {}}).ok());
  std::vector<uint32_t> result(3);
  EXPECT_FALSE(device.ToHost(arguments[0], result.data(), 12)->Await().ok());
}

TEST(PipelineCache, HoldsAFileAKernelAndIsNeverTrusted) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "dragoman_cache_test";
  std::filesystem::remove_all(folder);
  os::SetVariable("DRAGOMAN_CACHE_DIR", os::NameOf(folder));
  const auto load = [] {
    const auto client = *Client::Create({});
    return client->devices()[0]->Load(ScaleProgram(3, 1, 1)).status();
  };
  const auto files = [&] {
    std::map<std::string, std::filesystem::file_time_type> times;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".pipeline") times[entry.path().string()] = entry.last_write_time();
      EXPECT_NE(entry.path().extension(), ".mark");
    }
    return times;
  };
  EXPECT_TRUE(load().ok());
  const auto written = files();
  EXPECT_EQ(written.size(), TestKernels().size() + kNumBuiltinKernels);
  EXPECT_TRUE(load().ok());
  EXPECT_EQ(files(), written) << "A known kernel is not written again.";
  for (const auto& [path, time] : written) {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  }
  EXPECT_TRUE(load().ok());
  os::ClearVariable("DRAGOMAN_CACHE_DIR");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace dragoman::runtime::testing
