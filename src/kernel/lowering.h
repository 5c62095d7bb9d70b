// SPDX-License-Identifier: Apache-2.0
// From a fusion group to kernels and dispatches: one function a group kind, each in its own file (lower_loop.cc,
// lower_dot.cc, ...), reached through LowerGroup's table.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "fusion/plan.h"
#include "kernel/kernel_ir.h"
#include "target/profile.h"

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
  std::string label;                // for people: "reduce f32[128,10]"; never in the SPIR-V
};

struct LoweredGroup {
  std::vector<int64_t> temporaries;  // size in bytes each
  // Run in order; the next one sees what the one before wrote (the planner puts a barrier between).
  std::vector<Dispatch> dispatches;
};

// UNIMPLEMENTED with the op's name and types for what no kernel does; INTERNAL for our bugs.
// In-place groups (scatter, dynamic_update_slice): the output already holds the operand; the kernels bind only the
// output for it. Zero-element results give no dispatches.
StatusOr<LoweredGroup> LowerGroup(const fusion::Group& group, const target::DeviceProfile& profile);

// The rows of LowerGroup's table.
StatusOr<LoweredGroup> LowerLoop(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerReduce(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerRow(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerDot(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerConvolution(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerReduceWindow(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerSelectAndScatter(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerScan(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerSort(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerScatter(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerDynamicUpdateSlice(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerCholesky(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerTriangularSolve(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerFft(const fusion::Group& group, const target::DeviceProfile& profile);
StatusOr<LoweredGroup> LowerRngBitGenerator(const fusion::Group& group, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
