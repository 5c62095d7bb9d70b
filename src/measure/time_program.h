// SPDX-License-Identifier: Apache-2.0
// Runs a program on made-up numbers to see how long its kernels take.
#pragma once

#include <memory>
#include <vector>

#include "measure/step_times.h"
#include "runtime/runtime.h"

namespace dragoman::measure {

// Floats between a half and one, everything else zero.
StatusOr<std::vector<std::shared_ptr<runtime::Buffer>>> MakeArguments(runtime::Device& device,
                                                                      const program::Program& program);

struct Repetition {
  int most = 5;         // timed executions, after one at least that is not timed
  double seconds = 10;  // no more timed executions after so long, but one at least
  double warm_up = 0;   // seconds of executions that are not timed: an idle card's clock rises within one of work
};
// UNIMPLEMENTED: the device has no clock for it, or the program talks with the host.
StatusOr<StepTimes> TimeProgram(runtime::Device& device, const program::ValidProgram& program,
                                const Repetition& repetition);

}  // namespace dragoman::measure
