// SPDX-License-Identifier: Apache-2.0
// Does a device compute rightly? A small set of programs with known answers, one for each way in which a driver has
// been seen to compute wrongly and for each kind of kernel: compiled as users' programs are, so that what is wrong is
// what no quirk (target/quirks.h) works around. The answers are the reference evaluator's.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/cli.h"
#include "runtime/runtime.h"

namespace dragoman::cli {

struct Trap {
  std::string_view name;     // what a driver has done wrongly there
  std::string_view program;  // the body of main: "(%0: tensor<400xf32>) { ... return(%1) }"
  double tolerance = 0;      // of float results, relative to the right ones; numbers below the normal ones count as 0
};
std::span<const Trap> Traps();

// Empty when every result is right, otherwise one sentence about the first that is not. `profile` stands for the
// device's own, so that a test can take a quirk away. UNIMPLEMENTED where the device lacks a type.
StatusOr<std::string> RunTrap(const Trap& trap, runtime::Device& device, const target::DeviceProfile& profile);

// All of them on a device; what is found names the device, its driver and the driver's version.
Check ArithmeticOf(runtime::Device& device);

}  // namespace dragoman::cli
