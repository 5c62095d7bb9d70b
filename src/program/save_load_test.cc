// SPDX-License-Identifier: Apache-2.0
// Saved programs: every field comes back, and damage of any of them is refused or read as what stands there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "program/byte_form.h"
#include "program/testing.h"

namespace dragoman::program::testing {
namespace {

using Bytes = std::vector<std::byte>;

Bytes PayloadOf(const Program& program) {
  const Bytes bytes = Save(program);
  const auto payload = *Unseal(bytes);
  return {payload.begin(), payload.end()};
}

// Under a checksum that is right. Nothing is read as something else than what stands there, and nothing gets through
// that is not valid.
void ExpectRefusedOrReadAsItIs(const Bytes& payload) {
  const Bytes sealed = Seal(payload);
  const StatusOr<ValidProgram> loaded = Load(sealed);
  if (!loaded.ok()) {
    EXPECT_EQ(loaded.status().code(), StatusCode::kInvalidArgument) << loaded.status().message();
    return;
  }
  EXPECT_TRUE(Validate(**loaded).ok());
  EXPECT_TRUE(Save(**loaded) == sealed);
}

TEST(SavedProgram, IsTheSameProgramWhenItIsLoaded) {
  const Program program = FullProgram();
  const auto loaded = Load(Save(program));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(Print(**loaded), Print(program));
  EXPECT_EQ(Save(**loaded), Save(program));
  const auto nothing = Load(Save(Program()));
  ASSERT_TRUE(nothing.ok()) << nothing.status().message();
  EXPECT_EQ(Save(**nothing), Save(Program()));
}

struct FieldChange {
  const char* name;
  void (*apply)(Program&);
};
class SavedField : public ::testing::TestWithParam<FieldChange> {};

// A field that is not saved would leave two programs of one form.
TEST_P(SavedField, ComesBack) {
  Program program = FullProgram();
  GetParam().apply(program);
  for (Kernel& kernel : program.kernels) kernel.hash = HashKernel(kernel);
  EXPECT_NE(Save(program), Save(FullProgram()));
  const auto loaded = Load(Save(program));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(Save(**loaded), Save(program));
}

INSTANTIATE_TEST_SUITE_P(
    Program, SavedField,
    ::testing::Values(FieldChange{"name", [](Program& p) { p.name = "other"; }},
                      FieldChange{"parameter_dtype", [](Program& p) { p.parameters[0].type.dtype = DType::kS32; }},
                      FieldChange{"parameter_dims", [](Program& p) { p.parameters[0].type.dims = {32}; }},
                      FieldChange{"parameter_is_donor", [](Program& p) { p.parameters[0].is_donor = false; }},
                      FieldChange{"output_alias", [](Program& p) { p.outputs[0].aliased_parameter = -1; }},
                      FieldChange{"output_start", [](Program& p) { p.outputs[0].starts_as_parameter = true; }},
                      FieldChange{"output_space", [](Program& p) { p.outputs[1].space = MemorySpace::kUnpinnedHost; }},
                      FieldChange{"spirv", [](Program& p) { p.kernels[0].spirv.push_back(7); }},
                      FieldChange{"workgroup_size", [](Program& p) { p.kernels[0].workgroup_size = 65536; }},
                      FieldChange{"required_subgroup_size",
                                  [](Program& p) { p.kernels[0].required_subgroup_size = 0; }},
                      FieldChange{"constant", [](Program& p) { p.constants[1].resize(3); }},
                      FieldChange{"slot_offset", [](Program& p) { p.slots[kArenaSlot].offset_bytes = 384; }},
                      FieldChange{"steps", [](Program& p) { p.steps.pop_back(); }},
                      FieldChange{"barrier", [](Program& p) { p.steps[kDispatchStep].barrier_before = false; }},
                      FieldChange{"workgroups", [](Program& p) { p.steps[kDispatchStep].workgroups = 0; }},
                      FieldChange{"buffers", [](Program& p) { p.steps[kDispatchStep].buffers[0] = kConstantSlot; }},
                      FieldChange{"params", [](Program& p) { p.steps[kDispatchStep].params[0] = ~0u; }},
                      FieldChange{"segment_starts", [](Program& p) { p.steps[kMergedStep].segment_starts[1] = 0; }},
                      FieldChange{"step_flops", [](Program& p) { p.steps[kDispatchStep].flops = 0; }},
                      FieldChange{"step_bytes", [](Program& p) { p.steps[kDispatchStep].bytes = 0; }},
                      FieldChange{"reason", [](Program& p) { p.steps[kDispatchStep].reason = kNoReason; }},
                      FieldChange{"reasons", [](Program& p) { p.reasons.emplace_back(); }},
                      FieldChange{"copy_source", [](Program& p) { p.steps[kCopyStep].slot_a = kParameterSlot; }},
                      FieldChange{"copy_target", [](Program& p) { p.steps[kCopyStep].slot_b = kArenaSlot; }},
                      FieldChange{"repeat_count", [](Program& p) { p.steps[kRepeatStep].count = ~0ull; }},
                      FieldChange{"nested_step", [](Program& p) { p.steps[kWhileStep].bodies[1][0].count = 7; }},
                      FieldChange{"branches", [](Program& p) { p.steps[kCaseStep].bodies.pop_back(); }},
                      FieldChange{"channel", [](Program& p) { p.steps[kSendStep].channel_id = -1; }},
                      FieldChange{"label", [](Program& p) { p.steps[kDispatchStep].label.clear(); }},
                      FieldChange{"place", [](Program& p) { p.steps[kDispatchStep].place = kNoPlace; }},
                      FieldChange{"places", [](Program& p) { p.places[0] += "0"; }},
                      FieldChange{"source_places", [](Program& p) { p.source_places.high = 0; }},
                      FieldChange{"arena", [](Program& p) { p.arena_bytes = 1024; }},
                      FieldChange{"seed", [](Program& p) { p.has_random_seed = false; }},
                      FieldChange{"forwarded", [](Program& p) { p.forwarded_parameters.clear(); }},
                      FieldChange{"flops", [](Program& p) { p.flops = -0.0; }},
                      FieldChange{"bytes_accessed", [](Program& p) { p.bytes_accessed = 1e300; }}),
    [](const auto& info) { return info.param.name; });

TEST(DamagedProgram, EveryByteMayTakeAnyOfTheWorstValues) {
  const Bytes payload = PayloadOf(FullProgram());
  for (size_t i = 0; i < payload.size(); ++i) {
    const auto before = static_cast<uint8_t>(payload[i]);
    for (const int value : {0, 1, 2, 0x7f, 0x80, 0xff, before ^ 1, before ^ 0x80, before + 1, before - 1}) {
      Bytes damaged = payload;
      damaged[i] = static_cast<std::byte>(value);
      ExpectRefusedOrReadAsItIs(damaged);
      if (HasFailure()) FAIL() << "byte " << i << " as " << value;
    }
  }
}

TEST(DamagedProgram, EveryWordMayBecomeHuge) {
  const Bytes payload = PayloadOf(FullProgram());
  for (size_t i = 0; i + 8 <= payload.size(); ++i) {
    for (const uint64_t value : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 40, uint64_t{payload.size()}}) {
      Bytes damaged = payload;
      std::memcpy(damaged.data() + i, &value, sizeof(value));
      ExpectRefusedOrReadAsItIs(damaged);
      if (HasFailure()) FAIL() << value << " at byte " << i;
    }
  }
}

TEST(DamagedProgram, EveryByteMayBeMissingOrDoubled) {
  const Bytes payload = PayloadOf(FullProgram());
  for (size_t i = 0; i < payload.size(); ++i) {
    Bytes damaged = payload;
    damaged.erase(damaged.begin() + static_cast<ptrdiff_t>(i));
    ExpectRefusedOrReadAsItIs(damaged);
    damaged = payload;
    damaged.insert(damaged.begin() + static_cast<ptrdiff_t>(i), payload[i]);
    ExpectRefusedOrReadAsItIs(damaged);
    if (HasFailure()) FAIL() << "byte " << i;
  }
}

TEST(DamagedProgram, PartsOfItMayStandElsewhere) {
  const Bytes payload = PayloadOf(FullProgram());
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    Bytes damaged = payload;
    for (uint32_t i = 0, count = 1 + random() % 3; i < count; ++i) {
      const size_t size = 1 + random() % 24;
      const size_t from = random() % (payload.size() - size), to = random() % (payload.size() - size);
      std::memcpy(damaged.data() + to, payload.data() + from, size);
    }
    ExpectRefusedOrReadAsItIs(damaged);
    if (HasFailure()) FAIL() << "round " << round;
  }
}

