// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "runtime/builtin_kernels.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

uint32_t WordAt(const Plan& plan, uint32_t offset) {
  uint32_t word = 0;
  std::memcpy(&word, plan.table.data() + offset, 4);
  return word;
}

size_t CountOps(const std::vector<Op>& ops, OpKind kind) {
  return static_cast<size_t>(std::count_if(ops.begin(), ops.end(), [&](const Op& op) { return op.kind == kind; }));
}

const std::vector<Patch>& Patches(const Plan& plan, Base base) { return plan.patches[static_cast<int>(base)]; }

StatusOr<Plan> PlanOf(const program::Program& program, const PlanOptions& options) {
  ASSIGN_OR_RETURN(const auto valid, program::ValidProgram::Check(program));
  return MakePlan(valid, options);
}

TEST(MakePlan, RecordHoldsAddressesAndThenParams) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100);
  builder.Temporary(3);
  const uint32_t temporary = builder.Temporary(100);
  builder.Do(builder.Scale(parameter, temporary, 5, 6));
  const Plan plan = *PlanOf(builder.program(), {});
  ASSERT_TRUE(plan.is_asynchronous);
  ASSERT_EQ(plan.nodes.size(), 1u);
  const auto& ops = plan.nodes[0].ops;
  ASSERT_EQ(ops.size(), 2u);
  EXPECT_EQ(ops[0].kind, OpKind::kBarrier);
  EXPECT_EQ(ops[1].kernel, kScale);
  EXPECT_EQ(ops[1].x, 2u);
  const uint32_t record = ops[1].record_offset;
  ASSERT_EQ(Patches(plan, Base::kParameter).size(), 1u);
  EXPECT_EQ(Patches(plan, Base::kParameter)[0].table_offset, record);
  ASSERT_EQ(Patches(plan, Base::kArena).size(), 1u);
  EXPECT_EQ(Patches(plan, Base::kArena)[0].table_offset, record + 8);
  EXPECT_EQ(Patches(plan, Base::kArena)[0].add, 256u);
  EXPECT_EQ(WordAt(plan, record + 16), 100u);
  EXPECT_EQ(WordAt(plan, record + 20), 5u);
  EXPECT_EQ(WordAt(plan, record + 24), 6u);
}

TEST(MakePlan, DispatchesSayWhichStepTheyAreOf) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100), output = builder.Output(100);
  program::Step repeat{.kind = program::StepKind::kRepeat, .count = 2};
  repeat.bodies = {{builder.Scale(parameter, output, 5, 6)}};
  builder.Do(builder.Scale(parameter, output, 5, 6));
  builder.Do(std::move(repeat));
  const Plan plan = *PlanOf(builder.program(), {});
  std::vector<uint32_t> steps;
  for (const Op& op : plan.nodes[0].ops) {
    if (op.kind == OpKind::kDispatch) steps.push_back(op.step);
  }
  EXPECT_EQ(steps, (std::vector<uint32_t>{0, 2, 2}));
}

TEST(PrintPlan, ShowsThePlacesOfAddressesAndTheOperations) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(100), output = builder.Output(100);
  builder.Do(builder.Scale(parameter, output, 5, 6));
  const Plan plan = *PlanOf(builder.program(), {});
  const uint32_t record = plan.nodes[0].ops.back().record_offset;
  EXPECT_EQ(Print(plan), Format("table of {} bytes, submitted at once\n"
                                "  +{}: address of parameter 0 +0\n"
                                "  +{}: address of output 0 +0\n"
                                "run, 1 times\n"
                                "  barrier\n"
                                "  dispatch kernel {}, record +{}, 1 segments, 2 workgroups as 2x1\n",
                                plan.table.size(), record, record + 8, static_cast<uint32_t>(kScale), record));
}

TEST(PrintPlan, ShowsWhatTheHostDrives) {
  ProgramBuilder builder;
  const uint32_t flag = builder.Parameter(1), output = builder.Output(1);
  const program::Step inner{
      .kind = program::StepKind::kRepeat, .count = 3, .bodies = {{builder.Scale(output, output, 1, 1)}}};
  builder.Do({.kind = program::StepKind::kSend, .slot_a = flag, .channel_id = 1});
  builder.Do(inner);
  const std::string text = Print(*PlanOf(builder.program(), {}));
  EXPECT_NE(text.find("driven by the host, not submitted at once"), std::string::npos) << text;
  EXPECT_NE(text.find("\nsend, 1 times\ncheck:\n"), std::string::npos) << text;
  EXPECT_NE(text.find(": address of readback 0 +0\n"), std::string::npos) << text;
}

