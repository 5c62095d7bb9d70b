// SPDX-License-Identifier: Apache-2.0
#include "element/staged_loop.h"

#include <gtest/gtest.h>

#include "element/launch.h"
#include "kernel/loop_bound.h"
#include "lower/group_testing.h"
#include "lower/limits_testing.h"

namespace dragoman::kernel {
namespace {

constexpr int kWalkers = 5;

TestGroup WalkGroup() {
  return TestGroup(Format("(%0: tensor<{0}xsi32>) {{ %1 = negate(%0) : tensor<{0}xsi32> return(%1) }}", kWalkers));
}

// Every invocation carries x = 3 x + step through `iterations` steps, from its own input on: the order shows.
StatusOr<StagedDispatch> EmitWalk(const TestGroup& test, const target::DeviceProfile& profile, int64_t iterations,
                                  int64_t stage, int first_temporary) {
  Builder b(profile);
  Elemental elemental(b, test.group);
  StagedLoop loop(elemental, iterations, stage, first_temporary);
  const V own = b.LocalIndex();
  loop.Begin(own);
  const std::vector<V> carried =
      loop.Run({elemental.Load(test.group.inputs[0], Index::FromLinear(own)).re},
               [&](V step, std::span<const V> c) { return std::vector<V>{b.IAdd(b.IMul(c[0], b.I32(3)), step)}; });
  loop.Finish(carried, [&] { elemental.Store(test.group.outputs[0], Index::FromLinear(own), {carried[0], {}}); });
  return StagedDispatch{FinishDispatch(std::move(b), elemental, kWalkers, 1, "walk"), loop.memory()};
}

Number Walked(int64_t start, int64_t iterations) {
  auto x = static_cast<uint32_t>(start);
  for (int64_t i = 0; i < iterations; ++i) x = x * 3 + static_cast<uint32_t>(i);
  return static_cast<double>(static_cast<int32_t>(x));
}

TEST(StagedLoop, WalksInOrderWhateverTheLimit) {
  for (const int limit : {40, 41, 50, 100, 1000}) {
    for (const int64_t iterations : {1, 2, 3, 19, 20, 21, 64, 100, 401}) {
      SCOPED_TRACE(Format("{} iterations of {}", iterations, limit));
      target::DeviceProfile profile = VectorProfile();
      profile.max_loop_iterations = limit;
      TestGroup test = WalkGroup();
      test.SetInput(0, {0, 1, -2, 7, 100});
      LoweredGroup lowered;
      const Status status = AppendStages(lowered, profile, iterations, [&](int64_t stage, int first_temporary) {
        return EmitWalk(test, profile, iterations, stage, first_temporary);
      });
      ASSERT_TRUE(status.ok()) << status.message();
      ExpectWithinLimits(lowered, profile);
      const auto count = static_cast<int64_t>(lowered.dispatches.size());
      const int64_t stage = count > 1 ? lowered.dispatches[1].params[0] : iterations;
      EXPECT_LT((count - 1) * stage, iterations);
      EXPECT_GE(count * stage, iterations);
      for (int64_t i = 0; i < count; ++i) {
        EXPECT_TRUE(FitsLoopLimit(lowered.dispatches[i].kernel, profile));
        EXPECT_EQ(lowered.dispatches[i].params, std::vector<uint32_t>{static_cast<uint32_t>(i * stage)});
      }
      ASSERT_EQ(lowered.temporaries, std::vector<int64_t>{kWalkers * 4});
      const Status run = RunLoweredGroup(lowered, test.memory);
      ASSERT_TRUE(run.ok()) << run.message();
      const double starts[] = {0, 1, -2, 7, 100};
      test.Expect(0, [&](const Dims& at) { return Walked(static_cast<int64_t>(starts[at[0]]), iterations); });
    }
  }
}

TEST(StagedLoop, TemporariesFollowThoseThatAreThere) {
  target::DeviceProfile profile = VectorProfile();
  profile.max_loop_iterations = 60;
  TestGroup test = WalkGroup();
  test.SetInput(0, {1, 2, 3, 4, 5});
  LoweredGroup lowered;
  lowered.temporaries = {12, 8};
  ASSERT_TRUE(AppendStages(lowered, profile, 200, [&](int64_t stage, int first_temporary) {
                EXPECT_EQ(first_temporary, 2);
                return EmitWalk(test, profile, 200, stage, first_temporary);
              }).ok());
  EXPECT_EQ(lowered.temporaries, (std::vector<int64_t>{12, 8, 20}));
  ASSERT_TRUE(RunLoweredGroup(lowered, test.memory).ok());
  test.Expect(0, [&](const Dims& at) { return Walked(at[0] + 1, 200); });
}

TEST(StagedLoop, CountsStepsBelowTwoTo31) {
  target::DeviceProfile profile = VectorProfile();
  profile.max_loop_iterations = 1 << 30;
  const TestGroup test = WalkGroup();
  for (const auto& [iterations, is_refused] : {std::pair{(int64_t{1} << 31) - 1, false}, {int64_t{1} << 31, true}}) {
    LoweredGroup lowered;
    const Status status = AppendStages(lowered, profile, iterations, [&, count = iterations](int64_t stage, int first) {
      return EmitWalk(test, profile, count, stage, first);
    });
    EXPECT_EQ(status.ok(), !is_refused);
    if (!is_refused) continue;
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
    EXPECT_NE(status.message().find("2147483648"), std::string::npos) << status.message();
    EXPECT_TRUE(lowered.dispatches.empty());
  }
}

TEST(StagedLoop, KeepsEveryMachineTypeInMemoryOfItsOwn) {
  const std::pair<KType, DType> rows[] = {{KType::kBool, DType::kPred}, {KType::kI32, DType::kS32},
                                          {KType::kI64, DType::kS64},   {KType::kF16, DType::kF16},
                                          {KType::kF32, DType::kF32},   {KType::kF64, DType::kF64}};
  for (const auto& [type, memory] : rows) {
    EXPECT_EQ(MemoryOf(type), memory);
    EXPECT_EQ(LoadedType(memory, /*has_float16=*/true), type);
  }
  EXPECT_EQ(MemoryOf(KType::kMatrixA), DType::kToken);
}

}  // namespace
}  // namespace dragoman::kernel
