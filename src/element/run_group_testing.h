// SPDX-License-Identifier: Apache-2.0
// For tests: runs the dispatches of a lowered group one after the other in the interpreter.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "element/dispatch.h"
#include "ir/ir.h"
#include "kernel/interpreter.h"

namespace dragoman::kernel {

using Memory = std::unordered_map<const ir::Value*, std::vector<std::byte>>;

// All dispatches of a lowered group in order. `memory` holds the inputs (and, for groups in place, the outputs' first
// contents); other outputs are added, as garbage before they are written.
Status RunLoweredGroup(const LoweredGroup& group, Memory& memory, const InterpretOptions& options = {});

}  // namespace dragoman::kernel
