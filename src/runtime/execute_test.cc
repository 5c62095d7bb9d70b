// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstring>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

class ExecuteTest : public DeviceTest {};

std::vector<uint32_t> Map(std::vector<uint32_t> values, auto function) {
  for (uint32_t& value : values) value = function(value);
  return values;
}

program::Program AddProgram(int64_t count, int aliased_parameter = -1) {
  ProgramBuilder builder;
  const uint32_t lhs = builder.Parameter(count), rhs = builder.Parameter(count);
  builder.Do(builder.Add(lhs, rhs, builder.Output(count, aliased_parameter)));
  return builder.program();
}

TEST_F(ExecuteTest, HostArrayComesBackAsItWas) {
  for (const uint32_t count : {1u, 63u, 1000u, 300000u}) {
    EXPECT_EQ(ToHost(FromHost(Iota(count))), Iota(count));
  }
}

// out[16 + i] = in[i] for the first numbers, the others stay.
program::Program UpdateProgram(int64_t count) {
  ProgramBuilder builder;
  builder.Parameter(count);
  const uint32_t row = builder.Parameter(4);
  builder.Output(count, 0);
  builder.Do(builder.Copy(row, builder.Slot(program::SlotKind::kOutput, 0, 4 * 16, 4)));
  program::Program program = builder.program();
  program.outputs[0].starts_as_parameter = true;
  return program;
}

TEST_F(ExecuteTest, OutputsThatStartAsParametersTakeTheirMemoryOrCopyIt) {
  const auto executable = Load(UpdateProgram(100));
  std::vector<uint32_t> expected = Iota(100);
  for (uint32_t i = 0; i < 4; ++i) expected[16 + i] = 900 + i;
  for (const bool is_donated : {false, true}) {
    const auto kept = FromHost(Iota(100));
    const auto outputs = Execute(*executable, {kept, FromHost(Iota(4, 900))}, {is_donated, false});
    EXPECT_EQ(ToHost(outputs[0]), expected) << is_donated;
    if (!is_donated) {
      EXPECT_EQ(ToHost(kept), Iota(100));
    }
  }
}

TEST_F(ExecuteTest, DispatchAddsTwoVectors) {
  const auto executable = Load(AddProgram(1000));
  const auto outputs = Execute(*executable, {FromHost(Iota(1000)), FromHost(Iota(1000, 5))});
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(ToHost(outputs[0]), Map(Iota(1000), [](uint32_t i) { return 2 * i + 5; }));
}

TEST_F(ExecuteTest, TemporariesAndConstantsFeedLaterSteps) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100);
  const uint32_t doubled = builder.Temporary(100), constant = builder.Constant(Iota(100, 7));
  builder.Do(builder.Scale(parameter, doubled, 2, 1));
  builder.Do(builder.Add(doubled, constant, builder.Output(100)));
  const auto executable = Load(builder.program());
  for (uint32_t round = 0; round < 3; ++round) {
    const auto outputs = Execute(*executable, {FromHost(Iota(100, round))});
    EXPECT_EQ(ToHost(outputs[0]), Map(Iota(100), [=](uint32_t i) { return 2 * (i + round) + 1 + i + 7; }));
  }
}

TEST_F(ExecuteTest, LargeGridSpreadsOverTwoDimensions) {
  const uint32_t count = 64 * 33000 + 5;
  const auto executable = Load(AddProgram(count));
  const auto outputs = Execute(*executable, {FromHost(Iota(count)), FromHost(Iota(count))});
  EXPECT_EQ(ToHost(outputs[0]), Map(Iota(count), [](uint32_t i) { return 2 * i; }));
}

TEST_F(ExecuteTest, CopiesMoveEveryByteAndNoneMore) {
  // 4-byte and 16-byte paths, with neighbours that must stay.
  for (const auto& [offset, count] : {std::pair<uint32_t, uint32_t>{0, 8}, {4, 7}, {1, 5}, {3, 1}, {8, 3}}) {
    ProgramBuilder builder;
    const uint32_t source = builder.Parameter(32), target = builder.Output(32);
    builder.Do(builder.Copy(source, target));
    const uint32_t from = builder.Slot(program::SlotKind::kParameter, 0, 4 * 16, count);
    const uint32_t to = builder.Slot(program::SlotKind::kOutput, 0, 4 * offset, count);
    builder.Do(builder.Copy(from, to));
    std::vector<uint32_t> expected = Iota(32);
    for (uint32_t i = 0; i < count; ++i) expected[offset + i] = 16 + i;
    EXPECT_EQ(ToHost(Execute(*Load(builder.program()), {FromHost(Iota(32))})[0]), expected) << offset << " " << count;
  }
}