TEST(MakePlan, CopiesTakeTheWidePathWhereAlignmentAllows) {
  ProgramBuilder builder;
  builder.Parameter(16), builder.Output(16);
  const uint32_t even = builder.Slot(program::SlotKind::kParameter, 0, 16, 4);
  const uint32_t odd = builder.Slot(program::SlotKind::kOutput, 0, 4, 4);
  const uint32_t wide = builder.Slot(program::SlotKind::kOutput, 0, 32, 4);
  builder.Do(builder.Copy(even, odd));
  builder.Do(builder.Copy(even, wide));
  const Plan plan = *PlanOf(builder.program(), {});
  const uint32_t first = static_cast<uint32_t>(builder.program().kernels.size());
  EXPECT_EQ(plan.nodes[0].ops[1].kernel, first + static_cast<uint32_t>(BuiltinKernel::kCopy4));
  EXPECT_EQ(plan.nodes[0].ops[3].kernel, first + static_cast<uint32_t>(BuiltinKernel::kCopy16));
}

program::Program RepeatProgram(uint64_t count) {
  ProgramBuilder builder;
  const uint32_t output = builder.Output(1);
  builder.Do({.kind = program::StepKind::kRepeat, .count = count, .bodies = {{builder.Scale(output, output, 1, 1)}}});
  return builder.program();
}

TEST(MakePlan, ShortRepeatsAreUnrolledWithoutMoreRecords) {
  const Plan once = *PlanOf(RepeatProgram(1), {}), often = *PlanOf(RepeatProgram(50), {});
  ASSERT_EQ(often.nodes.size(), 1u);
  EXPECT_EQ(CountOps(often.nodes[0].ops, OpKind::kDispatch), 50u);
  EXPECT_EQ(often.table.size(), once.table.size());
}

TEST(MakePlan, LongRepeatsBecomeOneRunSubmittedOften) {
  for (const uint64_t count : {1000u, 1001u, 1000000u}) {
    const Plan plan = *PlanOf(RepeatProgram(count), {.max_unrolled_ops = 100});
    EXPECT_EQ(plan.is_asynchronous, count < 10000);  // a million is more than one submission
    uint64_t dispatches = 0;
    for (const Node& node : plan.nodes) {
      EXPECT_LE(node.ops.size(), 100u);
      dispatches += node.count * CountOps(node.ops, OpKind::kDispatch);
    }
    EXPECT_EQ(dispatches, count);
  }
}

TEST(MakePlan, InnermostWhileIsPredicatedAndTheOuterDriven) {
  ProgramBuilder builder;
  const uint32_t state = builder.Output(1), flag = builder.Temporary(1), outer_flag = builder.Temporary(1);
  program::Step inner{.kind = program::StepKind::kWhile, .slot_a = flag};
  inner.bodies = {{builder.Less(state, flag, 3)}, {builder.Scale(state, state, 1, 1), builder.Copy(state, flag)}};
  program::Step outer{.kind = program::StepKind::kWhile, .slot_a = outer_flag};
  outer.bodies = {{builder.Less(state, outer_flag, 9)}, {inner}};
  builder.Do(outer);
  const Plan plan = *PlanOf(builder.program(), {});
  EXPECT_FALSE(plan.is_asynchronous);
  ASSERT_EQ(plan.nodes[0].kind, NodeKind::kHostWhile);
  const Node& node = plan.nodes[0].bodies[1][0];
  ASSERT_EQ(node.kind, NodeKind::kWhile);
  // Body and condition run only if the predicate holds, and decide it anew each time.
  EXPECT_EQ(CountOps(node.iteration_ops, OpKind::kDispatchIndirect), 3 * node.count);
  EXPECT_EQ(CountOps(node.iteration_ops, OpKind::kDispatch), node.count);
  EXPECT_EQ(CountOps(node.ops, OpKind::kDispatchIndirect), 0u);
}

