// SPDX-License-Identifier: Apache-2.0
// The Windows Subsystem for Linux: programs there reach the GPU through Windows's DirectX 12 alone, with Mesa's Dozen.
#pragma once

#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace dragoman::cli {

// One sentence for a person there: that the driver is layered over another, or how to get it on this distribution.
// Empty on other systems. `root` is the folder of the system's files.
std::string WslAdvice(const std::vector<runtime::DeviceReport>& reports, const std::string& root);

}  // namespace dragoman::cli