TEST_F(ExecuteTest, OddByteCountsKeepTheBytesAfterThem) {
  ProgramBuilder builder;
  auto& program = builder.program();
  const uint32_t source = builder.Parameter(16), target = builder.Output(16);
  builder.Do(builder.Copy(source, target));
  program.slots.push_back({program::SlotKind::kParameter, 0, 4, 3});
  program.slots.push_back({program::SlotKind::kOutput, 0, 8, 3});
  builder.Do(builder.Copy(2, 3));
  program.slots.push_back({program::SlotKind::kParameter, 0, 0, 18});
  program.slots.push_back({program::SlotKind::kOutput, 0, 32, 18});
  builder.Do(builder.Copy(4, 5));
  const std::vector<uint32_t> values = Map(Iota(16), [](uint32_t i) { return 0x01010101 * (i + 1); });
  std::vector<uint32_t> expected = values;
  expected[2] = 0x03020202;
  for (int i = 0; i < 4; ++i) expected[8 + i] = values[i];
  expected[12] = 0x0d0d0505;
  EXPECT_EQ(ToHost(Execute(*Load(program), {FromHost(values)})[0]), expected);
}

TEST_F(ExecuteTest, SegmentedDispatchRunsEachSegmentOnItsOwnBuffers) {
  ProgramBuilder builder;
  const uint32_t a = builder.Parameter(200), b = builder.Parameter(3), c = builder.Parameter(64);
  const uint32_t x = builder.Output(200), y = builder.Output(3), z = builder.Output(64);
  builder.Do({.kernel = kSegments,
              .workgroups = 6,
              .num_segments = 3,
              .buffers = {a, x, b, y, c, z},
              .params = {200, 1, 3, 10, 64, 100},
              .segment_starts = {0, 4, 5, 6}});
  const auto outputs = Execute(*Load(builder.program()), {FromHost(Iota(200)), FromHost(Iota(3)), FromHost(Iota(64))});
  EXPECT_EQ(ToHost(outputs[0]), Iota(200, 1));
  EXPECT_EQ(ToHost(outputs[1]), Iota(3, 10));
  EXPECT_EQ(ToHost(outputs[2]), Iota(64, 100));
}

TEST_F(ExecuteTest, EmptyTensorsAndProgramsWork) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(0), target = builder.Output(0);
  builder.Do(builder.Scale(parameter, target, 1, 1));
  builder.Do(builder.Copy(parameter, target));
  const auto outputs = Execute(*Load(builder.program()), {FromHost({})});
  EXPECT_TRUE(ToHost(outputs[0]).empty());
  ProgramBuilder nothing;
  EXPECT_TRUE(Execute(*Load(nothing.program()), {}).empty());
}

TEST_F(ExecuteTest, DonatedArgumentGivesItsMemoryToTheOutput) {
  const auto executable = Load(AddProgram(1000, 0));
  const auto lhs = OnDevice(Iota(1000)), rhs = FromHost(Iota(1000));
  const uint64_t address = lhs->device_address();
  const auto outputs = Execute(*executable, {lhs, rhs}, {true, false});
  EXPECT_TRUE(lhs->IsDeleted());
  EXPECT_FALSE(rhs->IsDeleted());
  EXPECT_EQ(outputs[0]->device_address(), address);
  EXPECT_EQ(ToHost(outputs[0]), Map(Iota(1000), [](uint32_t i) { return 2 * i; }));
}

TEST_F(ExecuteTest, NotDonatedArgumentKeepsItsContents) {
  const auto executable = Load(AddProgram(1000, 0));
  const auto lhs = FromHost(Iota(1000)), rhs = FromHost(Iota(1000));
  const auto outputs = Execute(*executable, {lhs, rhs});
  EXPECT_NE(outputs[0]->device_address(), lhs->device_address());
  EXPECT_EQ(ToHost(lhs), Iota(1000));
}

