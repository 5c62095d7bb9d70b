// SPDX-License-Identifier: Apache-2.0
// A kernel's pipeline made in a process of its own, so that a driver that dies on it takes nothing else along.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/hash.h"
#include "base/status.h"
#include "program/program.h"

namespace dragoman::runtime {

enum class TrialOutcome : uint8_t {
  kSurvived,    // the driver made it, which the cache knows now, or gave an error
  kDied,        // or did not return within ten minutes
  kNotStarted,  // the `dragoman` command is not beside the library
};

// Runs `dragoman make-kernel` with this process's environment and waits for it. `driver` is vulkan::DriverKey.
TrialOutcome TryKernel(const program::Kernel& kernel, const Hash128& driver);

// What that process does: makes the kernels of the saved program `input`, which it reads from its standard input, on
// the device whose driver key has these digits, and keeps them in the cache. OK even when the driver gives an error:
// the process that asks will see it. Then it ends with this code, which no driver ends it with.
inline constexpr int kSurvivedExitCode = 77;
Status MakeKernelsOf(std::span<const std::byte> input, const std::string& driver);

}  // namespace dragoman::runtime
