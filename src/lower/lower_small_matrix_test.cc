// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/kinds.h"

namespace dragoman::kernel {
namespace {

// A diagonal that dominates keeps the systems well conditioned.
void MakeDominant(HeroTest& test, int64_t n, double diagonal) {
  const ir::Literal& literal = test.inputs[0];
  std::vector<double> values;
  for (int64_t i = 0; i < literal.type().num_elements(); ++i) {
    const int64_t row = i / n % n;
    const int64_t column = i % n;
    values.push_back(row == column ? diagonal : reference::ElementAsDouble(literal, i) / 16);
  }
  test.SetDoubles(0, values);
}

TEST(LowerCholesky, FactorsStacksFromEitherTriangle) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const int64_t n : {1, 2, 5, 17, 64}) {
      for (const int lower : {0, 1}) {
        HeroTest test(fusion::GroupKind::kCholesky,
                      Format("(%a: tensor<2x{0}x{0}xf32>) {{ %r = cholesky(%a) {{lower = {1}}} : tensor<2x{0}x{0}xf32> "
                             "return(%r) }}",
                             n, lower));
        MakeDominant(test, n, static_cast<double>(n) + 2);
        test.ExpectMatches(profile, 0, 1e-5);
      }
    }
  }
}

TEST(LowerCholesky, GivesNaNWhereAMatrixIsNotPositiveDefinite) {
  HeroTest test(fusion::GroupKind::kCholesky,
                "(%a: tensor<2x3x3xf32>) { %r = cholesky(%a) {lower = 1} : tensor<2x3x3xf32> return(%r) }");
  test.SetDoubles(0, {2, 0, 0, 1, 3, 0, 0, 1, 4, 2, 0, 0, 3, 1, 0, 0, 1, 4});
  for (const target::DeviceProfile& profile : HeroProfiles()) test.ExpectMatches(profile, 0, 1e-6);
}

TEST(LowerTriangularSolve, SolvesForManyColumns) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const auto& [n, m] :
         {std::pair{1, 1}, std::pair{6, 3}, std::pair{8, 70}, std::pair{13, 64}, std::pair{32, 129}}) {
      for (const int lower : {0, 1}) {
        for (const int unit : {0, 1}) {
          HeroTest test(
              fusion::GroupKind::kTriangularSolve,
              Format("(%a: tensor<2x{0}x{0}xf32>, %b: tensor<2x{0}x{1}xf32>) {{ %r = triangular_solve(%a, %b) "
                     "{{left_side = 1, lower = {2}, unit_diagonal = {3}, transpose_a = 1}} : "
                     "tensor<2x{0}x{1}xf32> return(%r) }}",
                     n, m, lower, unit));
          MakeDominant(test, n, 3);
          test.ExpectMatches(profile, 0, 1e-4);
        }
      }
    }
  }
}

TEST(LowerCholesky, RefusesWhatDoesNotFitSharedMemory) {
  const HeroTest test(fusion::GroupKind::kCholesky,
                      "(%a: tensor<500x500xf32>) { %r = cholesky(%a) {lower = 1} : tensor<500x500xf32> return(%r) }");
  EXPECT_EQ(LowerGroup(test.group, {HeroProfiles()[1]}).status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dragoman::kernel
