// SPDX-License-Identifier: Apache-2.0
#include "measure/step_times.h"

#include <algorithm>

namespace dragoman::measure {
namespace {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

void StepTimes::Add(std::span<const runtime::KernelRun> runs) {
  std::map<uint32_t, Time>& steps = executions_.emplace_back();
  for (const runtime::KernelRun& run : runs) {
    Time& time = steps[run.step];
    time.seconds += run.seconds;
    ++time.runs;
  }
}

StepTimes::Time StepTimes::Of(uint32_t step) const {
  std::vector<double> seconds, counts;
  for (const auto& execution : executions_) {
    const auto found = execution.find(step);
    const Time time = found == execution.end() ? Time{} : found->second;
    seconds.push_back(time.seconds);
    counts.push_back(time.runs);
  }
  return {Median(std::move(seconds)), static_cast<uint32_t>(Median(std::move(counts)))};
}

double StepTimes::Total() const { return Median(Totals()); }

double StepTimes::LeastTotal() const {
  const std::vector<double> totals = Totals();
  return totals.empty() ? 0 : *std::min_element(totals.begin(), totals.end());
}

std::vector<double> StepTimes::Totals() const {
  std::vector<double> totals;
  for (const auto& execution : executions_) {
    double total = 0;
    for (const auto& [step, time] : execution) total += time.seconds;
    totals.push_back(total);
  }
  return totals;
}

}  // namespace dragoman::measure
