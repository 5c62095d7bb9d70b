// SPDX-License-Identifier: Apache-2.0
#include "measure/kernel_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/format.h"

namespace dragoman::measure {
namespace {

constexpr uint32_t kCapabilityInstruction = 2u << 16 | 17;
constexpr uint32_t kCooperativeMatrix = 6022;
constexpr size_t kHeaderWords = 5;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

KernelRow RowOf(const program::Program& program, const program::Step& step, uint32_t number) {
  KernelRow row;
  row.step = number;
  row.name = step.label;
  if (step.place != program::kNoPlace) row.place = program.places[step.place];
  if (step.reason != program::kNoReason) row.reasons = Lines(program.reasons[step.reason]);
  row.bytes = step.bytes;
  row.flops = step.flops;
  return row;
}

struct Bound {
  std::string_view name;
  double seconds;  // that the limit asks for
};

void FillTimes(const Measured& measured, bool on_matrix_units, KernelRow& row) {
  const StepTimes::Time time = measured.times.Of(row.step);
  row.seconds = time.seconds;
  row.runs = time.runs;
  if (time.seconds <= 0 || time.runs == 0) return;
  const Limits& limits = measured.limits;
  const bool is_matrix = on_matrix_units && limits.matrix_flops_per_second > 0;
  const double rate = is_matrix ? limits.matrix_flops_per_second : limits.flops_per_second;
  const Bound bounds[] = {{"memory", row.bytes / limits.bytes_per_second},
                          {is_matrix ? "matrix" : "scalar", row.flops / rate},
                          {"launch", limits.launch_seconds}};
  const auto less = [](const Bound& a, const Bound& b) { return a.seconds < b.seconds; };
  const Bound& bound = *std::max_element(std::begin(bounds), std::end(bounds), less);
  row.bound = bound.name;
  row.share = bound.seconds * row.runs / row.seconds;
}

void CountRuns(const std::vector<program::Step>& steps, uint32_t& number, uint64_t times, std::vector<uint64_t>& runs) {
  for (const program::Step& step : steps) {
    runs[number++] = times;
    const uint64_t inside = step.kind == program::StepKind::kRepeat ? times * step.count : times;
    for (const auto& body : step.bodies) CountRuns(body, number, inside, runs);
  }
}

constexpr size_t kPlaceWidth = 23;

std::string Cut(const std::string& text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}
std::string CutFront(const std::string& text, size_t width) {
  return text.size() <= width ? text : ".." + text.substr(text.size() - width + 2);
}

// "train.py:17" of "train.py:17 in jit(step)/dense/dot_general".
std::string LineOf(const std::string& place) { return place.substr(0, place.find(" in ")); }

std::string ReadableBytes(double bytes) {
  if (bytes >= 1e9) return Format("{:.1f} GB", bytes / 1e9);
  if (bytes >= 1e6) return Format("{:.1f} MB", bytes / 1e6);
  return Format("{:.1f} kB", bytes / 1e3);
}

std::string ReadableFlops(double flops) {
  if (flops >= 1e12) return Format("{:.1f} T", flops / 1e12);
  if (flops >= 1e9) return Format("{:.1f} G", flops / 1e9);
  if (flops >= 1e6) return Format("{:.1f} M", flops / 1e6);
  return Format("{:.1f} k", flops / 1e3);
}

// Words of `text` in lines that begin with `margin`.
std::string Wrapped(const std::string& text, const std::string& margin) {
  std::string result, line = margin;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (line.size() + word.size() > 119 && line.size() > margin.size()) {
      result += line + "\n";
      line = margin + "  ";
    }
    line += line.size() == margin.size() ? word : " " + word;
  }
  return result + line + "\n";
}

std::string Heading(const KernelReport& report) {
  std::string text = Format("program {} on {}: {} kernels", report.program, report.device, report.rows.size());
  if (!report.is_timed) return Wrapped(text + ", not timed", "");
  text += Format(", {:.1f} us of an execution one after the other (median of {})", report.seconds * 1e6,
                 report.num_executions);
  text = Wrapped(text, "");
  const Limits& limits = report.limits;
  std::string reached = Format("the device reaches {:.1f} GB/s copying, {:.2f} TFLOP/s float32",
                               limits.bytes_per_second / 1e9, limits.flops_per_second / 1e12);
  if (limits.matrix_flops_per_second > 0) {
    reached += Format(", {:.1f} TFLOP/s on matrix units", limits.matrix_flops_per_second / 1e12);
  }
  reached += Format("; a kernel takes {:.1f} us at least", limits.launch_seconds * 1e6);
  return text + Wrapped(reached, "");
}

std::string RowText(const KernelReport& report, const KernelRow& row) {
  std::string text = Format("{:>4}", row.step);
  if (report.is_timed) {
    const std::string share = row.seconds > 0 ? Format("{:.0f}% {}", row.share * 100, row.bound) : "";
    text += Format(" {:>9.1f} {:>5.1f}", row.seconds * 1e6, 100 * row.seconds / std::max(report.seconds, 1e-12));
    text += Format(" {:>5} {:>9} {:>8} {:>11}", row.runs, ReadableBytes(row.bytes), ReadableFlops(row.flops), share);
  } else {
    text += Format(" {:>5} {:>9} {:>8}", row.runs, ReadableBytes(row.bytes), ReadableFlops(row.flops));
  }
  const size_t name_width = report.is_timed ? 35 : 59;
  text += Format("  {:<{}}  {}", Cut(row.name, name_width), name_width, CutFront(LineOf(row.place), kPlaceWidth));
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string ReasonsText(const KernelReport& report, size_t explained) {
  std::string text;
  for (size_t i = 0; i < std::min(explained, report.rows.size()); ++i) {
    const KernelRow& row = report.rows[i];
    if (row.reasons.empty() && row.place.empty()) continue;
    text += Wrapped(Format("{}: {}", row.step, row.name), "");
    if (!row.place.empty()) text += Wrapped("at " + row.place, "    ");
    for (const std::string& reason : row.reasons) text += Wrapped(reason, "    ");
  }
  if (text.empty()) return "";
  const bool is_some = explained < report.rows.size();
  return "\n" + (is_some ? Format("why, of the first {}:\n", explained) : std::string("why:\n")) + text;
}

}  // namespace

// Modules begin with the capabilities.
bool UsesMatrixUnits(const program::Kernel& kernel) {
  for (size_t i = kHeaderWords; i + 1 < kernel.spirv.size() && kernel.spirv[i] == kCapabilityInstruction; i += 2) {
    if (kernel.spirv[i + 1] == kCooperativeMatrix) return true;
  }
  return false;
}

KernelReport MakeReport(const program::Program& program, std::string device, const std::optional<Measured>& measured) {
  KernelReport report{.program = program.name, .device = std::move(device), .is_timed = measured.has_value()};
  const std::vector<const program::Step*> steps = program::AllSteps(program);
  std::vector<uint64_t> runs(steps.size());
  uint32_t counted = 0;
  CountRuns(program.steps, counted, 1, runs);
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const program::Step& step = *steps[i];
    const bool is_dispatch = step.kind == program::StepKind::kDispatch;
    if (!is_dispatch && step.kind != program::StepKind::kCopy) continue;
    KernelRow& row = report.rows.emplace_back(RowOf(program, step, i));
    row.runs = static_cast<uint32_t>(runs[i]);
    if (measured) FillTimes(*measured, is_dispatch && UsesMatrixUnits(program.kernels[step.kernel]), row);
  }
  if (!measured) return report;
  report.limits = measured->limits;
  report.num_executions = measured->times.num_executions();
  report.seconds = measured->times.Total();
  report.other_seconds = measured->times.Of(runtime::kNoStepNumber).seconds;
  std::stable_sort(report.rows.begin(), report.rows.end(),
                   [](const KernelRow& a, const KernelRow& b) { return a.seconds > b.seconds; });
  return report;
}

