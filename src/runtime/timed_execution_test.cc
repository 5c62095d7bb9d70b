// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

class TimedExecutionTest : public DeviceTest {
 protected:
  struct Timed {
    std::vector<uint32_t> values;
    std::vector<KernelRun> runs;
  };
  static Timed Run(Executable& executable, std::vector<std::shared_ptr<Buffer>> arguments,
                   std::vector<bool> is_donated = {}) {
    Timed timed;
    ExecuteOptions options;
    options.is_donated = std::move(is_donated);
    options.runs = &timed.runs;
    const auto result = executable.Execute(arguments, options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    if (!result.ok()) return timed;
    EXPECT_TRUE(result->done->IsReady());
    EXPECT_TRUE(core().queue->IsComplete(core().queue->current_uses()));
    timed.values = ToHost(result->outputs[0]);
    return timed;
  }
  static std::vector<uint32_t> StepsOf(const std::vector<KernelRun>& runs) {
    std::vector<uint32_t> steps;
    for (const KernelRun& run : runs) steps.push_back(run.step);
    return steps;
  }
};

TEST_F(TimedExecutionTest, SaysWhenEachStepRanAndComputesTheSame) {
  const auto executable = Load(ScaleProgram(100000, 3, 5));
  const auto argument = FromHost(Iota(100000));
  const std::vector<uint32_t> expected = ToHost(Execute(*executable, {argument})[0]);
  for (int round = 0; round < 2; ++round) {
    const Timed timed = Run(*executable, {argument});
    EXPECT_EQ(timed.values, expected);
    ASSERT_EQ(StepsOf(timed.runs), (std::vector<uint32_t>{0, 1}));
    EXPECT_EQ(timed.runs[0].begin, 0);
    EXPECT_GT(timed.runs[0].seconds, 0);
    EXPECT_LT(timed.runs[0].seconds, 10);
    EXPECT_GE(timed.runs[1].begin, timed.runs[0].seconds);
  }
  EXPECT_EQ(ToHost(Execute(*executable, {argument})[0]), expected) << "as before";
}

TEST_F(TimedExecutionTest, CountsEachRoundOfALoop) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100), temporary = builder.Temporary(100), output = builder.Output(100);
  builder.Do(builder.Copy(parameter, temporary));
  program::Step repeat{.kind = program::StepKind::kRepeat, .count = 3};
  repeat.bodies = {{builder.Scale(temporary, temporary, 2, 1)}};
  repeat.bodies[0][0].barrier_before = true;
  builder.Do(std::move(repeat));
  builder.Do(builder.Copy(temporary, output));
  const Timed timed = Run(*Load(builder.program()), {FromHost(Iota(100))});
  ASSERT_EQ(StepsOf(timed.runs), (std::vector<uint32_t>{0, 2, 2, 2, 3}));
  EXPECT_EQ(timed.values[7], 7u * 8 + 7);
}

TEST_F(TimedExecutionTest, LongWorkIsSeveralSubmissionsAndADispatchInPiecesOneRun) {
  const PretendedSpeed pretended(core(), 8e6);  // 8 MB a dispatch: a second, in two pieces
  const uint32_t count = 1 << 20;
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(count), output = builder.Output(count);
  builder.Do(builder.Scale(parameter, output, 1, 1));
  builder.Do(builder.Scale(output, output, 3, 0));
  const auto executable = Load(builder.program());
  const auto argument = FromHost(Iota(count));
  ASSERT_TRUE(device().WaitIdle().ok());
  const uint64_t before = NumSubmissions();
  const Timed timed = Run(*executable, {argument});
  EXPECT_GE(NumSubmissions() - before, 4u);
  ASSERT_EQ(StepsOf(timed.runs), (std::vector<uint32_t>{0, 1}));
  EXPECT_GE(timed.runs[1].begin, timed.runs[0].seconds);
  EXPECT_EQ(timed.values[100], 303u);
}

TEST_F(TimedExecutionTest, IsDoneWhereNoKernelRuns) {
  ProgramBuilder builder;
  builder.Parameter(100);
  builder.Output(100);
  builder.program().forwarded_parameters = {0};
  const Timed timed = Run(*Load(builder.program()), {OnDevice(Iota(100))});
  EXPECT_TRUE(timed.runs.empty());
  EXPECT_EQ(timed.values, Iota(100));
}

TEST_F(TimedExecutionTest, DonatedArgumentsAreOverwritten) {
  const auto executable = Load(ScaleProgram(100, 3, 5));
  const auto argument = OnDevice(Iota(100));
  const uint64_t address = argument->device_address();
  std::vector<KernelRun> runs;
  ExecuteOptions options;
  options.is_donated = {true};
  options.runs = &runs;
  const std::shared_ptr<Buffer> arguments[] = {argument};
  const auto result = executable->Execute(arguments, options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result->outputs[0]->device_address(), address);
  EXPECT_EQ(ToHost(result->outputs[0])[9], 3u * 9 + 5);
}

TEST_F(TimedExecutionTest, ADeviceWithoutAClockSaysSo) {
  const auto instance = MakeInstance();
  auto physical = vulkan::EnumeratePhysicalDevices(*instance);
  ASSERT_TRUE(physical.ok());
  (*physical)[0].timestamp_bits = 0;
  auto core = Core::Create(instance, std::move((*physical)[0]));
  ASSERT_TRUE(core.ok());
  DeviceImpl without(*core, 0, (*core)->device->profile());
  const auto executable = static_cast<Device&>(without).Load(ScaleProgram(100, 3, 5));
  ASSERT_TRUE(executable.ok());
  const std::vector<uint32_t> values = Iota(100);
  const std::shared_ptr<Buffer> arguments[] = {*without.FromHost(U32(100), {values.data(), {}}, Placement::kDevice)};
  std::vector<KernelRun> runs;
  ExecuteOptions options;
  options.runs = &runs;
  const auto refused = (*executable)->Execute(arguments, options);
  EXPECT_EQ(refused.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(refused.status().message(), HasSubstr("writes no timestamps on its compute queue"));
  EXPECT_TRUE((*executable)->Execute(arguments, {}).ok());
  EXPECT_TRUE(without.WaitIdle().ok());
}

}  // namespace
}  // namespace dragoman::runtime::testing
