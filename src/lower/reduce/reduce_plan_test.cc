// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/reduce_plan.h"

#include <gtest/gtest.h>

#include <bit>

#include "base/arithmetic.h"
#include "lower/group_testing.h"
#include "lower/hero_testing.h"
#include "lower/reduce/row_plan.h"

namespace dragoman::kernel {
namespace {

const Dims kSpaces[] = {{7},       {4, 5},       {3, 1, 4},    {1, 4, 1},       {2, 3, 4},      {1, 1},
                        {2, 1, 3}, {2, 3, 1, 4}, {5, 1, 1, 2}, {1, 2, 3, 1, 2}, {2, 2, 2, 2, 2}};

// Every set of dimensions of every space: positions name each element once, in row-major order of both.
TEST(ReduceSpace, NamesEachElementByItsKeptAndItsReducedPosition) {
  for (const Dims& dims : kSpaces) {
    for (uint32_t set = 0; set < 1u << dims.size(); ++set) {
      std::vector<int64_t> reduced;
      Dims kept_dims, reduced_dims;
      for (size_t d = 0; d < dims.size(); ++d) {
        if (set >> d & 1) reduced.push_back(static_cast<int64_t>(d));
        (set >> d & 1 ? reduced_dims : kept_dims).push_back(dims[d]);
      }
      SCOPED_TRACE(ToString(dims) + " over " + ToString(reduced));
      const ReduceSpace space(dims, reduced);
      EXPECT_EQ(space.num_kept(), NumElements(kept_dims));
      EXPECT_EQ(space.num_reduced(), NumElements(reduced_dims));
      int64_t product = 1;
      for (size_t i = 0; i < space.runs().size(); ++i) {
        product *= space.runs()[i].extent;
        EXPECT_TRUE(i == 0 || space.runs()[i].is_reduced != space.runs()[i - 1].is_reduced);
      }
      EXPECT_EQ(product, NumElements(dims));

      std::string type = "tensor<";
      for (const int64_t dim : dims) type += Format("{}x", dim);
      const TestGroup test(Format("(%0: {0}f32>) {{ %1 = negate(%0) : {0}f32> return(%1) }}", type));
      const target::DeviceProfile profile = VectorProfile();
      Builder b(profile);
      Elemental e(b, test.group);
      const int out = b.AddBuffer({DType::kS32, false, true});
      const V kept = b.UDiv(b.LocalIndex(), b.I32(space.num_reduced()));
      const V position = b.URem(b.LocalIndex(), b.I32(space.num_reduced()));
      b.Store(out, b.LocalIndex(), space.OperandIndex(e, test.group.outputs[0], kept, position).linear);
      std::vector<std::byte> bytes(4 * NumElements(dims));
      std::vector<std::byte>* const buffers[] = {&bytes};
      ASSERT_TRUE(Interpret(std::move(b).Finish(static_cast<int>(NumElements(dims))), buffers, {}, 1).ok());
      size_t at = 0;
      ForEachIndex(kept_dims, [&](const Dims& k) {
        ForEachIndex(reduced_dims, [&](const Dims& r) {
          Dims index(dims.size());
          for (size_t d = 0, i = 0, j = 0; d < dims.size(); ++d) index[d] = set >> d & 1 ? r[j++] : k[i++];
          EXPECT_EQ(DecodeElement(DType::kS32, bytes.data() + 4 * at++),
                    Number(static_cast<double>(LinearAt(dims, index))));
        });
      });
    }
  }
}

TEST(ReduceSpace, TellsRowsFromColumns) {
  const struct {
    Dims dims;
    std::vector<int64_t> reduced;
    ReduceKind kind;
    int64_t kept_outer, kept_inner, count;
  } rows[] = {{{30, 128}, {1}, ReduceKind::kRow, 30, 1, 128},
              {{30, 128}, {0}, ReduceKind::kColumn, 1, 128, 30},
              {{30, 128}, {0, 1}, ReduceKind::kRow, 1, 1, 3840},
              {{2, 30, 8}, {1}, ReduceKind::kColumn, 2, 8, 30},
              {{30, 128, 1}, {1}, ReduceKind::kRow, 30, 1, 128},
              {{1, 128}, {0}, ReduceKind::kColumn, 1, 128, 1},
              {{8, 6, 6, 16}, {0, 1, 2}, ReduceKind::kColumn, 1, 16, 288}};
  for (const auto& row : rows) {
    const ReduceExtents extents = ExtentsOf(ReduceSpace(row.dims, row.reduced));
    SCOPED_TRACE(ToString(row.dims) + " over " + ToString(row.reduced));
    EXPECT_EQ(extents.kind, row.kind);
    EXPECT_EQ(extents.kept_outer, row.kept_outer);
    EXPECT_EQ(extents.kept_inner, row.kept_inner);
    EXPECT_EQ(extents.reduced, row.count);
  }
}

const ReduceExtents kExtents[] = {{ReduceKind::kRow, 1, 1, 1},          {ReduceKind::kRow, 1, 1, 50257},
                                  {ReduceKind::kRow, 128, 1, 50257},    {ReduceKind::kRow, 100000, 1, 7},
                                  {ReduceKind::kRow, 1, 1, 1 << 28},    {ReduceKind::kColumn, 1, 64, 128 * 64 * 64},
                                  {ReduceKind::kColumn, 1, 1000, 1024}, {ReduceKind::kColumn, 64, 8, 3},
                                  {ReduceKind::kColumn, 1, 3, 1 << 24}, {ReduceKind::kRow, 3, 1, 0}};

// Whatever is reduced on whatever device: the parts cover it, fellows and workgroups are powers of two, memory
// suffices.
TEST(ReducePlan, KeepsItsPromisesOnEveryDevice) {
  std::vector<target::DeviceProfile> profiles = LimitProfiles();
  for (const char* name : {"navi31", "polaris10", "adreno630", "a380", "h100", "lavapipe", "m1"}) {
    profiles.push_back(RecordedProfile(name));
  }
  for (const target::DeviceProfile& profile : profiles) {
    for (const ReduceExtents& extents : kExtents) {
      for (const int bytes : {4, 16, 64, 256}) {
        for (const bool is_ordered : {false, true}) {
          for (const int lanes : {1, 4}) {
            if (extents.kept_inner % lanes != 0 && extents.kind == ReduceKind::kColumn) continue;
            const ReduceSource source{lanes, 5, bytes, is_ordered};
            const ReducePlan plan = ChooseReduce(extents, source, profile, true);
            SCOPED_TRACE(profile.name + ": " + plan.reason);
            EXPECT_LE(plan.workgroup_size, profile.widest_workgroup());
            EXPECT_TRUE(std::has_single_bit(static_cast<unsigned>(plan.workgroup_size)));
            EXPECT_TRUE(std::has_single_bit(static_cast<unsigned>(plan.fellows)));
            EXPECT_LE(plan.fellows, plan.workgroup_size);
            EXPECT_LE(SharedBytes(plan, source), profile.shared_memory_bytes);
            EXPECT_GE(plan.part * plan.splits, extents.reduced);
            EXPECT_TRUE(plan.splits == 1 || plan.part * (plan.splits - 1) < extents.reduced);
            EXPECT_TRUE(plan.unroll == 1 || (!is_ordered && !profile.unrolling_is_costly));
            EXPECT_FALSE(plan.reason.empty());
            EXPECT_EQ(ChooseReduce(extents, source, profile, false).splits, 1);
          }
        }
      }
    }
  }
}

TEST(ReducePlan, SharesARowAmongAsManyAsItIsLong) {
  const target::DeviceProfile profile = VectorProfile();
  for (const auto& [length, fellows] :
       {std::pair{1, 1}, {16, 1}, {17, 2}, {32, 2}, {64, 4}, {1024, 64}, {4096, 256}, {100000, 256}}) {
    const ReducePlan plan = ChooseReduce({ReduceKind::kRow, 4096, 1, length}, {4, 1, 4, false}, profile, true);
    EXPECT_EQ(plan.fellows, fellows) << length;
    EXPECT_EQ(plan.splits, 1) << length;
  }
}

TEST(ReducePlan, SplitsWhereFewResultsLeaveTheDeviceIdle) {
  target::DeviceProfile profile = VectorProfile();
  for (const int units : {1, 16, 132}) {
    profile.compute_units = units;
    const ReduceSource source{4, 1, 4, false};
    const ReducePlan few = ChooseReduce({ReduceKind::kRow, 1, 1, 1 << 24}, source, profile, true);
    EXPECT_GE(few.splits, units * 4);
    EXPECT_EQ(ChooseReduce({ReduceKind::kRow, units * 16, 1, 1 << 14}, source, profile, true).splits, 1);
    EXPECT_EQ(ChooseReduce({ReduceKind::kRow, 1, 1, 4096}, source, profile, true).splits, 1);
    // More than is there is not to be had.
    ReducePlan plan = few;
    const ReduceExtents extents{ReduceKind::kRow, 1, 1, 1 << 24};
    for (int64_t before = plan.splits; SplitFurther(plan, extents, 8); before = plan.splits) {
      EXPECT_GT(plan.splits, before);
      EXPECT_GE(plan.part * plan.splits, extents.reduced);
      EXPECT_LT(plan.part * (plan.splits - 1), extents.reduced);
    }
    EXPECT_FALSE(SplitFurther(plan, extents, 1 << 20));
  }
}

// Sums of several multiples of one tensor, side by side.
std::string SiblingsBody(bool along_rows, const std::string& dtype, int siblings) {
  const std::string full = Format("tensor<{}x{}>", along_rows ? "40x3000" : "3000x40", dtype);
  std::string body = Format("(%x: {}) {{ %z = constant() {{value = dense<{}>}} : tensor<{}> ", full,
                            dtype[0] == 'c' ? "(0, 0)" : "0", dtype);
  std::string results, last = "%x";
  for (int i = 0; i < siblings; ++i) {
    body += Format(
        "%q{0} = add({1}, %x) : {2} %s{0} = reduce(%q{0}, %z) {{dimensions = [{3}]}} : tensor<40x{4}> (%a{0}: "
        "tensor<{4}>, "
        "%b{0}: tensor<{4}>) {{ %c{0} = add(%a{0}, %b{0}) : tensor<{4}> return(%c{0}) }} ",
        i, last, full, along_rows ? 1 : 0, dtype);
    last = Format("%q{}", i);
    results += Format("{}%s{}", i > 0 ? ", " : "", i);
  }
  return body + "return(" + results + ") }";
}

TEST(ReducePlan, FitsSharedMemoryWithManyWideSiblings) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const bool along_rows : {false, true}) {
      for (const char* dtype : {"f32", "f64", "c64", "c128"}) {
        for (const int siblings : {1, 3, 5}) {
          SCOPED_TRACE(
              Format("{} of {} along {} on {}", siblings, dtype, along_rows ? "rows" : "columns", profile.name));
          const TestGroup test(SiblingsBody(along_rows, dtype, siblings), fusion::GroupKind::kReduce);
          const StatusOr<LoweredGroup> lowered = test.Lower(profile);
          ASSERT_TRUE(lowered.ok()) << lowered.status().message();
          ExpectWithinLimits(*lowered, profile);
        }
      }
    }
  }
}

