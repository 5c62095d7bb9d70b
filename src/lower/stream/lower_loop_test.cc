// SPDX-License-Identifier: Apache-2.0
#include "lower/stream/lower_loop.h"

#include <gtest/gtest.h>

#include "element/run_group_testing.h"
#include "lower/group_testing.h"
#include "lower/stream/kinds.h"
#include "lower/stream/transpose_tile.h"

namespace dragoman::kernel {
namespace {

std::string AddOf(const std::string& dims) {
  return Format(
      "(%0: tensor<{0}xf32>, %1: tensor<f32>) {{ %2 = broadcast_in_dim(%1) {{broadcast_dimensions = []}} : "
      "tensor<{0}xf32> %3 = add(%0, %2) : tensor<{0}xf32> return(%3) }}",
      dims);
}

TEST(LowerLoop, EqualKernelsServeAllShapes) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    const StatusOr<LoweredGroup> a = LowerLoop(TestGroup(AddOf("64x4")).group, {profile});
    const TestGroup other(AddOf("8x1x2x100"));
    const StatusOr<LoweredGroup> b = LowerLoop(other.group, {profile});
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(Print(a->dispatches[0].kernel), Print(b->dispatches[0].kernel));
    EXPECT_EQ(b->dispatches[0].params, std::vector<uint32_t>{1600});
  }
}

TEST(LowerLoop, UniformValuesAreReadOnce) {
  TestGroup test(AddOf("64x4"));
  const LoopPlan plan = ChooseLoop(test.group, VectorProfile());
  EXPECT_EQ(plan.mode, LoopMode::kLinear);
  EXPECT_EQ(plan.lanes, 4);
  const std::vector<Numbers> in = test.SetRandomInputs();
  test.Run(VectorProfile());
  test.Expect(0, [&](const Dims& at) { return in[0][at[0] * 4 + at[1]] + in[1][0]; });
}

TEST(LowerLoop, LargeOddCountsHaveATail) {
  TestGroup test(AddOf("70001"));
  const LoopPlan plan = ChooseLoop(test.group, VectorProfile());
  EXPECT_EQ(plan.lanes, 4);
  EXPECT_TRUE(plan.has_tail);
  const std::vector<Numbers> in = test.SetRandomInputs();
  test.Run(VectorProfile());
  test.Expect(0, [&](const Dims& at) { return in[0][at[0]] + in[1][0]; });
}

TEST(LowerLoop, VectorsAreSixteenBytesOfTheWidestType) {
  const auto lanes = [](const char* dtype) {
    const TestGroup test(Format("(%0: tensor<64x{0}>) {{ %1 = negate(%0) : tensor<64x{0}> return(%1) }}", dtype));
    return ChooseLoop(test.group, VectorProfile()).lanes;
  };
  EXPECT_EQ(lanes("f32"), 4);
  EXPECT_EQ(lanes("f64"), 2);
  EXPECT_EQ(lanes("bf16"), 8);
  EXPECT_EQ(lanes("c128"), 1);
}

TEST(LowerLoop, ZeroElementsGiveNoDispatch) {
  const TestGroup test("(%0: tensor<0x4xf32>) { %1 = negate(%0) : tensor<0x4xf32> return(%1) }");
  const StatusOr<LoweredGroup> lowered = LowerLoop(test.group, {VectorProfile()});
  ASSERT_TRUE(lowered.ok());
  EXPECT_TRUE(lowered->dispatches.empty());
}

TEST(LowerLoop, SeveralOutputsOfDifferentShapes) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    TestGroup test(
        "(%0: tensor<6x8xf32>, %1: tensor<8xf32>) { %2 = broadcast_in_dim(%1) {broadcast_dimensions = [1]} : "
        "tensor<6x8xf32> %3 = multiply(%0, %2) : tensor<6x8xf32> %4 = reshape(%3) : tensor<3x16xf32> %5 = negate(%4) "
        ": tensor<3x16xf32> %6 = convert(%5) : tensor<3x16xsi32> return(%3, %5, %6) }");
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.Run(profile);
    const auto product = [&](int64_t i) { return in[0][i] * in[1][i % 8]; };
    test.Expect(0, [&](const Dims& at) { return product(at[0] * 8 + at[1]); });
    test.Expect(1, [&](const Dims& at) { return -product(at[0] * 16 + at[1]); });
    test.Expect(2, [&](const Dims& at) { return -product(at[0] * 16 + at[1]); });
  }
}

TEST(LowerLoop, VectorsRunOverTheEndsOfOddRows) {
  TestGroup test(
      "(%0: tensor<8x7xf32>, %1: tensor<7xf32>) { %2 = broadcast_in_dim(%1) {broadcast_dimensions = [1]} : "
      "tensor<8x7xf32> %3 = multiply(%0, %2) : tensor<8x7xf32> %4 = reshape(%3) : tensor<14x4xf32> "
      "return(%3, %4) }");
  EXPECT_EQ(ChooseLoop(test.group, VectorProfile()).lanes, 4);
  const std::vector<Numbers> in = test.SetRandomInputs();
  test.Run(VectorProfile());
  const auto product = [&](int64_t i) { return in[0][i] * in[1][i % 7]; };
  test.Expect(0, [&](const Dims& at) { return product(at[0] * 7 + at[1]); });
  test.Expect(1, [&](const Dims& at) { return product(at[0] * 4 + at[1]); });
}

