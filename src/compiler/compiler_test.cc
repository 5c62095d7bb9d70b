// SPDX-License-Identifier: Apache-2.0
// What the compiler promises of the programs it makes, read off the programs; no device.
#include "compiler/compiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/format.h"
#include "compiler/storage.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

using program::SlotKind;
using program::Step;
using program::StepKind;

target::DeviceProfile Profile() {
  target::DeviceProfile profile;
  profile.int64 = profile.int8 = profile.int16 = profile.storage8 = profile.storage16 = true;
  return profile;
}

program::Program CompileText(const std::string& text) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  auto program = CompileModule(*std::move(module), Profile(), {});
  EXPECT_TRUE(program.ok()) << program.status().message();
  EXPECT_TRUE(Validate(*program).ok()) << Validate(*program).message();
  return *std::move(program);
}

int Count(const std::vector<Step>& steps, StepKind kind) {
  int count = 0;
  for (const Step& step : steps) {
    count += step.kind == kind ? 1 : 0;
    for (const auto& body : step.bodies) count += Count(body, kind);
  }
  return count;
}

// Two tensors updated alike from donated parameters, as an optimizer does.
constexpr const char* kUpdates = R"(
  (%w: tensor<1000xf32> {aliased_output = 0}, %v: tensor<40xf32> {aliased_output = 1}, %g: tensor<1000xf32>, %h: tensor<40xf32>) {
  %a = subtract(%w, %g) : tensor<1000xf32>
  %b = subtract(%v, %h) : tensor<40xf32>
  return(%a, %b)
})";

TEST(Compile, RunsEqualUpdatesAsOneDispatch) {
  const program::Program program = CompileText(kUpdates);
  ASSERT_EQ(program.steps.size(), 1u) << program::Print(program);
  EXPECT_EQ(program.steps[0].num_segments, 2u);
  EXPECT_EQ(program.kernels.size(), 1u);
  EXPECT_EQ(program.steps[0].segment_starts.back(), program.steps[0].workgroups);
}

// The spread of each row of `dims`, beside what a reverse of it says.
program::Program CompileSpread(int64_t rows, int64_t columns) {
  return CompileText(Format(R"((%x: tensor<{0}x{1}xf32>) {{
    %0 = constant() {{value = dense<0>}} : tensor<f32>
    %sum = reduce(%x, %0) {{dimensions = [1]}} : tensor<{0}xf32> (%a: tensor<f32>, %b: tensor<f32>) {{
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }}
    %n = constant() {{value = dense<{1}>}} : tensor<{0}xf32>
    %mean = divide(%sum, %n) : tensor<{0}xf32>
    %m = broadcast_in_dim(%mean) {{broadcast_dimensions = [0]}} : tensor<{0}x{1}xf32>
    %r = reverse(%x) {{dimensions = [1]}} : tensor<{0}x{1}xf32>
    %d = subtract(%r, %m) : tensor<{0}x{1}xf32>
    return(%d)
  }})",
                            rows, columns));
}

std::vector<Hash128> KernelHashes(const program::Program& program) {
  std::vector<Hash128> hashes;
  for (const program::Kernel& kernel : program.kernels) hashes.push_back(kernel.hash);
  return hashes;
}

TEST(Compile, SharesKernelsBetweenSmallProgramsOfOtherLengths) {
  const auto kernels = KernelHashes(CompileSpread(43, 150));
  EXPECT_EQ(kernels, KernelHashes(CompileSpread(57, 150)));
  EXPECT_EQ(kernels, KernelHashes(CompileSpread(43, 154)));
  EXPECT_NE(kernels, KernelHashes(CompileSpread(43, 1500))) << "another plan";
}

TEST(Compile, WritesTheLengthsOfLargeProgramsIntoTheirKernels) {
  EXPECT_NE(KernelHashes(CompileSpread(14300, 150)), KernelHashes(CompileSpread(14300, 151)));
}

TEST(Compile, LetsUpdatesTakeTheirDonatedParametersMemory) {
  const program::Program program = CompileText(kUpdates);
  EXPECT_EQ(program.outputs[0].aliased_parameter, 0);
  EXPECT_EQ(program.outputs[1].aliased_parameter, 1);
}