// Rows less a difference of `reductions` reductions of them, which need each other's results or are of one phase.
std::string RowBody(int64_t rows, int64_t length, const std::string& dtype, int reductions, const char* op = "add",
                    bool in_phases = false) {
  const std::string full = Format("tensor<{}x{}x{}>", rows, length, dtype), row = Format("tensor<{}x{}>", rows, dtype);
  const std::string element = Format("tensor<{}>", dtype);
  std::string body = Format("(%x0: {}) {{ %z = constant() {{value = dense<{}>}} : {} ", full,
                            dtype[0] == 'c' ? "(0, 0)" : "0", element);
  std::string last;
  for (int i = 0; i < reductions; ++i) {
    const std::string spread =
        Format("%w{} = broadcast_in_dim(%s{}) {{broadcast_dimensions = [0]}} : {} ", i, i - 1, full);
    if (i > 0 && in_phases) body += spread;
    if (i > 0) body += Format("%x{} = add(%x{}, %{}) : {} ", i, i - 1, in_phases ? Format("w{}", i) : "x0", full);
    body += Format(
        "%r{0} = reduce(%x{0}, %z) {{dimensions = [1]}} : {1} (%a{0}: {2}, %b{0}: {2}) {{ %c{0} = {3}(%a{0}, %b{0}) : "
        "{2} "
        "return(%c{0}) }} ",
        i, row, element, op);
    body += i == 0 ? Format("%s0 = negate(%r0) : {} ", row)
                   : Format("%s{0} = subtract(%s{1}, %r{0}) : {2} ", i, i - 1, row);
    last = Format("%s{}", i);
  }
  return body + Format(
                    "%w = broadcast_in_dim({0}) {{broadcast_dimensions = [0]}} : {1} %y = subtract(%x0, %w) : {1} "
                    "return(%y, {0}) }}",
                    last, full);
}

