// SPDX-License-Identifier: Apache-2.0
#include "measure/bench.h"

#include <cstdio>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/files.h"

namespace dragoman::cli {
namespace {

void Tell(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

bool IsSlow(const target::DeviceProfile& profile) {
  return profile.type == target::DeviceType::kCpu || profile.device_memory_bytes < uint64_t{3} << 30;
}

Status RunAll(const BenchOptions& options) {
  ASSIGN_OR_RETURN(const auto client, runtime::Client::Create({}));
  runtime::Device& device = *client->devices().front();
  const target::DeviceProfile& profile = device.profile();
  measure::BenchOptions bench_options;
  bench_options.is_small = options.small || IsSlow(profile);
  bench_options.only = options.only;
  bench_options.seconds = options.seconds;
  if (!options.json) {
    Tell(Format("{}, {} {}, {} sizes\n", profile.name, profile.driver_name, profile.driver_info,
                bench_options.is_small ? "small" : "large"));
  }
  const auto progress = [&](const measure::BenchRow& row) {
    if (!options.json) Tell(measure::Print(row));
  };
  ASSIGN_OR_RETURN(const measure::Limits limits, measure::MeasureLimits(device));
  if (!options.json) Tell(measure::Print(limits));
  ASSIGN_OR_RETURN(const measure::Bench bench, measure::RunBench(device, limits, bench_options, progress));
  if (bench.rows.empty()) return NotFound(Format("No workload has '{}' in its name.", options.only));
  if (options.json) Tell(measure::ToJson(bench) + "\n");
  if (options.output.empty()) return OkStatus();
  const std::string json = measure::ToJson(bench) + "\n";
  RETURN_IF_ERROR(WriteFile(options.output, json.data(), json.size()));
  if (!options.json) Tell(Format("{} has it all, to be sent.\n", options.output));
  return OkStatus();
}

}  // namespace

int Bench(const BenchOptions& options) {
  const Status status = RunAll(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace dragoman::cli
