// SPDX-License-Identifier: Apache-2.0
// Each call of the driver that may fail, failing in turn: what comes out is an error or right, nothing is kept, and
// what follows works. A device that is lost fails everything, at once and for good.
#include <gmock/gmock.h>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

constexpr uint32_t kCount = 5000, kLimit = 20;

// 2 x + 7 + i, and then plus one until the first is no longer below the limit: temporaries, a constant, a loop of the
// host.
program::Program LoopProgram() {
  ProgramBuilder builder;
  std::vector<uint32_t> constant(kCount);
  std::iota(constant.begin(), constant.end(), 7);
  const uint32_t parameter = builder.Parameter(kCount), doubled = builder.Temporary(kCount);
  const uint32_t state = builder.Output(kCount, 0), flag = builder.Temporary(1);
  builder.Do(builder.Scale(parameter, doubled, 2, 0));
  builder.Do(builder.Add(doubled, builder.Constant(constant), state));
  program::Step loop{.kind = program::StepKind::kWhile, .barrier_before = true, .slot_a = flag};
  loop.bodies = {{builder.Less(state, flag, kLimit)}, {builder.Scale(state, state, 1, 1)}};
  builder.Do(std::move(loop));
  return builder.program();
}

std::vector<uint32_t> Argument() {
  std::vector<uint32_t> values(kCount);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

// From the host to the device, through a program, within the device and back. INTERNAL where a result is wrong.
Status GoAround(Device& device, Executable& executable) {
  const std::vector<uint32_t> values = Argument();
  ASSIGN_OR_RETURN(const auto argument, device.FromHost(U32(kCount), {values.data(), {}}));
  const std::vector<std::shared_ptr<Buffer>> arguments = {argument};
  ASSIGN_OR_RETURN(const auto kept, executable.Execute(arguments, {}));
  ASSIGN_OR_RETURN(const auto copy, device.Copy(argument));
  ASSIGN_OR_RETURN(const auto result, executable.Execute(arguments, {.is_donated = {true}}));
  for (const auto& buffer : {kept.outputs[0], result.outputs[0], copy}) {
    std::vector<uint32_t> back(kCount, 0xdeadbeef);
    RETURN_IF_ERROR(device.ToHost(buffer, back.data(), 4 * kCount)->Await());
    for (uint32_t i = 0; i < kCount; ++i) {
      const uint32_t expected = buffer == copy ? values[i] : 2 * values[i] + 7 + i + (kLimit - 2 - 7);
      if (back[i] != expected) return Internal("A result is wrong.");
    }
  }
  return OkStatus();
}

Status LoadAndGoAround(Device& device) {
  ASSIGN_OR_RETURN(const auto executable, device.Load(LoopProgram()));
  return GoAround(device, *executable);
}

struct FaultyCall {
  const char* function;
  bool is_unified;  // the host sees the device's memory
};

class FaultsTest : public ::testing::TestWithParam<FaultyCall> {
 protected:
  void TearDown() override {
    instance_->faults().Clear();
    // A loss is pretended: what was submitted must be done before its command buffers go.
    EXPECT_TRUE(device_->core().device->WaitIdle().ok());
    device_ = nullptr;
    EXPECT_EQ(instance_->validation_message_count(), 0);
  }
  void Open() {
    device_ = MakeDevice(instance_, [](auto& profile) { profile.unified_memory = GetParam().is_unified; });
  }
  void ExpectNothingIsKept() {
    EXPECT_TRUE(device_->WaitIdle().ok());
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, 0u);
  }

  std::shared_ptr<vulkan::Instance> instance_ = MakeInstance();
  std::unique_ptr<DeviceImpl> device_;
};

std::string CallName(const ::testing::TestParamInfo<FaultyCall>& info) {
  return std::string(info.param.function) + (info.param.is_unified ? "Unified" : "Discrete");
}
std::vector<FaultyCall> OfBothMemories(const std::vector<const char*>& functions) {
  std::vector<FaultyCall> calls;
  for (const char* function : functions) {
    for (const bool is_unified : {true, false}) calls.push_back({function, is_unified});
  }
  return calls;
}

class EveryCall : public FaultsTest {};
INSTANTIATE_TEST_SUITE_P(
    Faults, EveryCall,
    ::testing::ValuesIn(OfBothMemories({"vkAllocateCommandBuffers", "vkAllocateMemory", "vkBeginCommandBuffer",
                                        "vkBindBufferMemory", "vkCreateBuffer", "vkCreateCommandPool",
                                        "vkEndCommandBuffer", "vkMapMemory", "vkQueueSubmit", "vkWaitSemaphores"})),
    CallName);