TEST(Compile, RefusesDonationWhenTheParameterIsReadElsewhereInPlace) {
  // Element i of the result needs element n-1-i of the parameter: writing over it would lose it.
  const program::Program program = CompileText(R"((%w: tensor<1000xf32> {aliased_output = 0}) {
    %r = reverse(%w) {dimensions = [0]} : tensor<1000xf32>
    %a = add(%r, %w) : tensor<1000xf32>
    return(%a)
  })");
  EXPECT_EQ(program.outputs[0].aliased_parameter, -1);
}

TEST(Compile, UpdatesFromNeighboursDoNotOverwriteWhatTheyRead) {
  std::string text = R"((%0: tensor<1000xf32>) { %one = constant() {value = dense<1>} : tensor<si32> )";
  for (int i = 0; i < 4; ++i) {
    text += Format(
        "%l{0} = slice(%{0}) {{start_indices = [0], limit_indices = [998], strides = [1]}} : tensor<998xf32> "
        "%r{0} = slice(%{0}) {{start_indices = [2], limit_indices = [1000], strides = [1]}} : tensor<998xf32> "
        "%s{0} = add(%l{0}, %r{0}) : tensor<998xf32> "
        "%{1} = dynamic_update_slice(%{0}, %s{0}, %one) : tensor<1000xf32> ",
        i, i + 1);
  }
  const program::Program program = CompileText(text + "return(%4) }");
  for (const Step& step : program.steps) {
    if (step.kind != StepKind::kDispatch) continue;
    std::vector<uint32_t> buffers = step.buffers;
    std::sort(buffers.begin(), buffers.end());
    EXPECT_EQ(std::adjacent_find(buffers.begin(), buffers.end()), buffers.end()) << program::Print(program);
  }
}

TEST(Compile, RefusesDonationWhenTheParameterIsReadLater) {
  const program::Program program = CompileText(R"((%w: tensor<64x8xf32> {aliased_output = 0}, %x: tensor<8x8xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %a = add(%w, %w) : tensor<64x8xf32>
    %s = reduce(%a, %zero) {dimensions = [0]} : tensor<8xf32> (%p: tensor<f32>, %q: tensor<f32>) {
      %r = add(%p, %q) : tensor<f32>
      return(%r)
    }
    %t = broadcast_in_dim(%s) {broadcast_dimensions = [1]} : tensor<64x8xf32>
    %u = multiply(%t, %w) : tensor<64x8xf32>
    return(%a, %u)
  })");
  const bool early_write_is_delayed = program.outputs[0].aliased_parameter == -1 || program.steps.size() > 1;
  EXPECT_TRUE(early_write_is_delayed) << program::Print(program);
}

TEST(Compile, GivesAnIdentityProgramNoKernel) {
  const program::Program program = CompileText("(%x: tensor<5xf32>) { return(%x) }");
  EXPECT_TRUE(program.kernels.empty());
  EXPECT_TRUE(program.steps.empty());
  EXPECT_EQ(program.forwarded_parameters[0], 0);
}

TEST(Compile, CopiesAResultThatIsReturnedTwice) {
  const program::Program program = CompileText(R"((%x: tensor<5xf32>) {
    %y = negate(%x) : tensor<5xf32>
    return(%y, %y)
  })");
  EXPECT_EQ(Count(program.steps, StepKind::kCopy), 1);
}

TEST(Compile, UsesOneKernelForAllShapesOfAStreamingLoop) {
  const auto kernel_of = [](const char* text) { return CompileText(text).kernels.at(0).hash; };
  EXPECT_EQ(kernel_of("(%x: tensor<1000xf32>) { %y = tanh(%x) : tensor<1000xf32> return(%y) }"),
            kernel_of("(%x: tensor<16x64xf32>) { %y = tanh(%x) : tensor<16x64xf32> return(%y) }"));
}

