// SPDX-License-Identifier: Apache-2.0
// The order of work: a block's groups with their kernels, bodies of control flow inside, and a position for each. The
// positions are the clock that storage.h measures lifetimes with.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "compiler/lowered_groups.h"
#include "fusion/plan.h"
#include "target/compile_context.h"

namespace dragoman::compiler {

struct BlockSchedule;

struct Item {
  const fusion::Group* group = nullptr;
  Lowered lowered;                                     // empty for control flow, host transfers and views
  std::vector<std::unique_ptr<BlockSchedule>> bodies;  // while: condition, body; case: branches
  int begin = 0;                                       // equal to end but for control flow
  int end = 0;
  // Set where the group only says that this value's memory has another shape: its result is that memory, with no
  // kernel.
  const ir::Value* view_of = nullptr;
  // Equal independent kernels run as one dispatch: items of one batch stand side by side and share a position.
  int batch = -1;
  // Items of one join stand side by side, share a position and run as one dispatch of so many workgroups
  // (join_shares.h).
  struct Join {
    int id = -1;
    int64_t workgroups = 0;
  };
  Join join;
};

struct BlockSchedule {
  const ir::Block* block = nullptr;
  BlockSchedule* parent = nullptr;  // the schedule whose item `parent_item` holds this one
  int parent_item = -1;
  fusion::Plan plan;
  std::vector<Item> items;
  int begin = 0;
  int end = 0;  // where the block's results are handed on
};

struct ScheduleContext {
  const ir::Module& module;
  const target::CompileContext& compile;
  // Kernels take extents as parameters (kernel/lift_extents.h), for programs that cost less to run than to compile.
  bool lifts_extents = false;
};

// Neighbours of one batch or join.
bool RunTogether(const Item& a, const Item& b);

// The hero's results start as copies of the operands with their numbers, or take these over: updates in place and the
// carried values of loops.
bool StartsFromOperands(const fusion::Group& group);

// Plans and lowers `block` and everything inside, delays updates that only the caller sees to the end, batches equal
// kernels among those, and numbers positions.
StatusOr<std::unique_ptr<BlockSchedule>> ScheduleMain(const ir::Block& block, const ScheduleContext& context);

// The kernel IR of every group's dispatches as lowered, for people. Bodies of control flow stand after their group.
std::string PrintKernels(const BlockSchedule& schedule);

// Which schedule's items (or block arguments) define a value; null for values of none.
std::unordered_map<const ir::Value*, const BlockSchedule*> DefiningSchedules(const BlockSchedule& main);

}  // namespace dragoman::compiler
