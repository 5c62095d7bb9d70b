// SPDX-License-Identifier: Apache-2.0
// Every kind of group on devices of every limit and on recorded ones: the kernels fit, verify, are the same each time,
// read and write within their buffers, and give what the reference gives.
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/product_run_testing.h"
#include "lower/small_matrix.h"

namespace dragoman::kernel {
namespace {

struct DeviceCase {
  fusion::GroupKind kind;
  std::string body;
  double tolerance = 0;
  int num_in_place = 0;
};

std::string SumOf(const std::string& from, const std::string& to, const char* dimensions, const std::string& dtype) {
  return Format(
      "(%0: tensor<{0}{3}>) {{ %z = constant() {{value = dense<0>}} : tensor<{3}> %r = reduce(%0, %z) {{dimensions = "
      "{2}}} "
      ": tensor<{1}{3}> (%a: tensor<{3}>, %b: tensor<{3}>) {{ %c = add(%a, %b) : tensor<{3}> return(%c) }} return(%r) "
      "}}",
      from, to, dimensions, dtype);
}

std::vector<DeviceCase> DeviceCases() {
  using Kind = fusion::GroupKind;
  const std::string less =
      "(%a: tensor<f32>, %b: tensor<f32>) { %c = compare(%a, %b) {comparison_direction = 5, compare_type = 0} : "
      "tensor<i1> return(%c) } return(%r) }";
  const std::string add =
      "(%a: tensor<f32>, %b: tensor<f32>) { %c = add(%a, %b) : tensor<f32> return(%c) } return(%r) }";
  return {
      {Kind::kLoop,
       "(%0: tensor<33x34xf32>) { %1 = transpose(%0) {permutation = [1, 0]} : tensor<34x33xf32> return(%1) }"},
      {Kind::kLoop, "(%0: tensor<1001xf16>) { %1 = negate(%0) : tensor<1001xf16> return(%1) }"},
      {Kind::kReduce, SumOf("3x5000x", "3x", "[1]", "f32")},
      {Kind::kReduce, SumOf("5000x3x", "3x", "[0]", "f32")},
      {Kind::kReduce, SumOf("700x64x", "64x", "[0]", "bf16"), 0.01},
      {Kind::kReduce, SumOf("2x300x40x", "2x40x", "[1]", "si64")},
      {Kind::kReduce, SumOf("20000x", "", "[0]", "f64")},
      {Kind::kScan,
       "(%0: tensor<3x1500xf32>, %1: tensor<f32>) { %r = scan(%0, %1) {dimension = 1, is_reverse = 1} : "
       "tensor<3x1500xf32> " +
           add},
      {Kind::kSort,
       "(%0: tensor<3x1500xf32>) { %r = sort(%0) {dimension = 1, is_stable = 1} : tensor<3x1500xf32> " + less},
      {Kind::kReduceWindow,
       "(%0: tensor<2x9x9x8xf32>, %1: tensor<f32>) { %r = reduce_window(%0, %1) {window_dimensions = [1, 3, 3, 1], "
       "window_strides = [1, 2, 2, 1], base_dilations = [1, 1, 1, 1], window_dilations = [1, 1, 1, 1], padding = [0, "
       "0, "
       "1, 1, 1, 1, 0, 0]} : tensor<2x5x5x8xf32> " +
           add},
      {Kind::kScatter,
       "(%0: tensor<9x6xf32>, %1: tensor<200x1xsi32>, %2: tensor<200x6xf32>) { %r = scatter(%0, %1, %2) "
       "{update_window_dims = [1], inserted_window_dims = [0], input_batching_dims = [], scatter_indices_batching_dims "
       "= "
       "[], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, indices_are_sorted = 0, unique_indices = 0} : "
       "tensor<9x6xf32> " +
           add,
       0, 1},
      {Kind::kDynamicUpdateSlice,
       "(%0: tensor<9x8xf32>, %1: tensor<2x8xf32>, %2: tensor<si32>, %3: tensor<si32>) { %r = dynamic_update_slice(%0, "
       "%1, "
       "%2, %3) : tensor<9x8xf32> return(%r) }",
       0, 1},
      {Kind::kDot,
       "(%0: tensor<33x70xf32>, %1: tensor<70x20xf32>) { %r = dot_general(%0, %1) {lhs_batching_dimensions = [], "
       "rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = "
       "0} "
       ": tensor<33x20xf32> return(%r) }"},
  };
}

std::vector<target::DeviceProfile> AllDevices() {
  std::vector<target::DeviceProfile> profiles = LimitProfiles();
  for (const char* name :
       {"navi31", "polaris10", "raven", "adreno618", "a380", "bmg", "m1", "nvke4", "lavapipe", "dzn"}) {
    profiles.push_back(RecordedProfile(name));
    profiles.back().name = name;
  }
  return profiles;
}

TEST(DeviceLimits, EveryKindOfGroupComesOutTheSameOnEveryDevice) {
  for (const DeviceCase& row : DeviceCases()) {
    SCOPED_TRACE(row.body);
    const HeroTest test(row.kind, row.body);
    ASSERT_NE(test.module, nullptr);
    for (const target::DeviceProfile& profile : AllDevices()) {
      SCOPED_TRACE(profile.name);
      const bool lacks_f64 = !profile.float64 && row.body.find("f64") != std::string::npos;
      if (!lacks_f64) test.ExpectMatches(profile, row.num_in_place, row.tolerance);
    }
  }
}

TEST(DeviceLimits, LoweringTwiceGivesTheSameKernels) {
  for (const DeviceCase& row : DeviceCases()) {
    const HeroTest first(row.kind, row.body), second(row.kind, row.body);
    for (const target::DeviceProfile& profile : AllDevices()) {
      const auto a = LowerGroup(first.group, {profile}), b = LowerGroup(second.group, {profile});
      ASSERT_TRUE(a.ok() && b.ok());
      ASSERT_EQ(a->dispatches.size(), b->dispatches.size());
      EXPECT_EQ(a->temporaries, b->temporaries);
      for (size_t i = 0; i < a->dispatches.size(); ++i) {
        EXPECT_EQ(Print(a->dispatches[i].kernel), Print(b->dispatches[i].kernel)) << row.body;
        EXPECT_EQ(a->dispatches[i].params, b->dispatches[i].params);
        EXPECT_EQ(a->dispatches[i].workgroups, b->dispatches[i].workgroups);
      }
    }
  }
}

// Without elements there is nothing to run, and nothing is asked of the device.
TEST(DeviceLimits, EmptyResultsGiveNoDispatches) {
  using Kind = fusion::GroupKind;
  const std::string add =
      "(%a: tensor<f32>, %b: tensor<f32>) { %c = add(%a, %b) : tensor<f32> return(%c) } return(%r) }";
  const DeviceCase rows[] = {
      {Kind::kLoop, "(%0: tensor<0x4xf32>) { %r = negate(%0) : tensor<0x4xf32> return(%r) }"},
      {Kind::kReduce, SumOf("0x5x", "0x", "[1]", "f32")},
      {Kind::kScan,
       "(%0: tensor<0x5xf32>, %1: tensor<f32>) { %r = scan(%0, %1) {dimension = 0, is_reverse = 0} : "
       "tensor<0x5xf32> " +
           add},
      {Kind::kSort,
       "(%0: tensor<0x5xf32>) { %r = sort(%0) {dimension = 1, is_stable = 1} : tensor<0x5xf32> (%a: "
       "tensor<f32>, %b: tensor<f32>) { %c = compare(%a, %b) {comparison_direction = 5, compare_type = 0} : "
       "tensor<i1> return(%c) } return(%r) }"},
      {Kind::kReduceWindow,
       "(%0: tensor<2xf32>, %1: tensor<f32>) { %r = reduce_window(%0, %1) {window_dimensions = [3], "
       "window_strides = [1], base_dilations = [1], window_dilations = [1], padding = [0, 0]} : "
       "tensor<0xf32> " +
           add},
      {Kind::kDot,
       "(%0: tensor<0x70xf32>, %1: tensor<70x20xf32>) { %r = dot_general(%0, %1) {lhs_batching_dimensions = [], "
       "rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = "
       "0} "
       ": tensor<0x20xf32> return(%r) }"},
      {Kind::kCholesky, "(%a: tensor<0x3x3xf32>) { %r = cholesky(%a) {lower = 1} : tensor<0x3x3xf32> return(%r) }"},
      {Kind::kTriangularSolve,
       "(%a: tensor<2x4x4xf32>, %b: tensor<2x4x0xf32>) { %r = triangular_solve(%a, %b) {left_side = 1, lower = 1, "
       "unit_diagonal = 0, transpose_a = 1} : tensor<2x4x0xf32> return(%r) }"},
  };
  for (const DeviceCase& row : rows) {
    SCOPED_TRACE(row.body);
    const HeroTest test(row.kind, row.body);
    ASSERT_NE(test.module, nullptr);
    for (const target::DeviceProfile& profile : LimitProfiles()) {
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      EXPECT_TRUE(lowered->dispatches.empty());
    }
  }
}

TEST(DeviceLimits, ControlFlowAndTransfersHaveNoKernels) {
  for (const auto kind : {fusion::GroupKind::kWhile, fusion::GroupKind::kCase, fusion::GroupKind::kHostTransfer}) {
    fusion::Group group;
    group.kind = kind;
    const auto lowered = LowerGroup(group, {HeroProfiles()[0]});
    EXPECT_EQ(lowered.status().code(), StatusCode::kInternal);
    EXPECT_NE(lowered.status().message().find(fusion::Name(kind)), std::string::npos);
  }
}

std::string CholeskyBody(int64_t n, const char* dtype) {
  return Format("(%a: tensor<{0}x{0}x{1}>) {{ %r = cholesky(%a) {{lower = 1}} : tensor<{0}x{0}x{1}> return(%r) }}", n,
                dtype);
}
std::string SolveBody(int64_t n, int64_t m, const char* dtype, int left_side = 1, int transpose = 1) {
  return Format(
      "(%a: tensor<{0}x{0}x{2}>, %b: tensor<{0}x{1}x{2}>) {{ %r = triangular_solve(%a, %b) {{left_side = {3}, lower = "
      "1, "
      "unit_diagonal = 0, transpose_a = {4}}} : tensor<{0}x{1}x{2}> return(%r) }}",
      n, m, dtype, left_side, transpose);
}

// A matrix alone, or with the columns that are solved for, and not a byte more than there is.
TEST(SmallMatrix, FitsSharedMemoryToTheByteOrIsRefused) {
  const struct {
    fusion::GroupKind kind;
    std::string body;
    int bytes;
  } rows[] = {{fusion::GroupKind::kCholesky, CholeskyBody(64, "f32"), 16384},
              {fusion::GroupKind::kCholesky, CholeskyBody(64, "f64"), 32768},
              {fusion::GroupKind::kCholesky, CholeskyBody(1, "f32"), 4},
              {fusion::GroupKind::kTriangularSolve, SolveBody(64, 3, "f32"), 4 * (64 * 64 + 64 * 64)},
              {fusion::GroupKind::kTriangularSolve, SolveBody(32, 200, "f64"), 8 * (32 * 32 + 32 * 64)}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.body);
    const HeroTest test(row.kind, row.body);
    target::DeviceProfile profile = HeroProfiles()[1];
    profile.shared_memory_bytes = row.bytes;
    const auto fits = LowerGroup(test.group, {profile});
    ASSERT_TRUE(fits.ok()) << fits.status().message();
    ExpectWithinLimits(*fits, profile);
    EXPECT_EQ(SharedBytes(fits->dispatches[0].kernel), row.bytes);
    profile.shared_memory_bytes = row.bytes - 1;
    const auto lowered = LowerGroup(test.group, {profile});
    EXPECT_EQ(lowered.status().code(), StatusCode::kUnimplemented);
    EXPECT_NE(lowered.status().message().find(Format("{} bytes", row.bytes)), std::string::npos)
        << lowered.status().message();
  }
}

TEST(SmallMatrix, SolvesInBothPrecisionsOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    for (const char* dtype : {"f32", "f64"}) {
      for (const auto& [n, m] : {std::pair{1, 65}, {7, 64}, {16, 130}}) {
        SCOPED_TRACE(Format("{}x{} {}", n, m, dtype));
        HeroTest solve(fusion::GroupKind::kTriangularSolve, SolveBody(n, m, dtype));
        HeroTest factor(fusion::GroupKind::kCholesky, CholeskyBody(n, dtype));
        std::vector<double> matrix(static_cast<size_t>(n) * n, 0.5);
        for (int i = 0; i < n; ++i) matrix[i * n + i] = n + 1;
        solve.SetDoubles(0, matrix);
        factor.SetDoubles(0, matrix);
        const double tolerance = dtype == std::string("f64") ? 1e-12 : 1e-5;
        solve.ExpectMatches(profile, 0, tolerance);
        factor.ExpectMatches(profile, 0, tolerance);
      }
    }
  }
}

TEST(SmallMatrix, RefusesOtherSidesTransposesAndTypes) {
  const auto code = [](fusion::GroupKind kind, const std::string& body) {
    return LowerGroup(HeroTest(kind, body).group, {HeroProfiles()[1]}).status().code();
  };
  EXPECT_EQ(code(fusion::GroupKind::kTriangularSolve, SolveBody(4, 4, "f32")), StatusCode::kOk);
  EXPECT_EQ(code(fusion::GroupKind::kTriangularSolve, SolveBody(4, 4, "f32", 0)), StatusCode::kUnimplemented);
  EXPECT_EQ(code(fusion::GroupKind::kTriangularSolve, SolveBody(4, 4, "f32", 1, 2)), StatusCode::kUnimplemented);
  EXPECT_EQ(code(fusion::GroupKind::kCholesky, CholeskyBody(4, "c64")), StatusCode::kUnimplemented);
  EXPECT_EQ(code(fusion::GroupKind::kCholesky, CholeskyBody(4, "f16")), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dragoman::kernel
