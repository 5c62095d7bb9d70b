// SPDX-License-Identifier: Apache-2.0
// What Validate refuses, field by field, and what it must not refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program/testing.h"

namespace dragoman::program::testing {
namespace {

struct FieldFault {
  const char* name;
  void (*apply)(Program&);
  const char* complaint;
};
class FaultyField : public ::testing::TestWithParam<FieldFault> {};

TEST_P(FaultyField, IsRefusedInOneSentenceThatNamesIt) {
  Program program = FullProgram();
  ASSERT_TRUE(Validate(program).ok()) << Validate(program).message();
  GetParam().apply(program);
  const Status status = Validate(program);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), ::testing::HasSubstr(GetParam().complaint));
  EXPECT_THAT(status.message(), ::testing::HasSubstr("In program full."));
  EXPECT_FALSE(ValidProgram::Check(program).ok());
}

// A kernel that is changed and hashed again.
template <typename Change>
void ChangeKernel(Program& program, const Change& change) {
  change(program.kernels[0]);
  program.kernels[0].hash = HashKernel(program.kernels[0]);
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, FaultyField,
    ::testing::Values(
        FieldFault{"parameter_type", [](Program& p) { p.parameters[0].type.dtype = static_cast<DType>(200); },
                   "Parameter 0 has no known element type"},
        FieldFault{"output_type", [](Program& p) { p.outputs[1].type.dtype = static_cast<DType>(255); },
                   "Output 1 has no known element type"},
        FieldFault{"output_extent", [](Program& p) { p.outputs[0].type.dims[1] = -8; }, "Output 0 has the negative"},
        FieldFault{"output_size",
                   [](Program& p) {
                     p.outputs[0].type.dims = {1ll << 62, 4};
                   },
                   "Output 0 is larger than"},
        FieldFault{"output_memory", [](Program& p) { p.outputs[1].space = static_cast<MemorySpace>(3); },
                   "Output 1 is in an unknown memory"},
        FieldFault{"alias_twice",
                   [](Program& p) {
                     p.outputs[1].aliased_parameter = 0;
                     p.forwarded_parameters = {};
                   },
                   "Two outputs take the memory of parameter 0"},
        FieldFault{"start_of_nothing", [](Program& p) { p.outputs[1].starts_as_parameter = true; }, "names none"},
        FieldFault{"alias_negative", [](Program& p) { p.outputs[0].aliased_parameter = -2; }, "parameter -2 of 2"},
        FieldFault{"forwarded_range", [](Program& p) { p.forwarded_parameters[1] = 2; }, "parameter 2 of 2"},
        FieldFault{"forwarded_size", [](Program& p) { p.forwarded_parameters[1] = 1; }, "its parameter 1 has 16"},
        FieldFault{"forwarded_count", [](Program& p) { p.forwarded_parameters.pop_back(); }, "for 1"},
        FieldFault{"seed_type", [](Program& p) { p.parameters[1].type.dtype = DType::kS64; }, "no seed"},
        FieldFault{"seed_missing", [](Program& p) { p.parameters.pop_back(); }, "no seed"},
        FieldFault{"arena_size", [](Program& p) { p.arena_bytes = (1ull << 48) + 1; }, "The arena has"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Kernels, FaultyField,
    ::testing::Values(
        FieldFault{"short_code", [](Program& p) { ChangeKernel(p, [](Kernel& k) { k.spirv.resize(4); }); },
                   "Kernel 0 is not SPIR-V"},
        FieldFault{"no_workgroup", [](Program& p) { ChangeKernel(p, [](Kernel& k) { k.workgroup_size = 0; }); },
                   "a workgroup of 0"},
        FieldFault{"workgroup", [](Program& p) { ChangeKernel(p, [](Kernel& k) { k.workgroup_size = 65537; }); },
                   "a workgroup of 65537"},
        FieldFault{"buffers", [](Program& p) { ChangeKernel(p, [](Kernel& k) { k.num_buffers = 65537; }); },
                   "65537 buffers"},
        FieldFault{"params", [](Program& p) { ChangeKernel(p, [](Kernel& k) { k.num_params = 65537; }); },
                   "65537 params"},
        FieldFault{"hash", [](Program& p) { p.kernels[1].hash.high ^= 1; }, "hash of kernel 1"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Slots, FaultyField,
    ::testing::Values(
        FieldFault{"kind", [](Program& p) { p.slots[0].kind = static_cast<SlotKind>(4); }, "Slot 0 has no known kind"},
        FieldFault{"output_index", [](Program& p) { p.slots[kOutputSlot].index = 2; },
                   "Slot 2 has the index 2 where 2"},
        FieldFault{"constant_index", [](Program& p) { p.slots[kConstantSlot].index = 2; }, "Slot 3 has the index 2"},
        FieldFault{"constant_size", [](Program& p) { p.slots[kConstantSlot].index = 1; }, "takes 4 bytes at 0 of 0"},
        FieldFault{"arena_end", [](Program& p) { p.slots[kArenaSlot].offset_bytes = 400; }, "128 bytes at 400 of 512"},
        FieldFault{"parameter_end", [](Program& p) { p.slots[kParameterSlot].offset_bytes = 1; }, "at 1 of 128"},
        FieldFault{"arena_alignment", [](Program& p) { p.slots[kArenaSlot].offset_bytes = 264; }, "no multiple of 16"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Steps, FaultyField,
    ::testing::Values(
        FieldFault{"kind", [](Program& p) { p.steps[0].kind = static_cast<StepKind>(100); }, "'add' has no known kind"},
        FieldFault{"place", [](Program& p) { p.steps[0].place = 2; }, "place 2, but the program has 2"},
        FieldFault{"reason", [](Program& p) { p.steps[0].reason = 1; }, "reason 1, but the program has 1"},
        FieldFault{"kernel", [](Program& p) { p.steps[0].kernel = 2; }, "'add' runs kernel 2 of 2"},
        FieldFault{"no_segments", [](Program& p) { p.steps[kMergedStep].num_segments = 0; }, "has 0 segments"},
        FieldFault{"segments", [](Program& p) { p.steps[kDispatchStep].num_segments = 2; }, "has 2 segments"},
        FieldFault{"params", [](Program& p) { p.steps[kMergedStep].params.push_back(3); }, "3 params for 2 segments"},
        FieldFault{"buffers", [](Program& p) { p.steps[kMergedStep].buffers.pop_back(); }, "3 buffers"},
        FieldFault{"buffer_slot", [](Program& p) { p.steps[kMergedStep].buffers[3] = 4; }, "slot 4 of 4"},
        FieldFault{"first_segment", [](Program& p) { p.steps[kMergedStep].segment_starts[0] = 1; }, "do not rise"},
        FieldFault{"last_segment", [](Program& p) { p.steps[kMergedStep].workgroups = 4; }, "to its 4 workgroups"},
        FieldFault{"segment_starts", [](Program& p) { p.steps[kMergedStep].segment_starts.pop_back(); }, "do not rise"},
        FieldFault{"copy_source", [](Program& p) { p.steps[kCopyStep].slot_a = 4; }, "slot 4 of 4"},
        FieldFault{"copy_target", [](Program& p) { p.steps[kCopyStep].slot_b = 4; }, "slot 4 of 4"},
        FieldFault{"copy_to_constant", [](Program& p) { p.steps[kCopyStep].slot_b = kConstantSlot; }, "writes slot 3"},
        FieldFault{"copy_alignment",
                   [](Program& p) {
                     p.slots[kOutputSlot] = {SlotKind::kOutput, 0, 2, 126};
                     p.slots[kArenaSlot].size_bytes = 126;
                   },
                   "at byte 2, no multiple of 4"},
        FieldFault{"source_alignment",
                   [](Program& p) {
                     p.slots[kParameterSlot] = {SlotKind::kParameter, 0, 1, 127};
                     p.slots[kOutputSlot].size_bytes = 127;
                     p.steps[kCopyStep].slot_a = kParameterSlot;
                   },
                   "at byte 1, no multiple of 4"},
        FieldFault{"repeat_bodies", [](Program& p) { p.steps[kRepeatStep].bodies.clear(); }, "0 bodies, expected 1"},
        FieldFault{"while_bodies", [](Program& p) { p.steps[kWhileStep].bodies.push_back({}); },
                   "3 bodies, expected 2"},
        FieldFault{"while_slot", [](Program& p) { p.steps[kWhileStep].slot_a = 4; }, "slot 4 of 4"},
        FieldFault{"while_empty",
                   [](Program& p) {
                     p.slots.push_back({SlotKind::kConstant, 1, 0, 0});
                     p.steps[kWhileStep].slot_a = 4;
                   },
                   "reads 1 bytes of slot 4, which has 0"},
        FieldFault{"case_bodies", [](Program& p) { p.steps[kCaseStep].bodies.clear(); }, "0 bodies, expected 1"},
        FieldFault{"case_index", [](Program& p) { p.slots[kConstantSlot].size_bytes = 3; }, "reads 4 bytes of slot 3"},
        FieldFault{"case_alignment",
                   [](Program& p) {
                     p.slots.push_back({SlotKind::kParameter, 0, 6, 4});
                     p.steps[kCaseStep].slot_a = 4;
                   },
                   "at byte 6, no multiple of 4"},
        FieldFault{"send_slot", [](Program& p) { p.steps[kSendStep].slot_a = 4; }, "slot 4 of 4"},
        FieldFault{"recv_slot", [](Program& p) { p.steps[kRecvStep].slot_a = 4; }, "slot 4 of 4"},
        FieldFault{"recv_parameter", [](Program& p) { p.steps[kRecvStep].slot_a = kParameterSlot; }, "writes slot 0"},
        FieldFault{"in_a_loop", [](Program& p) { p.steps[kWhileStep].bodies[0][0].kernel = 9; }, "kernel 9 of 2"},
        FieldFault{"in_a_branch", [](Program& p) { p.steps[kCaseStep].bodies[0][0].slot_b = 7; }, "slot 7 of 4"},
        FieldFault{"in_a_loop_in_a_branch",
                   [](Program& p) { p.steps[kCaseStep].bodies[2][0].bodies[1][0].bodies[0][0].params.clear(); },
                   "0 params for 2 segments"}),
    [](const auto& info) { return info.param.name; });

TEST(Validate, AcceptsTheExtremesThatAreLegal) {
  Program program = FullProgram();
  program.arena_bytes = 1ull << 48;
  program.outputs.push_back({.type = {DType::kF32, {0, 1ll << 60, 1ll << 60}}});
  program.outputs.push_back({.type = {DType::kToken, {}}});
  program.forwarded_parameters = {-1, 0, -1, -1};
  program.slots.push_back({SlotKind::kArena, 0, (1ull << 48) - 16, 16});
  program.slots.push_back({SlotKind::kOutput, 2, 0, 0});
  program.steps[kMergedStep].segment_starts = {0, 3, 3};
  program.steps[kRepeatStep].count = 0;
  program.name.clear();
  EXPECT_TRUE(Validate(program).ok()) << Validate(program).message();
}

TEST(Validate, NestsThirtyTwoDeepAndNoDeeper) {
  Step step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{}}};
  for (int depth = 1; depth <= 40; ++depth) {
    Program program;
    program.steps = {step};
    EXPECT_EQ(Validate(program).ok(), depth <= 32) << depth;
    step = Step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{step}}};
  }
}

TEST(ValidProgram, CopiesShareItAndForgettingPlacesMakesAnother) {
  const ValidProgram program = *ValidProgram::Check(FullProgram());
  const ValidProgram copy = program;
  EXPECT_EQ(copy.shared(), program.shared());
  const ValidProgram placeless = program.WithoutPlaces();
  EXPECT_TRUE(placeless->places.empty());
  EXPECT_EQ(placeless->steps[kDispatchStep].place, kNoPlace);
  EXPECT_EQ(placeless->steps[kWhileStep].bodies[0][0].place, kNoPlace);
  EXPECT_TRUE(Validate(*placeless).ok());
  EXPECT_EQ(program->places.size(), 2u);
  EXPECT_EQ(program->steps[kWhileStep].bodies[0][0].place, 1u);
}

}  // namespace
}  // namespace dragoman::program::testing
