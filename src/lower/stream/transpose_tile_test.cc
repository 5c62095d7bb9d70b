// SPDX-License-Identifier: Apache-2.0
#include "lower/stream/transpose_tile.h"

#include <gtest/gtest.h>

#include "lower/group_testing.h"
#include "lower/hero_testing.h"
#include "lower/stream/lower_loop.h"

namespace dragoman::kernel {
namespace {

std::string TransposeBody(const Dims& from, const std::vector<int64_t>& permutation, const std::string& dtype) {
  std::string in, out;
  for (const int64_t dim : from) in += Format("{}x", dim);
  for (const int64_t dim : permutation) out += Format("{}x", from[dim]);
  return Format("(%0: tensor<{}{}>) {{ %1 = transpose(%0) {{permutation = {}}} : tensor<{}{}> return(%1) }}", in, dtype,
                ToString(permutation), out, dtype);
}

TEST(TransposeTile, MergesDimensionsThatStayNeighbours) {
  const struct {
    Dims from;
    std::vector<int64_t> permutation;
    Dims merged;  // empty: nothing to tile
    std::vector<int> order;
  } rows[] = {
      {{40, 50}, {1, 0}, {40, 50}, {1, 0}},
      {{2, 3, 4, 5}, {0, 3, 1, 2}, {2, 12, 5}, {0, 2, 1}},
      {{2, 3, 4, 5}, {2, 3, 0, 1}, {6, 20}, {1, 0}},
      {{2, 3, 4, 5}, {3, 2, 1, 0}, {2, 3, 4, 5}, {3, 2, 1, 0}},
      {{2, 1, 4, 1, 5}, {4, 1, 0, 3, 2}, {8, 5}, {1, 0}},
      // the innermost stays, or nothing moves once dimensions of extent 1 are left out
      {{2, 3, 4}, {1, 0, 2}, {}, {}},
      {{2, 3, 4, 1}, {1, 0, 3, 2}, {}, {}},
      {{6, 1, 4}, {1, 0, 2}, {}, {}},
      {{1, 40}, {1, 0}, {}, {}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(ToString(row.from) + " by " + ToString(row.permutation));
    const TestGroup test(TransposeBody(row.from, row.permutation, "f32"));
    const auto tile = FindTransposeTile(test.group);
    ASSERT_EQ(tile.has_value(), !row.merged.empty());
    if (!tile.has_value()) continue;
    EXPECT_EQ(tile->dims, row.merged);
    EXPECT_EQ(tile->permutation, row.order);
    EXPECT_EQ(tile->transposes.size(), 1u);
    EXPECT_EQ(OperandInnermost(*tile), row.merged.back());
    EXPECT_EQ(ResultInnermost(*tile), row.merged[row.order.back()]);
  }
}

TEST(TransposeTile, TransposesOfOneTileAreAlike) {
  const auto tile_of = [](const char* ops, const char* returned) {
    const TestGroup test(Format(
        "(%0: tensor<40x50xf32>, %1: tensor<50x40xf32>, %2: tensor<5x10x40xf32>) {{ %3 = transpose(%0) {{permutation = "
        "[1, 0]}} : tensor<50x40xf32> {} return({}) }}",
        ops, returned));
    return test.module == nullptr ? std::nullopt : FindTransposeTile(test.group);
  };
  const char* const same =
      "%4 = negate(%0) : tensor<40x50xf32> %5 = transpose(%4) {permutation = [1, 0]} : tensor<50x40xf32> %6 = add(%3, "
      "%5) : tensor<50x40xf32>";
  ASSERT_TRUE(tile_of(same, "%6").has_value());
  EXPECT_EQ(tile_of(same, "%6")->transposes.size(), 2u);
  const char* const other =
      "%4 = reshape(%1) : tensor<40x50xf32> %5 = transpose(%4) {permutation = [1, 0]} : tensor<50x40xf32> %6 = "
      "transpose(%2) {permutation = [1, 0, 2]} : tensor<10x5x40xf32> %7 = reshape(%6) : tensor<50x40xf32> %8 = add(%3, "
      "%7) : tensor<50x40xf32>";
  EXPECT_FALSE(tile_of(other, "%8").has_value());
  // One that is not read at the outputs' own place is no matter of the tile.
  const char* const moved =
      "%4 = reverse(%3) {dimensions = [0]} : tensor<50x40xf32> %5 = add(%4, %1) : tensor<50x40xf32>";
  EXPECT_FALSE(tile_of(moved, "%5").has_value());
}

TEST(TransposeTile, TakesTwoNarrowElementsAtOnceWhereBothExtentsAreEven) {
  for (const auto& [dtype, from, lanes] : {std::tuple{"f32", Dims{128, 130}, 1},
                                           {"bf16", Dims{128, 130}, 2},
                                           {"si8", Dims{128, 130}, 2},
                                           {"bf16", Dims{127, 130}, 1},
                                           {"bf16", Dims{128, 131}, 1}}) {
    SCOPED_TRACE(Format("{} of {}", ToString(from), dtype));
    const TestGroup test(TransposeBody(from, {1, 0}, dtype));
    const auto tile = FindTransposeTile(test.group);
    ASSERT_TRUE(tile.has_value());
    EXPECT_EQ(tile->lanes, lanes);
    EXPECT_EQ(SharedBytes(*tile), int64_t{4} * 32 * lanes * (32 * lanes + 1));
  }
}

// Two workgroups of a tile have to fit the shared memory: 4224 bytes of f32, 16640 of pairs, 16896 of c128.
TEST(TransposeTile, IsTakenWhereItPaysAndFits) {
  const struct {
    Dims from;
    const char* dtype;
    int shared_bytes;
    LoopMode mode;
  } rows[] = {{{128, 128}, "f32", 8448, LoopMode::kTransposed},   {{128, 128}, "f32", 8447, LoopMode::kIndexed},
              {{128, 128}, "bf16", 33280, LoopMode::kTransposed}, {{128, 128}, "bf16", 33279, LoopMode::kIndexed},
              {{128, 128}, "c128", 33792, LoopMode::kTransposed}, {{128, 128}, "c128", 32768, LoopMode::kIndexed},
              {{127, 129}, "f32", 49152, LoopMode::kIndexed},  // fewer than 16384 elements
              {{16, 1024}, "f32", 49152, LoopMode::kTransposed},  {{15, 2048}, "f32", 49152, LoopMode::kIndexed},
              {{2048, 15}, "f32", 49152, LoopMode::kIndexed}};
  for (const auto& row : rows) {
    SCOPED_TRACE(Format("{} of {} in {} bytes", ToString(row.from), row.dtype, row.shared_bytes));
    target::DeviceProfile profile = VectorProfile();
    profile.shared_memory_bytes = row.shared_bytes;
    const TestGroup test(TransposeBody(row.from, {1, 0}, row.dtype));
    const LoopPlan plan = ChooseLoop(test.group, profile);
    EXPECT_EQ(plan.mode, row.mode) << plan.reason;
    profile.type = target::DeviceType::kCpu;
    EXPECT_EQ(ChooseLoop(test.group, profile).mode, LoopMode::kIndexed);
  }
}

TEST(TransposeTile, MovesEveryElementOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const auto& [from, permutation, dtype] : {std::tuple{Dims{130, 140}, std::vector<int64_t>{1, 0}, "f32"},
                                                   {Dims{130, 140}, std::vector<int64_t>{1, 0}, "bf16"},
                                                   {Dims{3, 33, 170}, std::vector<int64_t>{0, 2, 1}, "f16"},
                                                   {Dims{4, 5, 33, 30}, std::vector<int64_t>{2, 3, 1, 0}, "i1"},
                                                   {Dims{16, 2, 3, 201}, std::vector<int64_t>{3, 1, 2, 0}, "si16"}}) {
      SCOPED_TRACE(Format("{} by {} of {} on {}", ToString(from), ToString(permutation), dtype, profile.name));
      const HeroTest test(fusion::GroupKind::kLoop, TransposeBody(from, permutation, dtype));
      ASSERT_NE(test.module, nullptr);
      test.ExpectMatches(profile);
    }
  }
}

std::string NegateBody(int64_t count, const char* dtype) {
  return Format("(%0: tensor<{0}x{1}>) {{ %1 = negate(%0) : tensor<{0}x{1}> return(%1) }}", count, dtype);
}

// Counts that no vector divides: below 65536 an element an invocation, above a tail, and none where its counter ends.
TEST(LoopPlan, HasATailWhereItPays) {
  const target::DeviceProfile profile = VectorProfile();
  const int64_t last = (int64_t{1} << 31) - (int64_t{1} << 20);
  for (const auto& [count, lanes, has_tail] : {std::tuple{int64_t{1}, 1, false},
                                               {int64_t{4}, 4, false},
                                               {int64_t{65532}, 4, false},
                                               {int64_t{65535}, 1, false},
                                               {int64_t{65537}, 4, true},
                                               {last - 1, 4, true},
                                               {last + 1, 1, false},
                                               {last + 4, 4, false}}) {
    const TestGroup test(NegateBody(count, "f32"));
    const LoopPlan plan = ChooseLoop(test.group, profile);
    EXPECT_EQ(plan.lanes, lanes) << count;
    EXPECT_EQ(plan.has_tail, has_tail) << count;
    EXPECT_EQ(plan.mode, count == 1 ? LoopMode::kSingle : LoopMode::kLinear);
    EXPECT_EQ(ChooseLoop(test.group, ScalarProfile()).lanes, 1);
  }
}

// No second body for a tail, and one kernel for all small counts.
TEST(LoopPlan, TakesLanesThatDivideWhereCodeIsCostlyAndALoadVisitsEachLane) {
  target::DeviceProfile profile = ScalarProfile();
  profile.loads_visit_lanes = true;
  for (const auto& [count, lanes] : {std::pair{1020, 1}, {1024, 4}, {1025, 1}, {1026, 2}, {100001, 1}, {100004, 4}}) {
    TestGroup test(NegateBody(count, "f32"));
    const LoopPlan plan = ChooseLoop(test.group, profile);
    EXPECT_EQ(plan.lanes, lanes) << count;
    EXPECT_FALSE(plan.has_tail) << count;
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.Run(profile);
    test.Expect(0, [&](const Dims& at) { return -in[0][at[0]]; });
  }
}

// 160 operations times lanes: more code is for fewer elements at once.
TEST(LoopPlan, TakesFewerElementsWhereTheCodeIsLong) {
  for (const auto& [ops, lanes] : {std::pair{1, 4}, {40, 4}, {41, 2}, {80, 2}, {81, 1}, {300, 1}}) {
    std::string body = "(%0: tensor<4096xf32>) { ";
    for (int i = 1; i <= ops; ++i) body += Format("%{} = tanh(%{}) : tensor<4096xf32> ", i, i - 1);
    const TestGroup test(body + Format("return(%{}) }}", ops));
    EXPECT_EQ(ChooseLoop(test.group, VectorProfile()).lanes, lanes) << ops;
  }
}

// Long code of plain operations of which few are needed at once, and with eleven values that are needed at the end.
TEST(LoopPlan, TakesAsManyElementsAsRegistersHoldWhereTheCodeIsPlain) {
  for (const auto& [ops, kept, lanes] : {std::tuple{41, 1, 4}, {390, 1, 4}, {410, 1, 2}, {810, 1, 1}, {300, 11, 2}}) {
    std::string body = "(%0: tensor<4096xf32>) { ";
    for (int i = 1; i <= ops; ++i) body += Format("%{} = negate(%{}) : tensor<4096xf32> ", i, i - 1);
    for (int i = 1; i < kept; ++i) body += Format("%{} = add(%{}, %{}) : tensor<4096xf32> ", ops + i, ops + i - 1, i);
    const TestGroup test(body + Format("return(%{}) }}", ops + kept - 1));
    EXPECT_EQ(ChooseLoop(test.group, VectorProfile()).lanes, lanes) << ops << " " << kept;
  }
}

TEST(LoopPlan, LoopsComeOutTheSameOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const auto& [count, dtype] :
         {std::pair{1, "f32"}, {3, "si8"}, {1000, "f16"}, {70001, "bf16"}, {4096, "c128"}}) {
      SCOPED_TRACE(Format("{} of {} on {}", count, dtype, profile.name));
      const HeroTest test(fusion::GroupKind::kLoop, NegateBody(count, dtype));
      test.ExpectMatches(profile);
    }
  }
}

TEST(LoopPlan, RefusesOutputsOfDifferentCounts) {
  const TestGroup test(
      "(%0: tensor<8xf32>, %1: tensor<9xf32>) { %2 = negate(%0) : tensor<8xf32> %3 = negate(%1) : tensor<9xf32> "
      "return(%2, %3) }");
  EXPECT_EQ(test.Lower(VectorProfile()).status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace dragoman::kernel
