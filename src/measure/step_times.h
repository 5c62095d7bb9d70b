// SPDX-License-Identifier: Apache-2.0
// How long each step of a program takes, over several executions of it.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "runtime/runtime.h"

namespace dragoman::measure {

class StepTimes {
 public:
  // Of one execution.
  struct Time {
    double seconds = 0;
    uint32_t runs = 0;  // of its kernel
  };

  // What an execution was made of.
  void Add(std::span<const runtime::KernelRun> runs);
  size_t num_executions() const { return executions_.size(); }
  // The medians over executions; of kernels that are of no step (what the runtime adds) by runtime::kNoStepNumber.
  Time Of(uint32_t step) const;
  double Total() const;
  // Of the quickest.
  double LeastTotal() const;

 private:
  std::vector<double> Totals() const;

  std::vector<std::map<uint32_t, Time>> executions_;
};

}  // namespace dragoman::measure