// 2^32 elements: positions and addresses need 64 bits. Only lowered; no machine here has the memory.
TEST(LowerLoop, HugeTensorsUseWideIndices) {
  for (const char* body :
       {"(%0: tensor<65536x65536xf32>) { %1 = negate(%0) : tensor<65536x65536xf32> return(%1) }",
        "(%0: tensor<65536x65536xi1>) { %1 = transpose(%0) {permutation = [1, 0]} : tensor<65536x65536xi1> return(%1) "
        "}",
        "(%0: tensor<65536xf32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = [1]} : tensor<65537x65536xf32> "
        "return(%1) }"}) {
    const TestGroup test(body);
    for (const target::DeviceProfile& profile : TestProfiles()) {
      const StatusOr<LoweredGroup> lowered = LowerLoop(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      const Status verified = Verify(lowered->dispatches[0].kernel);
      EXPECT_TRUE(verified.ok()) << verified.message();
      EXPECT_NE(Print(lowered->dispatches[0].kernel).find("i64"), std::string::npos);
    }
  }
}

TEST(LowerLoop, SingleElements) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    TestGroup test(
        "(%0: tensor<f32>, %1: tensor<1x1xf32>) { %2 = reshape(%1) : tensor<f32> %3 = subtract(%0, %2) : "
        "tensor<f32> %4 = reshape(%3) : tensor<1xf32> return(%3, %4) }");
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.Run(profile);
    test.Expect(0, [&](const Dims&) { return in[0][0] - in[1][0]; });
    test.Expect(1, [&](const Dims&) { return in[0][0] - in[1][0]; });
  }
}

TEST(LowerLoop, TransposesGoThroughATile) {
  for (const char* dtype : {"f32", "bf16", "i1", "c64", "si8", "f64"}) {
    SCOPED_TRACE(dtype);
    TestGroup test(
        Format("(%0: tensor<150x130x{0}>) {{ %1 = transpose(%0) {{permutation = [1, 0]}} : "
               "tensor<130x150x{0}> return(%1) }}",
               dtype));
    const LoopPlan plan = ChooseLoop(test.group, VectorProfile());
    EXPECT_EQ(plan.mode, LoopMode::kTransposed) << plan.reason;
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.Run(VectorProfile());
    test.Expect(0, [&](const Dims& at) { return in[0][at[1] * 130 + at[0]]; });
  }
}

TEST(LowerLoop, TiledTransposesWithWorkBeforeAndAfter) {
  TestGroup test(
      "(%0: tensor<3x6x7x40xf32>, %1: tensor<3x40x6x7xf32>, %2: tensor<40xf32>) { %3 = broadcast_in_dim(%2) "
      "{broadcast_dimensions = [3]} : tensor<3x6x7x40xf32> %4 = add(%0, %3) : tensor<3x6x7x40xf32> %5 = transpose(%4) "
      "{permutation = [0, 3, 1, 2]} : tensor<3x40x6x7xf32> %6 = transpose(%0) {permutation = [0, 3, 1, 2]} : "
      "tensor<3x40x6x7xf32> %7 = multiply(%5, %1) : tensor<3x40x6x7xf32> %8 = subtract(%7, %6) : tensor<3x40x6x7xf32> "
      "%9 = reshape(%8) : tensor<120x42xf32> return(%8, %9) }");
  const auto tile = FindTransposeTile(test.group);
  ASSERT_TRUE(tile.has_value());
  EXPECT_EQ(tile->transposes.size(), 2u);
  EXPECT_EQ(tile->dims, (Dims{3, 42, 40}));
  const std::vector<Numbers> in = test.SetRandomInputs();
  const StatusOr<Dispatch> dispatch = LowerTransposeTile(test.group, VectorProfile(), *tile);
  ASSERT_TRUE(dispatch.ok());
  LoweredGroup lowered;
  lowered.dispatches.push_back(std::move(const_cast<Dispatch&>(*dispatch)));
  ASSERT_TRUE(Verify(lowered.dispatches[0].kernel).ok());
  const Status run = RunLoweredGroup(lowered, test.memory);
  ASSERT_TRUE(run.ok()) << run.message();
  const auto expected = [&](int64_t n, int64_t c, int64_t hw) {
    const Number x = in[0][(n * 42 + hw) * 40 + c];
    return (x + in[2][c]) * in[1][(n * 40 + c) * 42 + hw] - x;
  };
  test.Expect(0, [&](const Dims& at) { return expected(at[0], at[1], at[2] * 7 + at[3]); });
  test.Expect(1, [&](const Dims& at) { return expected(at[0] / 40, at[0] % 40, at[1]); });
}

TEST(LowerLoop, TransposesThatKeepTheInnermostDimensionNeedNoTile) {
  TestGroup test(
      "(%0: tensor<50x60x32xf32>) { %1 = transpose(%0) {permutation = [1, 0, 2]} : tensor<60x50x32xf32> "
      "return(%1) }");
  const LoopPlan plan = ChooseLoop(test.group, VectorProfile());
  EXPECT_EQ(plan.mode, LoopMode::kIndexed);
  EXPECT_EQ(plan.lanes, 4);
  const std::vector<Numbers> in = test.SetRandomInputs();
  test.Run(VectorProfile());
  test.Expect(0, [&](const Dims& at) { return in[0][(at[1] * 60 + at[0]) * 32 + at[2]]; });
}

TEST(LowerLoop, OutputsAreComputedBeforeAnyIsStored) {
  // The second output's memory is the first input's: both outputs must see the old value.
  TestGroup test(
      "(%0: tensor<8xf32>) { %1 = negate(%0) : tensor<8xf32> %2 = add(%0, %0) : tensor<8xf32> "
      "return(%1, %2) }");
  const StatusOr<LoweredGroup> lowered = LowerLoop(test.group, {ScalarProfile()});
  ASSERT_TRUE(lowered.ok());
  const std::string text = Print(lowered->dispatches[0].kernel);
  EXPECT_LT(text.rfind("load @"), text.find("store @"));
}

}  // namespace
}  // namespace dragoman::kernel
