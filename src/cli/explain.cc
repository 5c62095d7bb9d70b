// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/cache_folder.h"
#include "base/format.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "compiler/tuning_cache.h"
#include "measure/kernel_report.h"
#include "measure/time_program.h"
#include "target/profile_json.h"

namespace dragoman::cli {
namespace {

void PrintReport(const measure::KernelReport& report, const ExplainOptions& options) {
  const size_t explained = options.explains_all ? report.rows.size() : options.explained;
  std::fputs((options.json ? measure::ToJson(report) + "\n" : measure::Print(report, explained)).c_str(), stdout);
}

// What a device needs to run them.
struct Runner {
  std::shared_ptr<runtime::Client> client;
  measure::Limits limits;
  runtime::Device& device() const { return *client->devices().front(); }
};

StatusOr<Runner> MakeRunner() {
  Runner runner;
  ASSIGN_OR_RETURN(runner.client, runtime::Client::Create({}));
  ASSIGN_OR_RETURN(runner.limits, measure::MeasureLimits(runner.device()));
  return runner;
}

Status ExplainOne(const std::string& path, const target::DeviceProfile& profile, const Runner* runner,
                  const ExplainOptions& options) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  compiler::Options compile;
  compile.explains = true;
  if (runner != nullptr) compile.tuning = compiler::LoadTuning(ProcessCacheFolder().get(), profile);
  auto program = CompileOrLoad(bytes, profile, compile);
  if (!program.ok()) return program.status().WithContext(Format("While reading {}.", path));
  if (runner == nullptr) {
    PrintReport(measure::MakeReport(**program, profile.name, std::nullopt), options);
    return OkStatus();
  }
  const auto times = measure::TimeProgram(runner->device(), *program, {.most = options.runs});
  if (!times.ok()) return times.status().WithContext(Format("While running {}.", path));
  const measure::Measured measured{*times, runner->limits};
  PrintReport(measure::MakeReport(**program, profile.name, measured), options);
  return OkStatus();
}

Status ExplainAll(const ExplainOptions& options) {
  if (!options.profile.empty()) {
    ASSIGN_OR_RETURN(const auto profile, target::LoadProfile(options.profile));
    for (const std::string& path : options.inputs) RETURN_IF_ERROR(ExplainOne(path, profile, nullptr, options));
    return OkStatus();
  }
  for (const std::string& path : options.inputs) RETURN_IF_ERROR(ReadFile(path).status());  // before anything is timed
  ASSIGN_OR_RETURN(const Runner runner, MakeRunner());
  for (const std::string& path : options.inputs) {
    RETURN_IF_ERROR(ExplainOne(path, runner.device().profile(), &runner, options));
  }
  return OkStatus();
}

}  // namespace

int Explain(const ExplainOptions& options) {
  const Status status = ExplainAll(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace dragoman::cli
