// SPDX-License-Identifier: Apache-2.0
// How a reduction is laid out over workgroups. A pure function of the group and the device.
#pragma once

#include <string>

#include "fusion/plan.h"
#include "lower/reduce/reduce_space.h"
#include "target/profile.h"

namespace dragoman::kernel {

enum class ReduceKind : uint8_t {
  kRow,     // the innermost run is reduced: fellows stand side by side along it
  kColumn,  // the innermost run is kept: invocations stand side by side along it, fellows share a column
};

// One pass. `workgroup_size` invocations are `fellows` (who share results) times columns or rows.
struct ReducePlan {
  ReduceKind kind = ReduceKind::kRow;
  int workgroup_size = 256;
  int lanes = 1;       // elements of a vector load
  int fellows = 1;     // a power of two
  int unroll = 1;      // vector loads in flight
  int64_t splits = 1;  // parts of the reduced positions, each a workgroup's; more than one needs a second pass
  int64_t part = 0;    // reduced positions of a part
  std::string reason;

  int groups() const { return workgroup_size / fellows; }  // rows, or columns divided by lanes
};

// The extents that a pass sees: kept positions (those outside and inside of the innermost run) and reduced positions.
struct ReduceExtents {
  ReduceKind kind = ReduceKind::kRow;
  int64_t kept_outer = 1;
  int64_t kept_inner = 1;  // 1 for rows
  int64_t reduced = 1;
  int64_t kept() const { return kept_outer * kept_inner; }
};
ReduceExtents ExtentsOf(const ReduceSpace& space);

// What the code that reads one element looks like.
struct ReduceSource {
  int lanes = 1;              // of vector loads that pay
  int num_ops = 0;            // computed values an element
  int accumulator_bytes = 4;  // that a fellow shares through memory
  bool is_ordered = false;    // elements must be combined in order: each fellow takes a stretch of its own
};

// Bytes of shared memory that fellows need.
int64_t SharedBytes(const ReducePlan& plan, const ReduceSource& source);

ReducePlan ChooseReduce(const ReduceExtents& extents, const ReduceSource& source, const target::DeviceProfile& profile,
                        bool may_split);

// At least `times` as many parts, for devices that limit the loops of an invocation; false where there are no more.
bool SplitFurther(ReducePlan& plan, const ReduceExtents& extents, int64_t times);

// Vector loads that pay for reading `roots` (operands of the reduction over `space`).
ReduceSource AnalyzeSource(const fusion::Group& group, std::span<const ir::Value* const> roots,
                           const ReduceSpace& space, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