TEST(Compile, KeepsALoopsArraysInPlace) {
  // A row of the carried array is written in each iteration; copying the array would make the loop quadratic.
  const program::Program program = CompileText(R"((%init: tensor<100x8xf32>, %x: tensor<8xf32>) {
    %zero = constant() {value = dense<0>} : tensor<si32>
    %end = constant() {value = dense<100>} : tensor<si32>
    %one = constant() {value = dense<1>} : tensor<si32>
    %n, %rows = while(%zero, %init) : tensor<si32>, tensor<100x8xf32> (%i: tensor<si32>, %a: tensor<100x8xf32>) {
      %c = compare(%i, %end) {comparison_direction = 5, compare_type = 3} : tensor<i1>
      return(%c)
    } (%j: tensor<si32>, %b: tensor<100x8xf32>) {
      %t = tanh(%x) : tensor<8xf32>
      %f = convert(%j) : tensor<f32>
      %g = broadcast_in_dim(%f) {broadcast_dimensions = []} : tensor<8xf32>
      %s = power(%t, %g) : tensor<8xf32>
      %r = reshape(%s) : tensor<1x8xf32>
      %u = dynamic_update_slice(%b, %r, %j, %zero) : tensor<100x8xf32>
      %k = add(%j, %one) : tensor<si32>
      return(%k, %u)
    }
    return(%rows)
  })");
  const auto is_loop = [](const Step& step) { return step.kind == StepKind::kRepeat || step.kind == StepKind::kWhile; };
  for (const Step& step : program.steps) {
    if (!is_loop(step)) continue;
    EXPECT_EQ(Count(step.bodies.back(), StepKind::kCopy), 0) << program::Print(program);
  }
}

TEST(Compile, ALoopWritesItsCarriedMemoryWhenAllThatLivedThereWasRead) {
  // The update leaves its result where the argument was; what is reversed must not be written there meanwhile.
  const program::Program program = CompileText(R"((%init: tensor<5000xf32>, %n: tensor<si32>) {
    %zero = constant() {value = dense<0>} : tensor<si32>
    %one = constant() {value = dense<1>} : tensor<si32>
    %k, %r = while(%zero, %init) : tensor<si32>, tensor<5000xf32> (%i: tensor<si32>, %a: tensor<5000xf32>) {
      %c = compare(%i, %n) {comparison_direction = 5, compare_type = 3} : tensor<i1>
      return(%c)
    } (%j: tensor<si32>, %b: tensor<5000xf32>) {
      %f = convert(%j) : tensor<f32>
      %v = reshape(%f) : tensor<1xf32>
      %u = dynamic_update_slice(%b, %v, %j) : tensor<5000xf32>
      %w = reverse(%u) {dimensions = [0]} : tensor<5000xf32>
      %m = add(%j, %one) : tensor<si32>
      return(%m, %w)
    }
    return(%r)
  })");
  const auto loop = std::find_if(program.steps.begin(), program.steps.end(),
                                 [](const Step& step) { return step.kind == StepKind::kWhile; });
  ASSERT_NE(loop, program.steps.end());
  bool has_reverse = false;
  for (const Step& step : loop->bodies.back()) {
    if (step.kind != StepKind::kDispatch || step.label.find("5000") == std::string::npos) continue;
    if (step.label.find("loop") == std::string::npos) continue;
    has_reverse = true;
    EXPECT_NE(step.buffers.front(), step.buffers.back()) << program::Print(program);
  }
  EXPECT_TRUE(has_reverse) << program::Print(program);
}

// Some devices allow more invocations in a workgroup than along its x, where all of ours lie.
TEST(Compile, NoWorkgroupIsWiderThanTheDeviceAllows) {
  const auto read = target::LoadProfile("tests/profiles/adreno740.json");
  ASSERT_TRUE(read.ok()) << read.status().message();
  ASSERT_LT(read->max_workgroup_size[0], static_cast<uint32_t>(read->max_workgroup_invocations));
  auto module = ir::Parse(
      "module @m func public @main"
      R"((%a: tensor<8193xf32>, %inf: tensor<f32>) {
    %c = negate(%a) : tensor<8193xf32>
    %m = reduce(%c, %inf) {dimensions = [0]} : tensor<f32> (%l: tensor<f32>, %r: tensor<f32>) {
      %x = minimum(%l, %r) : tensor<f32>
      return(%x)
    }
    return(%c, %m)
  })");
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto program = CompileModule(*std::move(module), *read, {});
  EXPECT_TRUE(program.ok()) << program.status().message();
}

