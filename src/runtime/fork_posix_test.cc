// SPDX-License-Identifier: Apache-2.0
// Devices after a fork.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

TEST(Fork, ChildOfAForkIsToldWhatIsWrong) {
  const auto client = *Client::Create({});
  const std::vector<uint32_t> values = {1, 2, 3};
  const auto buffer = *client->devices()[0]->FromHost(U32(3), {values.data(), {}});
  const pid_t child = fork();
  if (child == 0) {
    const auto status = client->devices()[0]->FromHost(U32(3), {values.data(), {}}).status();
    const bool is_right =
        status.code() == StatusCode::kFailedPrecondition && status.message().find("fork") != std::string::npos;
    _exit(is_right ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Fork, ForkWhileAnotherThreadAllocatesLeavesAChildThatCanEnd) {
  auto client = *Client::Create({});
  auto& device = *client->devices()[0];
  auto executable = *device.Load(ScaleProgram(3, 1, 1));
  const std::vector<uint32_t> values = {1, 2, 3};
  auto buffer = *device.FromHost(U32(3), {values.data(), {}});
  auto outputs = (*executable->Execute(std::vector<std::shared_ptr<Buffer>>{buffer}, {})).outputs;
  std::atomic<bool> is_ending = false;
  std::thread allocating([&] {
    while (!is_ending) (void)device.Allocate(U32(100));
  });
  int num_failed = 0;
  for (int round = 0; round < 100 && num_failed == 0; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // ends a child that hangs
      buffer = nullptr;
      outputs.clear();
      executable = nullptr;
      (void)device.memory_statistics();
      client = nullptr;
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    num_failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  }
  is_ending = true;
  allocating.join();
  EXPECT_EQ(num_failed, 0);
}

}  // namespace
}  // namespace dragoman::runtime::testing
