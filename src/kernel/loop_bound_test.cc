// SPDX-License-Identifier: Apache-2.0
#include "kernel/loop_bound.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "kernel/builder.h"
#include "kernel/interpreter.h"

namespace dragoman::kernel {
namespace {

class LoopBoundTest : public testing::Test {
 protected:
  target::DeviceProfile profile;
  Builder b{profile};

  void Loop(
      int64_t iterations, const Builder::Body& body = [] {}) {
    b.ForEach(b.I32(0), b.I32(iterations), b.I32(1), [&](V) { body(); });
  }
  int64_t Bound() { return LoopIterations(std::move(b).Finish(8)); }
};

TEST_F(LoopBoundTest, CountsTheTestThatEndsALoop) {
  Loop(10);
  EXPECT_EQ(Bound(), 11);
}

TEST_F(LoopBoundTest, AddsLoopsThatFollowAndMultipliesNestedOnes) {
  Loop(10);
  Loop(3, [&] { Loop(5); });
  // 3 times 5 + 1, the 3 + 1 of the outer, and the inner once more when all have left.
  EXPECT_EQ(Bound(), 11 + 3 * 6 + 4 + 1);
}

TEST_F(LoopBoundTest, CountsBothSidesOfAnIf) {
  b.If(
      b.ULt(b.LocalIndex(), b.I32(3)), [&] { Loop(10); }, [&] { Loop(20); });
  EXPECT_EQ(Bound(), 11 + 21);
}

TEST_F(LoopBoundTest, TakesWhatALoopStates) {
  b.ForEach({b.LocalIndex(), b.I32(100), b.I32(8), 13}, [](V) {});
  b.While(
      7, {b.LocalIndex()}, [&](std::span<const V> c) { return b.ULt(c[0], b.I32(7)); },
      [&](std::span<const V> c) { return std::vector<V>{b.IAdd(c[0], b.I32(1))}; });
  EXPECT_EQ(Bound(), 14 + 8);
}

TEST_F(LoopBoundTest, KnowsNothingOfALoopThatStatesNothing) {
  Loop(4, [&] { b.ForEach(b.I32(0), b.LocalIndex(), b.I32(1), [](V) {}); });
  EXPECT_EQ(Bound(), kUnknownIterations);
}

TEST_F(LoopBoundTest, DoesNotOverflow) {
  Loop(2000000000, [&] { Loop(2000000000, [&] { Loop(2000000000); }); });
  EXPECT_EQ(Bound(), kUnknownIterations);
}

TEST_F(LoopBoundTest, VerifyRefusesWhatGoesBeyondTheDevicesLimit) {
  Loop(99);
  const Kernel kernel = std::move(b).Finish(8);
  profile.max_loop_iterations = 100;
  EXPECT_TRUE(Verify(kernel, profile).ok());
  profile.max_loop_iterations = 99;
  const Status status = Verify(kernel, profile);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("up to 100 times"), std::string::npos) << status.message();
  profile.max_loop_iterations = 0;
  EXPECT_TRUE(Verify(kernel, profile).ok());
}

TEST_F(LoopBoundTest, VerifyRefusesLoopsThatStateNothingOnlyWhereThereIsALimit) {
  b.ForEach(b.I32(0), b.LocalIndex(), b.I32(1), [](V) {});
  const Kernel kernel = std::move(b).Finish(8);
  EXPECT_TRUE(Verify(kernel, profile).ok());
  profile.max_loop_iterations = 65535;
  const Status status = Verify(kernel, profile);
  EXPECT_NE(status.message().find("does not say"), std::string::npos) << status.message();
}

TEST_F(LoopBoundTest, SegmentsAreSearchedInALoop) {
  b.SetSegmented();
  EXPECT_EQ(Bound(), 33);
}

TEST_F(LoopBoundTest, TheInterpreterEnforcesTheLimitOverAllLoops) {
  Loop(50);
  Loop(48);
  const Kernel kernel = std::move(b).Finish(8);
  InterpretOptions options;
  options.max_loop_iterations = 100;
  EXPECT_TRUE(Interpret(kernel, {}, {}, 3, options).ok());
  options.max_loop_iterations = 99;
  const Status status = Interpret(kernel, {}, {}, 3, options);
  EXPECT_NE(status.message().find("99 iterations are spent"), std::string::npos) << status.message();
}

TEST_F(LoopBoundTest, TheInterpreterCatchesALoopThatStatesTooLittle) {
  b.ForEach({b.I32(0), b.LocalIndex(), b.I32(1), 6}, [](V) {});
  const Status status = Interpret(std::move(b).Finish(8), {}, {}, 1);
  EXPECT_NE(status.message().find("makes more than its 6 iterations"), std::string::npos) << status.message();
}

// Nests of loops and branches whose invocations leave at different times. The interpreter counts how often each loop
// comes round, and refuses a kernel that comes round more often than it says.
class RandomNest {
 public:
  explicit RandomNest(uint32_t seed) : random_(seed) {}