TEST(RowPlan, HoldsRowsThatFitTheRegistersOfTheWidestWorkgroup) {
  for (const auto& [length, widest, resident, fellows] : {std::tuple{8, 1024, 2, 1},
                                                          {1024, 1024, 4, 64},
                                                          {8192, 1024, 8, 256},
                                                          {8193, 1024, 0, 256},  // no whole vectors: one element a load
                                                          {8196, 1024, 5, 512},
                                                          {32768, 1024, 8, 1024},
                                                          {32772, 1024, 0, 256},
                                                          {8192, 256, 8, 256},
                                                          {8196, 256, 0, 256},
                                                          {4096, 128, 8, 128},
                                                          {4100, 128, 0, 128}}) {
    target::DeviceProfile profile = VectorProfile();
    profile.max_workgroup_invocations = widest;
    const TestGroup test(RowBody(4096, length, "f32", 1), fusion::GroupKind::kRow);
    const RowPlan plan = ChooseRow(test.group, *FindRowPhases(test.group), profile);
    SCOPED_TRACE(Format("{} in workgroups of {}: {}", length, widest, plan.reason));
    EXPECT_EQ(plan.resident_loads, resident);
    EXPECT_EQ(plan.reduce.fellows, fellows);
    EXPECT_NE(plan.reason.find(resident > 0 ? "held in registers" : "read again"), std::string::npos);
  }
}