TEST_F(ExecuteTest, CopyOfAnArgumentHasMemoryOfItsOwn) {
  ProgramBuilder builder;
  builder.Parameter(100);
  builder.Output(100);
  builder.program().forwarded_parameters = {0};
  const auto source = FromHost(Iota(100));
  const auto copy = Execute(*Load(builder.program()), {source})[0];
  EXPECT_NE(copy->device_address(), source->device_address());
  EXPECT_EQ(ToHost(copy), Iota(100));
  const auto sum = Execute(*Load(AddProgram(100, 0)), {copy, FromHost(Iota(100))}, {true, false})[0];
  EXPECT_TRUE(copy->IsDeleted());
  EXPECT_EQ(ToHost(source), Iota(100));
  EXPECT_EQ(ToHost(sum), Map(Iota(100), [](uint32_t i) { return 2 * i; }));
}

TEST_F(ExecuteTest, ForwardedArgumentsMemoryIsHandedOnOnce) {
  ProgramBuilder builder;
  builder.Parameter(100);
  builder.Output(100);
  builder.Output(100);
  builder.program().forwarded_parameters = {0, 0};
  const auto source = OnDevice(Iota(100));
  const uint64_t address = source->device_address();
  const auto outputs = Execute(*Load(builder.program()), {source}, {true});
  EXPECT_TRUE(source->IsDeleted());
  EXPECT_EQ(outputs[0]->device_address(), address);
  EXPECT_NE(outputs[1]->device_address(), address);
  EXPECT_EQ(ToHost(outputs[0]), Iota(100));
  EXPECT_EQ(ToHost(outputs[1]), Iota(100));
}

TEST_F(ExecuteTest, ForwardedAndOverwrittenParameterIsCopiedBefore) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100);
  builder.Do(builder.Scale(parameter, builder.Output(100, 0), 3, 0));
  builder.Output(100);
  builder.program().outputs[1].space = MemorySpace::kPinnedHost;
  builder.program().forwarded_parameters = {-1, 0};
  const auto outputs = Execute(*Load(builder.program()), {FromHost(Iota(100))}, {true});
  EXPECT_EQ(ToHost(outputs[0]), Map(Iota(100), [](uint32_t i) { return 3 * i; }));
  EXPECT_EQ(ToHost(outputs[1]), Iota(100));
}

TEST_F(ExecuteTest, TensorsInTheHostsMemoryAreArgumentsAndResults) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100);
  builder.Do(builder.Scale(parameter, builder.Output(100), 3, 1));
  builder.program().outputs[0].space = MemorySpace::kPinnedHost;
  const auto executable = Load(builder.program());
  const std::vector<uint32_t> values = Iota(100);
  for (const Placement placement : {Placement::kDevice, Placement::kHost}) {
    const auto argument = device().FromHost(TensorType{DType::kU32, {100}}, {values.data(), {}}, placement);
    ASSERT_TRUE(argument.ok()) << argument.status().message();
    const auto result = Execute(*executable, {*argument})[0];
    EXPECT_EQ(ToHost(result), Map(values, [](uint32_t i) { return 3 * i + 1; }));
    const auto moved = device().Copy(result, placement);
    ASSERT_TRUE(moved.ok()) << moved.status().message();
    EXPECT_EQ(ToHost(*moved), Map(values, [](uint32_t i) { return 3 * i + 1; }));
  }
}

TEST_F(ExecuteTest, ForwardedAndAliasedParameterIsNotOverwritten) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100);
  builder.Do(builder.Scale(parameter, builder.Output(100, 0), 3, 0));
  builder.Output(100);
  builder.program().forwarded_parameters = {-1, 0};
  const auto outputs = Execute(*Load(builder.program()), {FromHost(Iota(100))}, {true});
  EXPECT_EQ(ToHost(outputs[0]), Map(Iota(100), [](uint32_t i) { return 3 * i; }));
  EXPECT_EQ(ToHost(outputs[1]), Iota(100));
}

