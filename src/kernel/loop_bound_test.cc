// SPDX-License-Identifier: Apache-2.0
#include "kernel/loop_bound.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace dragoman::kernel
