// SPDX-License-Identifier: Apache-2.0
#include "program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program/byte_form.h"

namespace dragoman::program {
namespace {

using ::testing::HasSubstr;

// p0 → kernel → arena → copy → output, with a loop around a segmented dispatch.
Program Example() {
  Program program;
  program.name = "example";
  const TensorType type{DType::kF32, {4, 8}};
  program.parameters = {{type}, {type}};
  program.outputs = {{type, 1}};
  program.forwarded_parameters = {-1};
  Kernel kernel;
  kernel.spirv = {0x07230203, 0x00010500, 0, 1, 0};
  kernel.workgroup_size = 64;
  kernel.num_buffers = 2;
  kernel.num_params = 1;
  kernel.hash = HashKernel(kernel);
  Kernel segmented = kernel;
  segmented.is_segmented = true;
  segmented.hash = HashKernel(segmented);
  program.kernels = {kernel, segmented};
  program.constants = {std::vector<std::byte>(4, std::byte{1})};
  program.arena_bytes = 512;
  program.slots = {{SlotKind::kParameter, 0, 0, 128},
                   {SlotKind::kArena, 0, 256, 128},
                   {SlotKind::kOutput, 0, 0, 128},
                   {SlotKind::kConstant, 0, 0, 4}};
  Step dispatch{.workgroups = 1, .buffers = {0, 1}, .params = {32}, .label = "add", .place = 1};
  program.places = {"a.py:1", "a.py:2 in add"};
  Step merged{.kernel = 1,
              .workgroups = 3,
              .num_segments = 2,
              .buffers = {0, 1, 0, 1},
              .params = {1, 2},
              .segment_starts = {0, 1, 3}};
  Step copy{.kind = StepKind::kCopy, .barrier_before = true, .slot_a = 1, .slot_b = 2};
  Step repeat{.kind = StepKind::kRepeat, .count = 3, .bodies = {{merged}}};
  Step choose{.kind = StepKind::kCase, .slot_a = 3, .bodies = {{}, {repeat}}};
  Step loop{.kind = StepKind::kWhile, .slot_a = 3, .bodies = {{dispatch}, {choose}}};
  program.steps = {dispatch, copy, loop};
  return program;
}

TEST(Program, ExampleIsValid) { EXPECT_TRUE(Validate(Example()).ok()) << Validate(Example()).message(); }

TEST(Program, SavedProgramLoadsToTheSameBytesAndText) {
  const Program program = Example();
  const auto loaded = Load(Save(program));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(Save(**loaded), Save(program));
  EXPECT_EQ(Print(**loaded), Print(program));
  EXPECT_EQ((*loaded)->steps[2].bodies[1][0].bodies[1][0].count, 3u);
  EXPECT_EQ((*loaded)->kernels[1].hash, program.kernels[1].hash);
}

TEST(Program, AValidOneHasTheHashesThatItLacked) {
  Program program = Example();
  const Hash128 hash = HashKernel(program.kernels[1]);
  program.kernels[1].hash = {};
  const auto valid = ValidProgram::Check(std::move(program));
  ASSERT_TRUE(valid.ok()) << valid.status().message();
  EXPECT_EQ((*valid)->kernels[1].hash, hash);
}

TEST(Program, StepsSayWhereTheyComeFrom) {
  Program program = Example();
  EXPECT_THAT(Print(program), HasSubstr("# add at a.py:2 in add\n"));
  program.steps[0].place = 2;
  EXPECT_EQ(Validate(program).message(), "A step has place 2, but the program has 2 places. In program example.");
}

TEST(Program, EveryAlteredByteIsNoticed) {
  const std::vector<std::byte> bytes = Save(Example());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> altered = bytes;
    altered[i] ^= std::byte{0x10};
    const auto loaded = Load(altered);
    EXPECT_EQ(loaded.status().code(), StatusCode::kInvalidArgument) << "byte " << i;
  }
}

TEST(Program, EveryPrefixIsRefusedAlsoUnderARightChecksum) {
  const std::vector<std::byte> bytes = Save(Example());
  const auto payload = Unseal(bytes);
  ASSERT_TRUE(payload.ok());
  for (size_t size = 0; size < payload->size(); ++size) {
    EXPECT_FALSE(Load(Seal(payload->first(size))).ok()) << size;
  }
}

TEST(Program, NewerVersionIsNamed) {
  std::vector<std::byte> bytes = Save(Example());
  bytes[8] = std::byte{99};
  EXPECT_THAT(Load(bytes).status().message(), HasSubstr("version 99"));
}

TEST(Program, KernelHashCoversEveryField) {
  Kernel kernel = Example().kernels[0];
  const Hash128 original = HashKernel(kernel);
  Kernel other = kernel;
  other.spirv[1] ^= 1;
  EXPECT_NE(HashKernel(other), original);
  other = kernel, other.workgroup_size = 32;
  EXPECT_NE(HashKernel(other), original);
  other = kernel, other.num_buffers = 3;
  EXPECT_NE(HashKernel(other), original);
  other = kernel, other.num_params = 3;
  EXPECT_NE(HashKernel(other), original);
  other = kernel, other.required_subgroup_size = 32;
  EXPECT_NE(HashKernel(other), original);
  other = kernel, other.is_segmented = true;
  EXPECT_NE(HashKernel(other), original);
}

struct Damage {
  const char* name;
  void (*apply)(Program&);
  const char* complaint;
};

class ValidateRefuses : public ::testing::TestWithParam<Damage> {};

TEST_P(ValidateRefuses, AndSaysWhy) {
  Program program = Example();
  GetParam().apply(program);
  const Status status = Validate(program);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().complaint));
  EXPECT_EQ(ValidProgram::Check(program).status().message(), status.message());
  EXPECT_FALSE(Load(Save(program)).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Program, ValidateRefuses,
    ::testing::Values(
        Damage{"kernel_index", [](Program& p) { p.steps[0].kernel = 2; }, "kernel 2 of 2"},
        Damage{"slot_index", [](Program& p) { p.steps[0].buffers[1] = 4; }, "slot 4 of 4"},
        Damage{"slot_size", [](Program& p) { p.slots[2].size_bytes = 132; }, "132 bytes at 0 of 128"},
        Damage{"slot_overflow", [](Program& p) { p.slots[2].offset_bytes = ~0ull - 3; }, "of 128"},
        Damage{"arena_alignment", [](Program& p) { p.slots[1].offset_bytes = 8; }, "multiple of 16"},
        Damage{"parameter_index", [](Program& p) { p.slots[0].index = 2; }, "index 2"},
        Damage{"copy_to_parameter", [](Program& p) { p.steps[1].slot_b = 0; }, "writes slot 0"},
        Damage{"copy_sizes", [](Program& p) { p.slots[1].size_bytes = 64; }, "64 bytes to a slot of 128"},
        Damage{"receive_constant", [](Program& p) { p.steps.push_back({.kind = StepKind::kRecv, .slot_a = 3}); },
               "writes slot 3"},
        Damage{"buffer_count", [](Program& p) { p.steps[0].buffers.push_back(0); }, "3 buffers"},
        Damage{"segment_order",
               [](Program& p) {
                 p.steps[2].bodies[1][0].bodies[1][0].bodies[0][0].segment_starts = {0, 4, 3};
               },
               "do not rise"},
        Damage{"while_bodies", [](Program& p) { p.steps[2].bodies.pop_back(); }, "1 bodies"},
        Damage{"alias_range", [](Program& p) { p.outputs[0].aliased_parameter = 2; }, "parameter 2 of 2"},
        Damage{"alias_size", [](Program& p) { p.parameters[1].type.dims = {4}; }, "its parameter 1 has 16"},
        Damage{"forwarded",
               [](Program& p) {
                 p.forwarded_parameters = {0, 0};
               },
               "forwarded"},
        Damage{"not_spirv", [](Program& p) { p.kernels[0].spirv[0] = 0; }, "not SPIR-V"},
        Damage{"stale_hash", [](Program& p) { p.kernels[0].num_params = 5; }, "hash of kernel 0"},
        Damage{"negative_extent", [](Program& p) { p.parameters[0].type.dims = {-1}; }, "negative extent"},
        Damage{"huge",
               [](Program& p) {
                 p.parameters[0].type.dims = {1ll << 40, 1ll << 40};
               },
               "larger than"}),
    [](const auto& info) { return info.param.name; });

TEST(Program, NestingIsBounded) {
  Program program = Example();
  Step step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{}}};
  for (int i = 0; i < 40; ++i) step = Step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{step}}};
  program.steps = {step};
  EXPECT_THAT(Validate(program).message(), HasSubstr("nested deeper"));
  EXPECT_FALSE(Load(Save(program)).ok());
}

TEST(Program, PrintShowsStepsSlotsAndBarriers) {
  const std::string text = Print(Example());
  EXPECT_THAT(text, HasSubstr("barrier\ncopy arena +256 [128] to output 0 +0 [128]"));
  EXPECT_THAT(text, HasSubstr("repeat 3 times"));
  EXPECT_THAT(text, HasSubstr("# add"));
  EXPECT_THAT(text, HasSubstr("output 0: tensor<4x8xf32>, may take parameter 1"));
}

}  // namespace
}  // namespace dragoman::program
