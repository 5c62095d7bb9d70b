// SPDX-License-Identifier: Apache-2.0
// A fork copies memory, but neither threads nor what a driver knows; locks that other threads held stay locked. What
// was made before a fork can therefore only be left alone in the child.
#pragma once

namespace dragoman {

// Which process made something.
class ProcessMark {
 public:
  // This process.
  ProcessMark();
  // This process is a child of the one that made the mark. Takes no lock and makes no system call.
  bool IsForked() const;
  int pid() const { return pid_; }

 private:
  int pid_;
  int num_forks_;
};

}  // namespace dragoman