TEST(MakePlan, IndirectSizesStayInsideTheirRegion) {
  ProgramBuilder builder;
  const uint32_t index = builder.Parameter(1), state = builder.Output(1);
  program::Step repeat{.kind = program::StepKind::kRepeat, .count = 4, .bodies = {{builder.Scale(state, state, 1, 1)}}};
  program::Step inner{.kind = program::StepKind::kCase, .slot_a = index};
  inner.bodies = {{builder.Copy(index, state), repeat}, {}};
  program::Step outer{.kind = program::StepKind::kCase, .slot_a = index};
  outer.bodies = {{builder.Copy(index, state), inner}, {builder.Scale(state, state, 2, 0)}};
  builder.Do(outer);
  const Plan plan = *PlanOf(builder.program(), {});
  EXPECT_TRUE(plan.is_asynchronous);
  for (const Op& op : plan.nodes[0].ops) {
    if (op.kind == OpKind::kDispatchIndirect) {
      EXPECT_LE(op.sizes_offset + 12, plan.table.size());
      EXPECT_EQ(op.sizes_offset % 4, 0u);
    }
  }
  EXPECT_EQ(CountOps(plan.nodes[0].ops, OpKind::kDispatchIndirect), 1u + 1 + 4 + 1);
  EXPECT_EQ(CountOps(plan.nodes[0].ops, OpKind::kDispatch), 4u);  // one predicate a branch
}

constexpr DeviceSpeed kMegabyteASecond{.bytes_per_second = 1e6};

TEST(MakePlan, DispatchesThatTakeTooLongAreCutToPiecesOfRows) {
  for (const int64_t count : {64 * 100, 64 * 1000 + 1, 64 * 40000}) {
    ProgramBuilder builder;
    builder.Do(builder.Scale(builder.Parameter(count), builder.Output(count), 1, 1));
    const Plan plan = *PlanOf(builder.program(), {.speed = kMegabyteASecond, .max_submission_seconds = 0.01});
    EXPECT_EQ(plan.kernels_in_pieces, std::vector<uint32_t>{kScale});
    uint32_t rows = 0;
    double seconds = 0;
    for (const Op& op : plan.nodes[0].ops) {
      if (op.kind != OpKind::kDispatch) continue;
      EXPECT_EQ(op.base_y, rows);
      EXPECT_LE(op.seconds, 0.02);
      rows += op.y;
      seconds += op.seconds;
      EXPECT_EQ(op.num_workgroups, (count + 63) / 64);
      EXPECT_EQ(op.x, plan.nodes[0].ops.back().x);
    }
    EXPECT_GE(int64_t{rows} * plan.nodes[0].ops.back().x * 64, count);
    EXPECT_NEAR(seconds, 8e-6 * static_cast<double>(count), 1e-6);
    EXPECT_TRUE(PlanOf(builder.program(), {})->kernels_in_pieces.empty());
  }
}

TEST(MakePlan, FlopsOfAStepCountAsTime) {
  ProgramBuilder builder;
  program::Step step = builder.Scale(builder.Parameter(6400), builder.Output(6400), 1, 1);
  step.flops = 1e9;
  builder.Do(step);
  const Plan plan = *PlanOf(builder.program(), {.speed = {.flops_per_second = 1e8}});
  EXPECT_EQ(CountOps(plan.nodes[0].ops, OpKind::kDispatch), 20u);
}

TEST(MakePlan, HostDrivesBranchesAndLoopsWhoseDispatchesTakeTooLong) {
  ProgramBuilder builder;
  const uint32_t index = builder.Parameter(1), state = builder.Output(6400);
  const program::Step step = builder.Scale(state, state, 2, 0);
  program::Step choose{.kind = program::StepKind::kCase, .slot_a = index};
  choose.bodies = {{step}, {}};
  builder.Do(choose);
  builder.Do({.kind = program::StepKind::kRepeat, .count = 10, .bodies = {{step}}});
  const Plan plan = *PlanOf(builder.program(), {.speed = kMegabyteASecond, .max_submission_seconds = 0.01});
  ASSERT_EQ(plan.nodes.size(), 2u);
  EXPECT_EQ(plan.nodes[0].kind, NodeKind::kHostCase);
  EXPECT_EQ(plan.nodes[1].kind, NodeKind::kHostRepeat);
}

TEST(MakePlan, TooManyArgumentsAreUnimplemented) {
  EXPECT_EQ(PlanOf(RepeatProgram(1), {.max_table_bytes = 32}).status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dragoman::runtime::testing
