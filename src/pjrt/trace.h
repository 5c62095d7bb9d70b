// SPDX-License-Identifier: Apache-2.0
// What runs while a framework's profiler listens: kernels by the device's clock, transfers by the host's.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "program/program.h"
#include "runtime/runtime.h"

namespace dragoman::pjrt {

// One for the process, as its listeners are. Thread-safe.
class Trace {
 public:
  using Clock = std::chrono::system_clock;  // which profilers count by
  static Trace& OfProcess();

  bool is_on() const { return is_on_.load(std::memory_order_relaxed); }
  void Start();
  // Gives what was recorded as bytes of a tensorflow.profiler.XSpace, and forgets it.
  void Stop() { is_on_.store(false); }
  std::string Take();

  // An execution whose last kernel ended at `end`.
  void AddExecution(const runtime::Executable& executable, std::span<const runtime::KernelRun> runs,
                    Clock::time_point end);
  // By the host's clock.
  // By the host's clock, until now.
  void AddTransfer(int device, std::string name, uint64_t size_bytes, Clock::time_point begin);

 private:
  struct Event {
    std::string name;
    std::string place;
    int64_t begin_ns = 0;
    int64_t duration_ps = 0;
    double bytes = 0;
    double flops = 0;
  };
  enum LineKind { kKernels, kPrograms, kTransfers, kNumLines };
  struct Plane {
    int device = 0;
    std::string name;
    std::vector<Event> lines[kNumLines];
  };
  Plane& PlaneOf(int device);  // planes_mutex_ held
  static std::string Encode(const Plane& plane);
  static std::string Encode(const std::vector<Event>& events, int kind, std::map<std::string, uint64_t>& names);

  std::atomic<bool> is_on_ = false;
  std::mutex planes_mutex_;
  std::vector<Plane> planes_;
};

}  // namespace dragoman::pjrt
