// SPDX-License-Identifier: Apache-2.0
// The workloads on one device, as a table and as figures to send.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "measure/limits.h"
#include "measure/workloads.h"
#include "runtime/runtime.h"

namespace dragoman::measure {

struct BenchOptions {
  bool is_small = false;  // the small sizes
  std::string only;       // workloads whose names contain it
  double seconds = 60;    // those that have not begun by then are left out
};

struct BenchRow {
  std::string name;
  std::string failure;  // why it has no figures; empty where it has
  size_t num_kernels = 0;
  double seconds = 0;
  double per_second = 0;  // of what `rate` counts
  Rate rate = Rate::kNone;
  double share = 0;  // of the device's limit; 0 where there is none to compare with
};

struct Bench {
  target::DeviceProfile profile;
  Limits limits;
  std::vector<BenchRow> rows;
};
using Progress = std::function<void(const BenchRow& row)>;
// Fails where the device is lost; what one workload fails of stands in its row.
StatusOr<Bench> RunBench(runtime::Device& device, const Limits& limits, const BenchOptions& options,
                         const Progress& progress);

std::string Print(const BenchRow& row);   // a line
std::string Print(const Limits& limits);  // lines
// With the device's profile, driver and the compiler's version.
std::string ToJson(const Bench& bench);

}  // namespace dragoman::measure
