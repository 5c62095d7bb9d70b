// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

namespace dragoman {
namespace {

int ExitCodeOf(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProcessMark, KnowsTheChildrenOfItsProcess) {
  const ProcessMark mark;
  EXPECT_FALSE(mark.IsForked());
  EXPECT_EQ(mark.pid(), getpid());
  const pid_t child = fork();
  if (child == 0) {
    const ProcessMark own;
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(mark.IsForked() && own.IsForked() ? 0 : 1);
    _exit(mark.IsForked() && !own.IsForked() && ExitCodeOf(grandchild) == 0 ? 0 : 1);
  }
  EXPECT_EQ(ExitCodeOf(child), 0);
  EXPECT_FALSE(mark.IsForked());
}

}  // namespace
}  // namespace dragoman
