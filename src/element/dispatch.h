// SPDX-License-Identifier: Apache-2.0
// What a lowering makes of a group: kernels, and what to run them on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "element/pieces.h"
#include "ir/ir.h"
#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// Loop counters are signed, and run over.
inline constexpr int64_t kMaxPositions = (int64_t{1} << 31) - (int64_t{1} << 20);

// What a buffer binding of a dispatch is: a tensor of the program, or scratch memory of the group.
struct Argument {
  const ir::Value* value = nullptr;
  int temporary = -1;  // index into LoweredGroup::temporaries when value is null
};

struct Dispatch {
  Kernel kernel;
  std::vector<Argument> arguments;  // one a Kernel::buffers
  std::vector<uint32_t> params;     // Kernel::num_params words
  int64_t workgroups = 0;           // 0: the dispatch is dropped
  Division division;
  std::string label;  // for people: "reduce f32[128,10]"; never in the SPIR-V
};

struct LoweredGroup {
  std::vector<int64_t> temporaries;  // size in bytes each
  // Run in order; the next one sees what the one before wrote (the planner puts a barrier between).
  std::vector<Dispatch> dispatches;
  std::string reason;  // why the kernels have this form, for people; empty where there is no choice
};

}  // namespace dragoman::kernel