TEST(Compile, AReshapeBeforeAProductIsAView) {
  const program::Program program = CompileText(R"((%x: tensor<8x32xf32>, %w: tensor<32x2x16xf32>) {
    %r = reshape(%w) : tensor<32x32xf32>
    %d = dot_general(%x, %r) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1],
      rhs_contracting_dimensions = [0], precision = 0} : tensor<8x32xf32>
    return(%d)
  })");
  EXPECT_EQ(Count(program.steps, StepKind::kDispatch), 1) << program::Print(program);
  EXPECT_EQ(Count(program.steps, StepKind::kCopy), 0) << program::Print(program);
}

TEST(Compile, AViewOfAParameterKeepsItsMemoryFromBeingWritten) {
  const program::Program program =
      CompileText(R"((%x: tensor<32x32xf32>, %w: tensor<32x2x16xf32> {aliased_output = 0}) {
    %r = reshape(%w) : tensor<32x32xf32>
    %d = dot_general(%x, %r) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1],
      rhs_contracting_dimensions = [0], precision = 0} : tensor<32x32xf32>
    return(%d)
  })");
  EXPECT_EQ(program.outputs[0].aliased_parameter, -1) << program::Print(program);
}

TEST(Compile, MakesTheSameProgramTwice) {
  EXPECT_EQ(program::Save(CompileText(kUpdates)), program::Save(CompileText(kUpdates)));
}

TEST(Compile, NamesWhatItDoesNotSupport) {
  auto module = ir::Parse(R"(module @m func public @main(%x: tensor<4xf32>) {
    %y = custom_call(%x) {call_target_name = "no_such_call", backend_config = "", has_side_effect = 0} : tensor<4xf32>
    return(%y)
  })");
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto program = CompileModule(*std::move(module), Profile(), {});
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), StatusCode::kUnimplemented);
  EXPECT_NE(program.status().message().find("no_such_call"), std::string::npos);
}

TEST(PlaceInArena, NeverOverlapsStoragesThatLiveAtTheSameTime) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<Storage> storages(60);
    uint64_t total = 0;
    for (Storage& storage : storages) {
      storage.size_bytes = random() % 5000;
      storage.first = static_cast<int>(random() % 100);
      storage.last = storage.first + static_cast<int>(random() % 20);
      total += storage.size_bytes + 256;
    }
    const uint64_t arena_bytes = PlaceInArena(storages, 2ull << 30);
    EXPECT_LE(arena_bytes, total);
    for (size_t i = 0; i < storages.size(); ++i) {
      const Storage& a = storages[i];
      EXPECT_EQ(a.offset_bytes % 256, 0u);
      EXPECT_LE(a.offset_bytes + a.size_bytes, arena_bytes);
      for (size_t j = 0; j < i; ++j) {
        const Storage& b = storages[j];
        const bool meet_in_time = a.first <= b.last && b.first <= a.last;
        const bool meet_in_memory =
            a.offset_bytes < b.offset_bytes + b.size_bytes && b.offset_bytes < a.offset_bytes + a.size_bytes;
        EXPECT_FALSE(meet_in_time && meet_in_memory);
      }
    }
  }
}

TEST(PlaceInArena, LaysNoStorageAcrossSectionsThatItFitsInto) {
  constexpr uint64_t kSection = 4096;
  std::mt19937 random(11);
  std::vector<Storage> storages(40);
  for (Storage& storage : storages) {
    storage.size_bytes = random() % kSection + 1;
    storage.first = 0;
    storage.last = 1;
  }
  storages[7].size_bytes = 3 * kSection + 1;
  EXPECT_GT(PlaceInArena(storages, kSection), 8 * kSection);
  for (const Storage& storage : storages) {
    const uint64_t in_section = storage.offset_bytes % kSection;
    EXPECT_TRUE(in_section == 0 || in_section + storage.size_bytes <= kSection) << storage.offset_bytes;
  }
}

}  // namespace
}  // namespace dragoman::compiler
