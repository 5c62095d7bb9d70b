// SPDX-License-Identifier: Apache-2.0
#include "measure/bench.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "compiler/compiler.h"
#include "measure/kernel_report.h"
#include "measure/time_program.h"
#include "target/profile_json.h"

namespace dragoman::measure {
namespace {

constexpr Repetition kRounds = {.most = 7, .seconds = 0.7};

double BytesOf(const program::Program& program) {
  double bytes = 0;
  for (const auto* tensors : {&program.parameters, &program.outputs}) {
    for (const program::TensorSpec& tensor : *tensors) bytes += static_cast<double>(tensor.type.size_bytes());
  }
  return bytes;
}

bool IsOnMatrixUnits(const program::Program& program) {
  return std::any_of(program.kernels.begin(), program.kernels.end(),
                     [](const program::Kernel& kernel) { return UsesMatrixUnits(kernel); });
}

void FillRate(const program::Program& program, const Limits& limits, BenchRow& row) {
  if (row.rate == Rate::kNone || row.seconds <= 0) return;
  row.per_second = (row.rate == Rate::kBytes ? BytesOf(program) : program.flops) / row.seconds;
  const bool is_matrix = limits.matrix_flops_per_second > 0 && IsOnMatrixUnits(program);
  const double flops = is_matrix ? limits.matrix_flops_per_second : limits.flops_per_second;
  row.share = row.per_second / (row.rate == Rate::kBytes ? limits.bytes_per_second : flops);
}

Status Measure(runtime::Device& device, const Workload& workload, bool is_small, const Limits& limits, BenchRow& row) {
  ASSIGN_OR_RETURN(auto module, ModuleOf(workload, is_small));
  ASSIGN_OR_RETURN(auto compiled, compiler::CompileModule(std::move(module), device.profile(), {}));
  ASSIGN_OR_RETURN(const auto program, program::ValidProgram::Check(std::move(compiled)));
  ASSIGN_OR_RETURN(const StepTimes times, TimeProgram(device, program, kRounds));
  row.num_kernels = program->steps.size();
  row.seconds = times.Total();
  FillRate(*program, limits, row);
  return OkStatus();
}

std::string RateText(const BenchRow& row) {
  if (row.rate == Rate::kNone) return "";
  const bool is_bytes = row.rate == Rate::kBytes;
  const double amount = row.per_second / (is_bytes ? 1e9 : 1e12);
  const std::string share = Format("{:.0f}%", row.share * 100);
  return Format("{:>9.{}f} {:<7} {:>5} of the {}", amount, is_bytes ? 1 : 3, is_bytes ? "GB/s" : "TFLOP/s", share,
                is_bytes ? "copy" : "multiply-adds");
}

}  // namespace

StatusOr<Bench> RunBench(runtime::Device& device, const Limits& limits, const BenchOptions& options,
                         const Progress& progress) {
  Bench bench{.profile = device.profile(), .limits = limits};
  const auto start = std::chrono::steady_clock::now();
  for (const Workload& workload : Workloads()) {
    if (workload.name.find(options.only) == std::string_view::npos) continue;
    BenchRow row{.name = std::string(workload.name), .rate = workload.rate};
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    const Status status = passed.count() > options.seconds
                              ? Status(StatusCode::kDeadlineExceeded, "left out: the time for all of them is over")
                              : Measure(device, workload, options.is_small, bench.limits, row);
    if (!status.ok()) row.failure = status.message();
    progress(row);
    bench.rows.push_back(std::move(row));
    RETURN_IF_ERROR(device.health());
  }
  return bench;
}

std::string Print(const BenchRow& row) {
  if (!row.failure.empty()) return Format("{:<34} {}\n", row.name, row.failure);
  std::string text = Format("{:<34} {:>10.1f} us  {}", row.name, row.seconds * 1e6, RateText(row));
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Print(const Limits& limits) {
  std::string text = Format("{:<34} {:>10.1f} us\n", "a kernel that does nothing", limits.launch_seconds * 1e6);
  text += Format("{:<34} {:>24.1f} GB/s\n", "copy of memory", limits.bytes_per_second / 1e9);
  text += Format("{:<34} {:>24.3f} TFLOP/s\n", "multiply-adds of float32", limits.flops_per_second / 1e12);
  if (limits.matrix_flops_per_second == 0) return text;
  return text +
         Format("{:<34} {:>24.3f} TFLOP/s\n", "multiply-adds on matrix units", limits.matrix_flops_per_second / 1e12);
}

std::string ToJson(const Bench& bench) {
  nlohmann::json rows = nlohmann::json::array();
  for (const BenchRow& row : bench.rows) {
    nlohmann::json entry = {{"name", row.name}};
    if (!row.failure.empty()) {
      entry["failure"] = row.failure;
    } else {
      entry["seconds"] = row.seconds;
      entry["kernels"] = row.num_kernels;
      if (row.rate != Rate::kNone) {
        entry[row.rate == Rate::kBytes ? "bytes_per_second" : "flops_per_second"] = row.per_second;
        entry["share"] = row.share;
      }
    }
    rows.push_back(std::move(entry));
  }
  const nlohmann::json json = {{"compiler", compiler::Version()},
                               {"profile", nlohmann::json::parse(target::ToJson(bench.profile))},
                               {"limits", LimitsJson(bench.limits)},
                               {"workloads", rows}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace dragoman::measure