TEST_F(ExecuteTest, WrongArgumentsAreNamed) {
  const auto executable = Load(AddProgram(10));
  const auto right = FromHost(Iota(10)), wrong = FromHost(Iota(11));
  const auto error = [&](std::vector<std::shared_ptr<Buffer>> arguments, std::vector<bool> is_donated = {}) {
    const auto result = executable->Execute(arguments, {.is_donated = is_donated});
    EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
    return result.status().message();
  };
  EXPECT_THAT(error({right}), HasSubstr("takes 2 arguments, and 1 are given"));
  EXPECT_THAT(error({right, wrong}), HasSubstr("Argument 1 of program test has the type tensor<11xui32>"));
  EXPECT_THAT(error({right, right}, {true, true}), HasSubstr("donated twice"));
  EXPECT_FALSE(right->IsDeleted());  // a failed execution consumes nothing
  const auto deleted = FromHost(Iota(10));
  deleted->Delete();
  EXPECT_THAT(error({right, deleted}), HasSubstr("Argument 1 of program test was deleted"));
  std::vector<uint32_t> values(10);
  EXPECT_EQ(device().ToHost(deleted, values.data(), 40)->Await().code(), StatusCode::kInvalidArgument);
}

TEST_F(ExecuteTest, RepeatRunsItsBodyCountTimes) {
  for (const uint64_t count : {0u, 1u, 7u, 30000u}) {
    ProgramBuilder builder;
    const uint32_t parameter = builder.Parameter(4), target = builder.Output(4);
    builder.Do(builder.Copy(parameter, target));
    builder.Do({.kind = program::StepKind::kRepeat,
                .barrier_before = true,
                .count = count,
                .bodies = {{builder.Scale(target, target, 1, 3)}}});
    const auto outputs = Execute(*Load(builder.program()), {FromHost(Iota(4))});
    EXPECT_EQ(ToHost(outputs[0]), Iota(4, static_cast<uint32_t>(3 * count))) << count;
  }
}

program::Step WhileLess(ProgramBuilder& builder, uint32_t state, uint32_t limit, uint32_t addend) {
  const uint32_t flag = builder.Temporary(1);
  return {.kind = program::StepKind::kWhile,
          .barrier_before = true,
          .slot_a = flag,
          .bodies = {{builder.Less(state, flag, limit)}, {builder.Scale(state, state, 1, addend)}}};
}

TEST_F(ExecuteTest, WhileStopsWhenItsConditionDoes) {
  for (const uint32_t limit : {0u, 1u, 8u, 9u, 25u, 1000u}) {
    ProgramBuilder builder;
    const uint32_t parameter = builder.Parameter(2), state = builder.Output(2);
    builder.Do(builder.Copy(parameter, state));
    builder.Do(WhileLess(builder, state, limit, 1));
    const auto executable = Load(builder.program());
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(ToHost(Execute(*executable, {FromHost({0, 100})})[0]), (std::vector<uint32_t>{limit, 100 + limit}));
    }
  }
}

TEST_F(ExecuteTest, WhileInsideWhileRuns) {
  // do { inner += 1 until inner >= 5 (from 0 each time); total += 5 } while outer < 3
  ProgramBuilder builder;
  const uint32_t zero = builder.Parameter(1), outer = builder.Output(1), total = builder.Output(1);
  const uint32_t inner = builder.Temporary(1), flag = builder.Temporary(1);
  builder.Do(builder.Copy(zero, outer));
  builder.Do(builder.Copy(zero, total));
  program::Step loop{.kind = program::StepKind::kWhile, .barrier_before = true, .slot_a = flag};
  loop.bodies = {{builder.Less(outer, flag, 3)},
                 {builder.Copy(zero, inner), WhileLess(builder, inner, 5, 1), builder.Add(total, inner, total),
                  builder.Scale(outer, outer, 1, 1)}};
  builder.Do(loop);
  const auto outputs = Execute(*Load(builder.program()), {FromHost({0})});
  EXPECT_EQ(ToHost(outputs[0])[0], 3u);
  EXPECT_EQ(ToHost(outputs[1])[0], 15u);
}

TEST_F(ExecuteTest, CaseOutOfRangeTakesTheLastBranch) {
  ProgramBuilder builder;
  const uint32_t index = builder.Parameter(1), target = builder.Output(1);
  const uint32_t one = builder.Constant({1});
  program::Step choose{.kind = program::StepKind::kCase, .barrier_before = true, .slot_a = index};
  choose.bodies = {{builder.Scale(one, target, 10, 0)}, {}, {builder.Scale(one, target, 30, 0)}};
  builder.Do(builder.Scale(one, target, 7, 0));
  builder.Do(choose);
  const auto executable = Load(builder.program());
  const auto result = [&](uint32_t i) { return ToHost(Execute(*executable, {FromHost({i})})[0])[0]; };
  EXPECT_EQ(result(0), 10u);
  EXPECT_EQ(result(1), 7u);
  EXPECT_EQ(result(2), 30u);
  EXPECT_EQ(result(77), 30u);
  EXPECT_EQ(result(static_cast<uint32_t>(-1)), 30u);  // StableHLO: out of range on either side is the last
}