TEST(RowPlan, SharesFewRowsAmongMoreInvocations) {
  target::DeviceProfile profile = VectorProfile();
  profile.compute_units = 132;
  for (const auto& [rows, length, fellows, workgroup] :
       {std::tuple{8, 1024, 256, 256}, {128, 512, 256, 256}, {8, 100, 128, 128}, {4096, 512, 32, 256}}) {
    const TestGroup test(RowBody(rows, length, "f32", 1), fusion::GroupKind::kRow);
    const RowPlan plan = ChooseRow(test.group, *FindRowPhases(test.group), profile);
    SCOPED_TRACE(Format("{} rows of {}: {}", rows, length, plan.reason));
    EXPECT_EQ(plan.reduce.fellows, fellows);
    EXPECT_EQ(plan.reduce.workgroup_size, workgroup);
  }
}

// Every phase and every reduction has accumulators of its own in shared memory.
TEST(RowPlan, FitsSharedMemoryWithManyWideAccumulators) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const char* dtype : {"f32", "f64", "c64", "c128"}) {
      for (const int reductions : {1, 2, 3, 5}) {
        for (const int64_t length : {3000, 20000}) {
          SCOPED_TRACE(Format("{} reductions of {} {} on {}", reductions, length, dtype, profile.name));
          for (const bool in_phases : {false, true}) {
            const TestGroup test(RowBody(3, length, dtype, reductions, "add", in_phases), fusion::GroupKind::kRow);
            ASSERT_NE(test.module, nullptr);
            EXPECT_EQ(FindRowPhases(test.group)->phases.size(), in_phases ? static_cast<size_t>(reductions) : 1u);
            const StatusOr<LoweredGroup> lowered = test.Lower(profile);
            ASSERT_TRUE(lowered.ok()) << lowered.status().message();
            ExpectWithinLimits(*lowered, profile);
            EXPECT_FALSE(lowered->reason.empty());
          }
        }
      }
    }
  }
}