  Kernel Run() {
    AddStatements(0);
    return std::move(b_).Finish(8);
  }

 private:
  int64_t Below(int64_t count) { return std::uniform_int_distribution<int64_t>(0, count - 1)(random_); }

  void AddStatements(int depth) {
    const int64_t count = depth >= 3 ? 0 : 1 + Below(3);
    for (int64_t i = 0; i < count; ++i) AddStatement(depth + 1);
  }

  void AddStatement(int depth) {
    const auto body = [this, depth] { AddStatements(depth); };
    const V lane = b_.LocalIndex();
    switch (Below(4)) {
      case 0:
        return b_.ForEach(b_.I32(0), b_.I32(1 + Below(4)), b_.I32(1), [&](V) { body(); });
      case 1:  // as many iterations as the number of the invocation, from 0 to 7
        return b_.ForEach({b_.I32(0), lane, b_.I32(1), 7}, [&](V) { body(); });
      case 2:
        b_.While(
            8, {b_.IAdd(lane, b_.I32(Below(2)))}, [&](std::span<const V> c) { return b_.SLt(b_.I32(0), c[0]); },
            [&](std::span<const V> c) {
              body();
              return std::vector<V>{b_.ISub(c[0], b_.I32(1))};
            });
        return;
      default:
        return b_.If(b_.ULt(lane, b_.I32(1 + Below(8))), body, body);
    }
  }

  std::mt19937 random_;
  const target::DeviceProfile profile_;
  Builder b_{profile_};
};

TEST(LoopBound, IsNeverExceededByRandomNests) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    const Kernel kernel = RandomNest(seed).Run();
    ASSERT_NE(LoopIterations(kernel), kUnknownIterations);
    if (LoopIterations(kernel) > 20000) continue;  // takes long
    const Status status = Interpret(kernel, {}, {}, 1);
    ASSERT_TRUE(status.ok()) << "seed " << seed << ": " << status.message() << "\n" << Print(kernel);
  }
}

TEST(LoopBound, IsReachedByLoopsThatAllInvocationsRun) {
  const target::DeviceProfile profile;
  Builder b(profile);
  // Not to be folded: how far they go is no constant, but what they state is what they make.
  const V three = b.Param(b.AddParam());
  b.ForEach({b.I32(0), three, b.I32(1), 3}, [&](V) { b.ForEach({b.I32(0), three, b.I32(1), 3}, [](V) {}); });
  const Kernel kernel = std::move(b).Finish(8);
  const uint32_t params[] = {3};
  InterpretOptions options;
  options.max_loop_iterations = 3 * 4 + 4;  // less the round that no invocation makes
  EXPECT_EQ(LoopIterations(kernel), options.max_loop_iterations + 1);
  EXPECT_TRUE(Interpret(kernel, {}, params, 1, options).ok());
  --options.max_loop_iterations;
  EXPECT_FALSE(Interpret(kernel, {}, params, 1, options).ok());
}

TEST(LoopBound, FitsUpToTheLimitWithTheSearchForSegments) {
  const target::DeviceProfile none;
  Builder b(none);
  b.ForEach(b.I32(0), b.I32(99), b.I32(1), [](V) {});
  const Kernel kernel = std::move(b).Finish(8);
  target::DeviceProfile profile;
  for (const auto& [limit, fits] : {std::pair(0, true), {132, false}, {133, true}, {1 << 30, true}}) {
    profile.max_loop_iterations = limit;
    EXPECT_EQ(FitsLoopLimit(kernel, profile), fits) << limit;
  }
}

}  // namespace
}  // namespace dragoman::kernel