TEST_P(EveryCall, MayFailOnceAndTheNextTimeAllIsWell) {
  int num_failures = 0;
  for (int skip = 0; skip < 6; ++skip) {
    Open();  // with nothing allocated yet
    instance_->faults().Inject(GetParam().function, VK_ERROR_OUT_OF_HOST_MEMORY, skip);
    const Status status = LoadAndGoAround(*device_);
    instance_->faults().Clear();
    num_failures += !status.ok();
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kResourceExhausted) << skip << " " << status.message();
    const Status again = LoadAndGoAround(*device_);
    EXPECT_TRUE(again.ok()) << skip << " " << again.message();
    ExpectNothingIsKept();
  }
  // Memory that is refused once is asked for again, in smaller blocks.
  const std::string function = GetParam().function;
  const bool is_asked_again = function == "vkAllocateMemory" || function == "vkCreateBuffer" ||
                              function == "vkBindBufferMemory" || function == "vkMapMemory";
  // What is done by then is not waited for.
  const bool is_fast = function == "vkWaitSemaphores" && device_->profile().type != target::DeviceType::kCpu;
  EXPECT_TRUE(is_asked_again || is_fast || num_failures > 0) << "The call was never reached.";
}

TEST_P(EveryCall, MayFailForAWhileAndTheNextTimeAllIsWell) {
  Open();
  ASSERT_TRUE(LoadAndGoAround(*device_).ok());
  device_->core().Reclaim();  // so that memory is allocated again
  instance_->faults().Inject(GetParam().function, VK_ERROR_OUT_OF_DEVICE_MEMORY, 0, 1 << 20);
  const Status status = LoadAndGoAround(*device_);
  instance_->faults().Clear();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
  const Status again = LoadAndGoAround(*device_);
  EXPECT_TRUE(again.ok()) << again.message();
  ExpectNothingIsKept();
}

class LostDevice : public FaultsTest {
 protected:
  void ExpectNothingRuns(const std::shared_ptr<Buffer>& buffer, Executable& executable) {
    std::vector<uint32_t> values = Argument();
    const std::vector<std::shared_ptr<Buffer>> arguments = {buffer};
    EXPECT_TRUE(device_->health().is_device_lost());
    EXPECT_TRUE(device_->WaitIdle().is_device_lost());
    EXPECT_TRUE(executable.Execute(arguments, {.is_donated = {true}}).status().is_device_lost());
    EXPECT_FALSE(buffer->IsDeleted());
    EXPECT_TRUE(device_->Load(LoopProgram()).status().is_device_lost());
    EXPECT_TRUE(device_->FromHost(U32(kCount), {values.data(), {}}).status().is_device_lost());
    EXPECT_TRUE(device_->Allocate(U32(1)).status().is_device_lost());
    EXPECT_TRUE(device_->Copy(buffer).status().is_device_lost());
    EXPECT_TRUE(device_->ToHost(buffer, values.data(), 4 * kCount)->Await().is_device_lost());
    EXPECT_EQ(values, Argument()) << "Nothing was read.";
  }
};
INSTANTIATE_TEST_SUITE_P(Faults, LostDevice, ::testing::ValuesIn(OfBothMemories({"vkQueueSubmit", "vkWaitSemaphores"})),
                         CallName);

TEST_P(LostDevice, FailsEverythingWhereverItIsLost) {
  int num_lost = 0;
  for (int skip = 0; skip < 6; ++skip) {
    Open();
    const std::vector<uint32_t> values = Argument();
    const auto buffer = *device_->FromHost(U32(kCount), {values.data(), {}});
    const auto executable = *device_->Load(LoopProgram());
    ASSERT_TRUE(device_->WaitIdle().ok());
    instance_->faults().Inject(GetParam().function, VK_ERROR_DEVICE_LOST, skip);
    const Status status = GoAround(*device_, *executable);
    instance_->faults().Clear();
    EXPECT_TRUE(status.ok() || status.is_device_lost()) << status.message();
    if (device_->health().ok()) continue;  // no call so late
    ++num_lost;
    ExpectNothingRuns(buffer, *executable);
    EXPECT_TRUE(device_->core().device->WaitIdle().ok());
  }
  EXPECT_GT(num_lost, 0);
}

}  // namespace
}  // namespace dragoman::runtime::testing