void ExpectRowsMatch(const std::string& body, const target::DeviceProfile& profile) {
  TestGroup test(body, fusion::GroupKind::kRow);
  HeroTest data(fusion::GroupKind::kLoop, "(%0: tensor<f32>) { %1 = negate(%0) : tensor<f32> return(%1) }");
  std::vector<ir::Literal> inputs;
  for (const ir::Value* input : test.group.inputs) {
    inputs.push_back(data.Random(input->type));
    test.memory[input] = inputs.back().Dense();
  }
  const auto expected = reference::Evaluate(*test.module, "main", inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  test.Run(profile);
  for (size_t i = 0; i < expected->size(); ++i) {
    HeroTest::ExpectClose(ir::Literal((*expected)[i].type(), test.memory[test.group.outputs[i]]), (*expected)[i], 0);
  }
}

TEST(RowPlan, RowsComeOutTheSameOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const auto& [rows, length, dtype, reductions] : {std::tuple{5, 7, "f32", 1},
                                                          {3, 1024, "bf16", 1},
                                                          {2, 4100, "f32", 2},
                                                          {2, 3000, "c128", 3},
                                                          {9, 130, "si32", 2}}) {
      SCOPED_TRACE(Format("{} rows of {} {} on {}", rows, length, dtype, profile.name));
      ExpectRowsMatch(RowBody(rows, length, dtype, reductions), profile);
      if (length < 200)
        ExpectRowsMatch(RowBody(rows, length, dtype, reductions, "maximum", /*in_phases=*/true), profile);
      if (dtype[0] != 'c') ExpectRowsMatch(RowBody(rows, length, dtype, reductions, "maximum"), profile);
    }
  }
}

TEST(RowPlan, RefusesReductionsOverOtherRows) {
  const auto body = [](const char* second, const char* result) {
    return Format(
        "(%0: tensor<4x8x6xf32>) {{ %z = constant() {{value = dense<0>}} : tensor<f32> %r = reduce(%0, %z) "
        "{{dimensions = "
        "[2]}} : tensor<4x8xf32> (%a: tensor<f32>, %b: tensor<f32>) {{ %c = add(%a, %b) : tensor<f32> return(%c) }} %s "
        "= "
        "reduce(%0, %z) {{dimensions = {}}} : {} (%d: tensor<f32>, %e: tensor<f32>) {{ %f = add(%d, %e) : tensor<f32> "
        "return(%f) }} return(%r, %s) }}",
        second, result);
  };
  for (const auto& [second, result] : {std::pair{"[1, 2]", "tensor<4xf32>"}, {"[0, 1]", "tensor<6xf32>"}}) {
    const TestGroup test(body(second, result), fusion::GroupKind::kRow);
    EXPECT_EQ(test.Lower(VectorProfile()).status().code(), StatusCode::kInternal) << second;
  }
  const TestGroup same(body("[2]", "tensor<4x8xf32>"), fusion::GroupKind::kRow);
  ASSERT_TRUE(FindRowPhases(same.group).ok());
  EXPECT_EQ(FindRowPhases(same.group)->phases.size(), 1u);
  EXPECT_EQ(FindRowPhases(same.group)->num_rows, 32);
}

}  // namespace
}  // namespace dragoman::kernel
