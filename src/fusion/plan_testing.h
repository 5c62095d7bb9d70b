// SPDX-License-Identifier: Apache-2.0
// Plans of programs in text form, checked for what every plan must hold.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_set>

#include "fusion/plan.h"

namespace dragoman::fusion {

struct Planned {
  std::unique_ptr<ir::Module> module;
  Plan plan;

  int Count(GroupKind kind) const {
    return static_cast<int>(std::count_if(plan.groups.begin(), plan.groups.end(),
                                          [kind](const Group& group) { return group.kind == kind; }));
  }
  const Group& First(GroupKind kind) const {
    return *std::find_if(plan.groups.begin(), plan.groups.end(),
                         [kind](const Group& group) { return group.kind == kind; });
  }
};

// What every plan must hold: what a group reads was written by an earlier one, and the block's results are written.
inline void CheckPlan(const ir::Block& block, const Plan& plan) {
  std::unordered_set<const ir::Value*> written;
  for (const Group& group : plan.groups) {
    std::unordered_set<const ir::Op*> members(group.members.begin(), group.members.end());
    for (const ir::Value* input : group.inputs) {
      const bool from_outside = input->op == nullptr || input->op->code == ir::OpCode::kConstant;
      EXPECT_TRUE(from_outside || written.contains(input)) << plan.ToString();
      EXPECT_FALSE(input->op != nullptr && members.contains(input->op));
    }
    for (const ir::Op* member : group.members) {
      for (const ir::Value* operand : member->operands) {
        const bool is_input = std::find(group.inputs.begin(), group.inputs.end(), operand) != group.inputs.end();
        EXPECT_TRUE(is_input || (operand->op != nullptr && members.contains(operand->op)));
      }
    }
    for (const ir::Value* output : group.outputs) EXPECT_TRUE(written.insert(output).second);
  }
  for (const ir::Value* result : block.terminator()->operands) {
    EXPECT_TRUE(result->op == nullptr || result->op->code == ir::OpCode::kConstant || written.contains(result));
  }
}

inline Planned PlanText(const std::string& text, bool fuse = true) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  auto plan = PlanBlock((*module)->main()->body, {target::DeviceProfile{}, target::Options{.fuse = fuse}});
  EXPECT_TRUE(plan.ok());
  CheckPlan((*module)->main()->body, *plan);
  return {*std::move(module), *std::move(plan)};
}

}  // namespace dragoman::fusion
