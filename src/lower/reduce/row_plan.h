// SPDX-License-Identifier: Apache-2.0
// Several reductions over the same rows, in phases. Pure: what the phases are and how rows lie over invocations.
#pragma once

#include <vector>

#include "base/status.h"
#include "fusion/plan.h"
#include "lower/reduce/reduce_plan.h"
#include "lower/reduce/reduce_space.h"
#include "target/profile.h"

namespace dragoman::kernel {

struct RowPhases {
  int64_t num_rows = 0;
  int64_t row_length = 0;
  // Reductions by phase: those of one phase need results of earlier ones only.
  std::vector<std::vector<const ir::Op*>> phases;
  // By phase: values of one element a row that become known after it and are spread over the row again.
  std::vector<std::vector<const ir::Value*>> row_values;
  std::vector<const ir::Value*> element_outputs;  // as long as the rows together
  std::vector<const ir::Value*> row_outputs;      // one element a row
  // 32-bit values of each element that one phase computes or loads and a later one uses again, at most.
  int64_t held_values = 0;
};

// INTERNAL when the group's reductions are not all over the same innermost positions.
StatusOr<RowPhases> FindRowPhases(const fusion::Group& group);

struct RowPlan {
  ReducePlan reduce;
  // More than 0: each invocation holds that many vectors of the row in registers, and every phase uses them again.
  // 0: every phase reads the row again, in a loop.
  int resident_loads = 0;
  std::string reason;
};
RowPlan ChooseRow(const fusion::Group& group, const RowPhases& phases, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