TEST_F(ExecuteTest, CaseInsideWhileFollowsTheStateOfEachIteration) {
  // while state < 20: state += (state is 0 ? 5 : 1)
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(1), state = builder.Output(1);
  builder.Do(builder.Copy(parameter, state));
  program::Step choose{.kind = program::StepKind::kCase, .barrier_before = true, .slot_a = state};
  choose.bodies = {{builder.Scale(state, state, 1, 5)}, {builder.Scale(state, state, 1, 1)}};
  program::Step loop = WhileLess(builder, state, 20, 0);
  loop.bodies[1] = {choose};
  builder.Do(loop);
  const auto executable = Load(builder.program());
  EXPECT_EQ(ToHost(Execute(*executable, {FromHost({0})})[0])[0], 20u);
  EXPECT_EQ(ToHost(Execute(*executable, {FromHost({100})})[0])[0], 100u);
}

TEST_F(ExecuteTest, CaseWithWhileInOneBranchIsDrivenByTheHost) {
  ProgramBuilder builder;
  const uint32_t index = builder.Parameter(1), state = builder.Output(1);
  builder.Do(builder.Scale(index, state, 0, 0));
  program::Step choose{.kind = program::StepKind::kCase, .barrier_before = true, .slot_a = index};
  choose.bodies = {{WhileLess(builder, state, 40, 3)}, {builder.Scale(state, state, 1, 1)}};
  builder.Do(choose);
  const auto executable = Load(builder.program());
  EXPECT_EQ(ToHost(Execute(*executable, {FromHost({0})})[0])[0], 42u);
  EXPECT_EQ(ToHost(Execute(*executable, {FromHost({1})})[0])[0], 1u);
}

TEST_F(ExecuteTest, FailureInTheMiddleOfAWhileNeverGivesBackWhatItOverwrote) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(2), kept = builder.Parameter(2), state = builder.Output(2, 0);
  builder.Do(builder.Add(parameter, kept, state));
  builder.Do(WhileLess(builder, state, 1000, 1));
  const auto executable = Load(builder.program());
  for (const int num_submissions : {0, 1, 2}) {
    const auto donated = OnDevice({0, 100}), other = FromHost({0, 0});
    const std::vector<std::shared_ptr<Buffer>> arguments = {donated, other};
    faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY, num_submissions, 100);
    const auto result = executable->Execute(arguments, {.is_donated = {true, true}});
    faults().Clear();
    EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted);
    EXPECT_TRUE(donated->IsDeleted() || ToHost(donated) == (std::vector<uint32_t>{0, 100})) << num_submissions;
    EXPECT_EQ(result.status().message().find("are deleted") != std::string::npos, donated->IsDeleted());
    EXPECT_EQ(donated->IsDeleted(), num_submissions != 0);
    EXPECT_FALSE(other->IsDeleted());
    EXPECT_EQ(ToHost(other), (std::vector<uint32_t>{0, 0}));
  }
  EXPECT_EQ(ToHost(Execute(*executable, {FromHost({0, 100}), FromHost({0, 0})}, {true, false})[0]),
            (std::vector<uint32_t>{1000, 1100}));
}

TEST_F(ExecuteTest, LongWorkIsSeveralSubmissionsAndNoLongerOne) {
  // 8 MB each, at 8 MB/s: a second a dispatch.
  const uint32_t count = 1 << 20;
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(count), output = builder.Output(count, 0);
  builder.Do(builder.Scale(parameter, output, 1, 1));
  builder.Do({.kind = program::StepKind::kRepeat,
              .barrier_before = true,
              .count = 3,
              .bodies = {{builder.Scale(output, output, 3, 0)}}});
  const std::vector<uint32_t> expected = Map(Iota(count), [](uint32_t i) { return 27 * (i + 1); });
  for (const double speed : {1e12, 8e6}) {
    const PretendedSpeed pretended(core(), speed);
    const auto executable = Load(builder.program());
    const auto argument = OnDevice(Iota(count));
    ASSERT_TRUE(device().WaitIdle().ok());
    const uint64_t before = NumSubmissions();
    const auto outputs = Execute(*executable, {argument}, {true});
    const uint64_t num_submissions = NumSubmissions() - before;
    EXPECT_TRUE(speed > 1e9 ? num_submissions == 1 : num_submissions >= 8) << num_submissions;
    EXPECT_EQ(ToHost(outputs[0]), expected);
  }
}

