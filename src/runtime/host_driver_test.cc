// SPDX-License-Identifier: Apache-2.0
#include "runtime/host_driver.h"

#include <gmock/gmock.h>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::ElementsAre;

// A command buffer that is never given to a driver.
RecordedRun Fake(uintptr_t number, double seconds = 0) { return {reinterpret_cast<VkCommandBuffer>(number), seconds}; }

std::vector<std::vector<uintptr_t>> Numbers(SubmissionList& list) {
  std::vector<std::vector<uintptr_t>> numbers;
  for (const auto& submission : list.Take()) {
    auto& last = numbers.emplace_back();
    for (const VkCommandBuffer buffer : submission) last.push_back(reinterpret_cast<uintptr_t>(buffer));
  }
  return numbers;
}

TEST(SubmissionList, CutsWhereTheNextRunWouldTakeTooLong) {
  SubmissionList list(1.0);
  list.Add(Fake(1, 0.5));
  list.Add(Fake(2, 0.5));
  list.Add(Fake(3, 0.25));
  list.Add(Fake(4, 7));  // cannot be cut: goes alone
  list.Add(Fake(5, 0.5));
  list.Add(Fake(6, 0));
  EXPECT_THAT(Numbers(list), ElementsAre(ElementsAre(1, 2), ElementsAre(3), ElementsAre(4), ElementsAre(5, 6)));
}

TEST(SubmissionList, IsOneSubmissionWhereNothingTakesTime) {
  SubmissionList list(0);
  EXPECT_TRUE(Numbers(list).empty());
  for (uintptr_t i = 1; i <= 3; ++i) list.Add(Fake(i));
  EXPECT_THAT(Numbers(list), ElementsAre(ElementsAre(1, 2, 3)));
}

TEST(SubmissionList, RepeatsNodesWithTheirBodiesInOrder) {
  // 3 times: 1, and within 2 times: 2, 3; then 4.
  std::vector<Node> nodes(2);
  nodes[0].count = 3;
  nodes[0].bodies = {{Node{.count = 2}}};
  nodes[1].count = 1;
  std::vector<RecordedNode> recorded(2);
  recorded[0].ops = {Fake(1, 1)};
  recorded[0].bodies = {{RecordedNode{.ops = {Fake(2, 1), Fake(3, 1)}}}};
  recorded[1].ops = {Fake(4, 1)};
  SubmissionList list(5);
  list.Add(nodes, recorded);
  EXPECT_THAT(Numbers(list), ElementsAre(ElementsAre(1, 2, 3, 2, 3), ElementsAre(1, 2, 3, 2, 3),
                                         ElementsAre(1, 2, 3, 2, 3), ElementsAre(4)));
}

class HostDriverTest : public DeviceTest {
 protected:
  // Sends the parameter, then receives into the output, `count` times.
  static std::shared_ptr<Executable> LoadEcho(uint64_t count) {
    ProgramBuilder builder;
    const uint32_t parameter = builder.Parameter(3), output = builder.Output(3);
    builder.Do({.kind = program::StepKind::kRepeat,
                .count = count,
                .bodies = {{{.kind = program::StepKind::kSend, .barrier_before = true, .slot_a = parameter},
                            {.kind = program::StepKind::kRecv, .barrier_before = true, .slot_a = output}}}});
    return Load(builder.program());
  }
};

TEST_F(HostDriverTest, ACallbackThatFailsEndsTheProgramAndTheNextRunIsWhole) {
  const auto executable = LoadEcho(4);
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost({1, 2, 3})};
  for (const int failing_call : {1, 2, 5, 8}) {
    int num_calls = 0;
    const auto outcome = [&] { return ++num_calls == failing_call ? Unavailable("Not now.") : OkStatus(); };
    HostCallbacks callbacks;
    callbacks.send = [&](int64_t, std::span<const std::byte>) { return outcome(); };
    callbacks.recv = [&](int64_t, std::span<std::byte> data) {
      std::fill(data.begin(), data.end(), std::byte{9});
      return outcome();
    };
    const auto failed = executable->Execute(arguments, {.is_donated = {true}, .callbacks = &callbacks});
    EXPECT_EQ(failed.status().code(), StatusCode::kUnavailable);
    EXPECT_EQ(num_calls, failing_call) << "Nothing is called after a failure.";
    EXPECT_EQ(ToHost(arguments[0]), (std::vector<uint32_t>{1, 2, 3}));
    num_calls = 100;
    const auto result = executable->Execute(arguments, {.callbacks = &callbacks});
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(num_calls, 108);
    EXPECT_EQ(ToHost(result->outputs[0]), std::vector<uint32_t>(3, 0x09090909));
  }
}

TEST_F(HostDriverTest, WhatIsSentIsWhatStepsBeforeWrote) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(3), state = builder.Output(3);
  builder.Do(builder.Copy(parameter, state));
  builder.Do({.kind = program::StepKind::kRepeat,
              .barrier_before = true,
              .count = 3,
              .bodies = {{builder.Scale(state, state, 10, 1),
                          {.kind = program::StepKind::kSend, .barrier_before = true, .slot_a = state}}}});
  std::vector<uint32_t> first_sent;
  HostCallbacks callbacks;
  callbacks.send = [&](int64_t, std::span<const std::byte> data) {
    first_sent.push_back(reinterpret_cast<const uint32_t*>(data.data())[0]);
    return OkStatus();
  };
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost({1, 2, 3})};
  const auto result = Load(builder.program())->Execute(arguments, {.callbacks = &callbacks});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_THAT(first_sent, ElementsAre(11, 111, 1111));
  EXPECT_THAT(ToHost(result->outputs[0]), ElementsAre(1111, 2111, 3111));
}

}  // namespace
}  // namespace dragoman::runtime::testing
