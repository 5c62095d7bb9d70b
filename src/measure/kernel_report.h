// SPDX-License-Identifier: Apache-2.0
// A program's kernels as a table: how long each takes, what bounds it, where it comes from and why it is as it is.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "measure/limits.h"
#include "measure/step_times.h"
#include "program/program.h"

namespace dragoman::measure {

// A step that runs a kernel.
struct KernelRow {
  uint32_t step = 0;  // its number (program::AllSteps)
  std::string name;
  std::string place;  // of the source; empty where nobody knows
  std::vector<std::string> reasons;
  double bytes = 0;  // of one run, estimated
  double flops = 0;
  uint32_t runs = 0;  // of an execution
  // Of an execution, with all runs; only what was timed has these.
  double seconds = 0;
  std::string_view bound;  // "memory", "scalar", "matrix" or "launch": the limit that it is nearest to
  double share = 0;        // of that limit
};

struct KernelReport {
  std::string program;
  std::string device;
  bool is_timed = false;
  Limits limits;
  size_t num_executions = 0;
  double seconds = 0;           // of an execution, its kernels one after the other
  double other_seconds = 0;     // of these, kernels of the runtime's own
  std::vector<KernelRow> rows;  // the longest first; in order of the program where nothing was timed
};

// What was measured of it; without, a report has no times.
struct Measured {
  const StepTimes& times;
  const Limits& limits;
};
KernelReport MakeReport(const program::Program& program, std::string device, const std::optional<Measured>& measured);

// Whether a kernel multiplies on matrix units.
bool UsesMatrixUnits(const program::Kernel& kernel);

// Lines of at most 120 columns; then the reasons of the first `explained` kernels.
std::string Print(const KernelReport& report, size_t explained);
std::string ToJson(const KernelReport& report);
nlohmann::json LimitsJson(const Limits& limits);

}  // namespace dragoman::measure
