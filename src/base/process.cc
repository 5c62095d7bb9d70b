// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace dragoman {
namespace {

std::atomic<int> num_forks = 0;  // between the first process and this one

void CountFork() { num_forks.fetch_add(1, std::memory_order_relaxed); }

int CountForks() {
  static const int registered = pthread_atfork(nullptr, nullptr, CountFork);
  (void)registered;  // fails when memory ends: then nothing is noticed
  return num_forks.load(std::memory_order_relaxed);
}

}  // namespace

ProcessMark::ProcessMark() : pid_(getpid()), num_forks_(CountForks()) {}

bool ProcessMark::IsForked() const { return num_forks_ != num_forks.load(std::memory_order_relaxed); }

}  // namespace dragoman
