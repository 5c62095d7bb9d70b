// SPDX-License-Identifier: Apache-2.0
// Groups lowered once each: a model's layers repeat, and so do their groups. A group that does what an earlier one did,
// with other values, shares its kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "fusion/plan.h"
#include "lower/lowering.h"
#include "target/compile_context.h"

namespace dragoman::compiler {

// A kernel::Dispatch whose kernel may serve others too.
struct Launch {
  std::shared_ptr<const kernel::Kernel> kernel;
  std::vector<kernel::Argument> arguments;  // one a Kernel::buffers
  std::vector<uint32_t> params;
  int64_t workgroups = 0;
  kernel::Division division;
  std::string label;
};

struct Lowered {
  std::vector<int64_t> temporaries;  // size in bytes each
  std::vector<Launch> launches;      // in order; those without workgroups are left out
  std::string reason;                // as in kernel::LoweredGroup
};

class LoweredGroups {
 public:
  // `lifts_extents`: as ScheduleContext's.
  explicit LoweredGroups(const target::CompileContext& context, bool lifts_extents = false)
      : context_(context), lifts_extents_(lifts_extents) {}

  // As kernel::LowerGroup. The group must stay where it is as long as this object lives.
  StatusOr<Lowered> Lower(const fusion::Group& group);

 private:
  struct Known {
    const fusion::Group* group;
    Lowered lowered;
  };

  const target::CompileContext& context_;
  const bool lifts_extents_;
  std::unordered_map<size_t, std::vector<Known>> known_;  // by hash
};

}  // namespace dragoman::compiler