TEST(DamagedProgram, StepsWithinStepsEndSomewhere) {
  Step step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{}}};
  for (int i = 0; i < 1000; ++i) step = Step{.kind = StepKind::kRepeat, .count = 1, .bodies = {{std::move(step)}}};
  Program program;
  program.steps = {std::move(step)};
  EXPECT_THAT(Load(Save(program)).status().message(), ::testing::HasSubstr("malformed"));
}

struct HeaderDamage {
  size_t byte;
  const char* complaint;
};

TEST(DamagedProgram, ItsHeaderSaysWhatIsWrong) {
  const Bytes bytes = Save(FullProgram());
  for (const auto& [byte, complaint] : {HeaderDamage{0, "not a saved program"},
                                        {7, "not a saved program"},
                                        {8, "this library reads version"},
                                        {12, "this library reads version"},
                                        {16, "bytes after its header"},
                                        {24, "checksum"},
                                        {39, "checksum"}}) {
    Bytes damaged = bytes;
    damaged[byte] ^= std::byte{1};
    EXPECT_THAT(Load(damaged).status().message(), ::testing::HasSubstr(complaint)) << byte;
  }
  EXPECT_THAT(Load({}).status().message(), ::testing::HasSubstr("0 bytes, fewer than its header of 40"));
  Bytes longer = bytes;
  longer.push_back({});
  EXPECT_THAT(Load(longer).status().message(), ::testing::HasSubstr("bytes after its header"));
}

}  // namespace
}  // namespace dragoman::program::testing
