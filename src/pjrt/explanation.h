// SPDX-License-Identifier: Apache-2.0
// DRAGOMAN_EXPLAIN=FOLDER: a file for each program that is compiled, with its kernels, how long they take where the
// framework runs it, and why they are what they are.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "measure/step_times.h"
#include "runtime/runtime.h"

namespace dragoman::pjrt {

// The folder; empty where no reports are wanted.
std::string ExplanationFolder();

// Of one program. Thread-safe.
class Explanation {
 public:
  // Writes the file, without times so far. Null where no reports are wanted.
  static std::shared_ptr<Explanation> Make(runtime::Executable& executable);

  // Whether the execution that begins should be timed: some after the first, on devices that have a clock for it.
  bool WantsTimes();
  // Writes the file anew with what an execution took.
  void Add(std::span<const runtime::KernelRun> runs);

 private:
  Explanation(runtime::Executable& executable, std::string path) : executable_(executable), path_(std::move(path)) {}
  void Write() const;

  runtime::Executable& executable_;  // outlives it
  const std::string path_;
  std::mutex times_mutex_;
  int num_executions_ = 0;
  measure::StepTimes times_;
};

}  // namespace dragoman::pjrt