std::string Print(const KernelReport& report, size_t explained) {
  std::string text = Heading(report);
  text += report.is_timed ? "step   time us     %  runs     bytes    FLOPs    of limit  kernel"
                          : "step  runs     bytes    FLOPs  kernel";
  text += "\n";
  double bytes = 0, flops = 0;
  for (const KernelRow& row : report.rows) {
    text += RowText(report, row);
    bytes += row.bytes * row.runs;
    flops += row.flops * row.runs;
  }
  if (report.other_seconds > 0) {
    text += Format("     {:>9.1f}  of kernels that steer loops and branches\n", report.other_seconds * 1e6);
  }
  text += Format("in all {} and {}FLOP", ReadableBytes(bytes), ReadableFlops(flops));
  if (report.is_timed) text += Format(" in {:.1f} us", report.seconds * 1e6);
  return text + " (bytes and FLOPs as the compiler estimates them)\n" + ReasonsText(report, explained);
}

nlohmann::json LimitsJson(const Limits& limits) {
  return {{"bytes_per_second", limits.bytes_per_second},
          {"flops_per_second", limits.flops_per_second},
          {"matrix_flops_per_second", limits.matrix_flops_per_second},
          {"launch_seconds", limits.launch_seconds}};
}

std::string ToJson(const KernelReport& report) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const KernelRow& row : report.rows) {
    nlohmann::json entry = {{"step", row.step},   {"name", row.name},   {"place", row.place}, {"reasons", row.reasons},
                            {"bytes", row.bytes}, {"flops", row.flops}, {"runs", row.runs}};
    if (report.is_timed) {
      entry["seconds"] = row.seconds;
      entry["bound"] = row.bound;
      entry["share"] = row.share;
    }
    kernels.push_back(std::move(entry));
  }
  nlohmann::json json = {{"program", report.program}, {"device", report.device}, {"kernels", kernels}};
  if (report.is_timed) {
    json["seconds"] = report.seconds;
    json["other_seconds"] = report.other_seconds;
    json["executions"] = report.num_executions;
    json["limits"] = LimitsJson(report.limits);
  }
  // Labels of other programs may hold any bytes.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace dragoman::measure
