// SPDX-License-Identifier: Apache-2.0
// For tests: a whole program without control flow through passes, fusion and lowering, run by the kernel interpreter,
// against the evaluator.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/format.h"
#include "element/run_group_testing.h"
#include "fusion/plan.h"
#include "ir/ir.h"
#include "kernel/interpreter.h"
#include "lower/group_testing.h"
#include "lower/lowering.h"
#include "passes/passes.h"
#include "passes/testing.h"
#include "reference/evaluator.h"

namespace dragoman::compiler {

// In place: the output holds the operand before the group runs.
inline void StartInPlace(const fusion::Group& group, kernel::Memory& memory) {
  if (group.kind != fusion::GroupKind::kScatter && group.kind != fusion::GroupKind::kDynamicUpdateSlice) return;
  for (size_t i = 0; i < group.outputs.size(); ++i) memory[group.outputs[i]] = memory.at(group.hero->operands[i]);
}

// Parameters and constants that are in memory.
inline kernel::Memory StartMemory(const ir::Block& block, const std::vector<ir::Literal>& inputs) {
  kernel::Memory memory;
  for (size_t i = 0; i < inputs.size(); ++i) memory[block.arguments[i].get()] = inputs[i].Dense();
  for (const auto& op : block.ops) {
    if (op->code == ir::OpCode::kConstant) {
      memory[op->result()] = op->attributes.GetLiteral(ir::AttrKey::kValue).Dense();
    }
  }
  return memory;
}

// Compares elementwise, relative to the element's size beyond 1; NaN equals NaN.
inline void ExpectSameElements(const ir::Literal& actual, const ir::Literal& expected, double tolerance) {
  for (int64_t k = 0; k < expected.type().num_elements(); ++k) {
    for (const bool imaginary : {false, true}) {
      if (imaginary && !IsComplex(expected.type().dtype)) continue;
      const double got = reference::ElementAsDouble(actual, k, imaginary);
      const double want = reference::ElementAsDouble(expected, k, imaginary);
      const bool both_nan = std::isnan(got) && std::isnan(want);
      if (both_nan || got == want || std::abs(got - want) <= tolerance * std::max(1.0, std::abs(want))) continue;
      ADD_FAILURE() << "element " << k << " is " << got << ", expected " << want;
      return;
    }
  }
}

// Runs the plan of main's block, which must hold no control flow.
inline Status InterpretPlan(const fusion::Plan& plan, const target::DeviceProfile& profile, kernel::Memory& memory) {
  for (const fusion::Group& group : plan.groups) {
    ASSIGN_OR_RETURN(const kernel::LoweredGroup lowered, kernel::LowerGroup(group, {profile}));
    StartInPlace(group, memory);
    RETURN_IF_ERROR(kernel::RunLoweredGroup(lowered, memory));
  }
  return OkStatus();
}

// That `module`, compiled (so it is changed), gives what the evaluator makes of `meaning`. Random inputs.
inline void ExpectInterpretsAs(ir::Module& module, const ir::Module& meaning, const target::DeviceProfile& profile,
                               uint32_t seed, double tolerance) {
  std::mt19937 random(seed);
  std::vector<ir::Literal> inputs;
  for (const auto& argument : module.main()->body.arguments) {
    inputs.push_back(passes::RandomLiteral(argument->type, random));
  }
  const auto expected = reference::Evaluate(meaning, "main", inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const Status passed = passes::RunPipeline(module, {profile}, {});
  ASSERT_TRUE(passed.ok()) << passed.message();
  const ir::Block& block = module.main()->body;
  const auto plan = fusion::PlanBlock(block, {profile});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  kernel::Memory memory = StartMemory(block, inputs);
  const Status run = InterpretPlan(*plan, profile, memory);
  ASSERT_TRUE(run.ok()) << run.message() << "\n" << plan->ToString();
  for (size_t i = 0; i < expected->size(); ++i) {
    const ir::Value* result = block.terminator()->operands[i];
    ExpectSameElements(ir::Literal(result->type, memory.at(result)), (*expected)[i], tolerance);
  }
}

inline void ExpectInterpretsRight(ir::Module& module, const target::DeviceProfile& profile, uint32_t seed,
                                  double tolerance = 0) {
  ExpectInterpretsAs(module, module, profile, seed, tolerance);
}

}  // namespace dragoman::compiler