TEST_F(ExecuteTest, LongBodiesOfLoopsOfTheHostAreSeveralSubmissions) {
  const PretendedSpeed pretended(core(), 1e3);  // 2 iterations of 256 bytes in half a second
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(32), state = builder.Output(32);
  builder.Do(builder.Copy(parameter, state));
  builder.Do(WhileLess(builder, state, 25, 1));
  const auto executable = Load(builder.program());
  const auto argument = FromHost(Iota(32));
  const uint64_t before = NumSubmissions();
  EXPECT_EQ(ToHost(Execute(*executable, {argument})[0]), Iota(32, 25));
  EXPECT_GE(NumSubmissions() - before, 8u);
}

TEST_F(ExecuteTest, FailureBetweenSubmissionsDeletesWhatIsOverwritten) {
  const PretendedSpeed pretended(core(), 1e6);
  const auto executable = Load(AddProgram(1 << 20, 0));
  const auto donated = OnDevice(Iota(1 << 20)), other = FromHost(Iota(1 << 20));
  ASSERT_TRUE(device().WaitIdle().ok());
  const std::vector<std::shared_ptr<Buffer>> arguments = {donated, other};
  faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY, 2, 1);
  const auto result = executable->Execute(arguments, {.is_donated = {true, false}});
  faults().Clear();
  EXPECT_THAT(result.status().message(), HasSubstr("are deleted"));
  EXPECT_TRUE(donated->IsDeleted());
  EXPECT_EQ(ToHost(other), Iota(1 << 20));
}

TEST_F(ExecuteTest, SendAndReceiveCallTheHostInOrder) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(5), received = builder.Temporary(5), target = builder.Output(5);
  program::Step send{.kind = program::StepKind::kSend, .barrier_before = true, .slot_a = parameter, .channel_id = 3};
  program::Step recv{.kind = program::StepKind::kRecv, .barrier_before = true, .slot_a = received, .channel_id = 4};
  builder.Do({.kind = program::StepKind::kRepeat, .count = 3, .bodies = {{send, recv}}});
  builder.Do(builder.Add(parameter, received, target));
  const auto executable = Load(builder.program());
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost(Iota(5))};
  EXPECT_EQ(executable->Execute(arguments, {}).status().code(), StatusCode::kInvalidArgument);

  std::vector<int64_t> calls;
  std::vector<uint32_t> sent(5);
  HostCallbacks callbacks;
  callbacks.send = [&](int64_t channel, std::span<const std::byte> data) {
    calls.push_back(channel);
    EXPECT_EQ(data.size(), 20u);
    std::memcpy(sent.data(), data.data(), 20);
    return OkStatus();
  };
  callbacks.recv = [&](int64_t channel, std::span<std::byte> data) {
    calls.push_back(channel);
    const std::vector<uint32_t> answer = Iota(5, static_cast<uint32_t>(100 * calls.size()));
    std::memcpy(data.data(), answer.data(), data.size());
    return OkStatus();
  };
  const auto result = executable->Execute(arguments, {.callbacks = &callbacks});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(sent, Iota(5));
  EXPECT_EQ(calls, (std::vector<int64_t>{3, 4, 3, 4, 3, 4}));
  EXPECT_EQ(ToHost(result->outputs[0]), Map(Iota(5), [](uint32_t i) { return 2 * i + 600; }));

  callbacks.recv = [](int64_t, std::span<std::byte>) { return Internal("The host says no."); };
  const auto failed = executable->Execute(arguments, {.callbacks = &callbacks});
  EXPECT_THAT(failed.status().message(), HasSubstr("The host says no."));
}

}  // namespace
}  // namespace dragoman::runtime::testing
