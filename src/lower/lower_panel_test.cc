// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

HeroTest PanelTest(const char* name, int width, int height, const char* dtype) {
  const bool is_lu = std::string_view(name) == "lu_panel";
  const std::string panel = Format("tensor<2x{}x{}x{}>", width, height, dtype);
  const std::string more = is_lu ? Format(", tensor<2x{}xsi32>, tensor<2x{}xsi32>", width, height)
                                 : Format(", tensor<2x{}x{}>", width, dtype);
  return HeroTest(fusion::GroupKind::kPanel,
                  Format("(%a: {0}, %f: tensor<si32>) {{ %r, %t{1} = {2}(%a, %f) : {0}{3} return(%r, %t{1}) }}", panel,
                         is_lu ? ", %o" : "", name, more));
}

// Those that keep a panel in memory, and those that hold it in registers, by subgroups of these sizes.
std::vector<target::DeviceProfile> PanelProfiles() {
  std::vector<target::DeviceProfile> profiles = HeroProfiles();
  for (const int size : {8, 32, 64}) {
    target::DeviceProfile gpu = HeroProfiles()[1];
    gpu.subgroup_basic = gpu.subgroup_shuffle = gpu.subgroup_size_control = true;
    gpu.subgroup_size = gpu.subgroup_min_size = gpu.subgroup_max_size = size;
    profiles.push_back(gpu);
  }
  return profiles;
}

// From the first row of a matrix, from a later one, and where the last columns have no diagonal.
TEST(LowerPanel, FactorsPanels) {
  for (const target::DeviceProfile& profile : PanelProfiles()) {
    for (const char* name : {"lu_panel", "qr_panel"}) {
      for (const auto& [width, height, first] : {std::tuple{1, 1, 0}, std::tuple{3, 7, 0}, std::tuple{8, 90, 40},
                                                 std::tuple{4, 10, 8}, std::tuple{5, 3, 0}, std::tuple{16, 300, 17}}) {
        for (const char* dtype : {"f32", "f64", "c64"}) {
          SCOPED_TRACE(Format("{} {} {} {} {}", name, width, height, first, dtype));
          HeroTest test = PanelTest(name, width, height, dtype);
          if (dtype[0] == 'f') test.SetUniform(0, -1, 1);
          test.SetInts(1, {first});
          test.ExpectMatches(profile, 0, dtype[1] == '6' ? 1e-4 : 1e-3);
        }
      }
    }
  }
}

TEST(LowerPanel, PivotsOfZeroLeaveTheirColumns) {
  for (const target::DeviceProfile& profile : PanelProfiles()) {
    HeroTest test = PanelTest("lu_panel", 2, 3, "f32");
    test.SetDoubles(0, {0, 0, 0, 1, 2, 4, 3, 3, 3, 3, 3, 3});
    test.SetInts(1, {0});
    test.ExpectMatches(profile, 0, 1e-6);
  }
}

TEST(LowerPanel, ReflectorsOfHugeAndTinyColumnsAreRight) {
  for (const target::DeviceProfile& profile : PanelProfiles()) {
    HeroTest test = PanelTest("qr_panel", 1, 4, "f32");
    test.SetDoubles(0, {3e30, 1e30, -2e30, 1e30, 3e-30, 1e-30, -2e-30, 1e-30});
    test.SetInts(1, {0});
    const auto results = test.Run(profile);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_NEAR(reference::ElementAsDouble(results[0], 0) / -3.87298e30, 1, 1e-5);
    EXPECT_NEAR(reference::ElementAsDouble(results[0], 4) / -3.87298e-30, 1, 1e-5);
  }
}

// Rows of the panel in the middle, at the beginning and where it reaches below the last row.
TEST(LowerPanel, UpdatesWhatIsBesideAPanelOfLu) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const auto& [width, rows, columns, first] :
         {std::tuple{1, 1, 1, 0}, std::tuple{3, 7, 5, 2}, std::tuple{8, 70, 300, 40}, std::tuple{4, 6, 140, 4}}) {
      for (const char* dtype : {"f32", "f64", "c64"}) {
        SCOPED_TRACE(Format("{} {} {} {} {}", width, rows, columns, first, dtype));
        HeroTest test(fusion::GroupKind::kPanel,
                      Format("(%a: tensor<2x{0}x{1}x{3}>, %p: tensor<2x{2}x{0}x{3}>, %o: tensor<2x{0}xsi32>, %f: "
                             "tensor<si32>) {{ %r = lu_update(%a, %p, %o, %f) : tensor<2x{0}x{1}x{3}> return(%r) }}",
                             rows, columns, width, dtype));
        for (int i = 0; i < 2 && dtype[0] == 'f'; ++i) test.SetUniform(i, -1, 1);
        std::vector<int64_t> order;
        for (int64_t i = 0; i < int64_t{2} * rows; ++i) order.push_back(i % rows);
        std::reverse(order.begin() + first, order.begin() + rows);
        std::rotate(order.begin() + rows + first, order.end() - 1, order.end());
        test.SetInts(2, order);
        test.SetInts(3, {first});
        test.ExpectMatches(profile, 0, dtype[0] == 'c' ? 1e-3 : 1e-4);
      }
    }
  }
}

// Diagonally dominant, and nothing to be read before the diagonal, nor what is imaginary on it.
TEST(LowerPanel, FactorsPanelsOfHermitianMatrices) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const auto& [width, columns, first] : {std::tuple{4, 4, 0}, std::tuple{8, 24, 8}, std::tuple{16, 50, 32}}) {
      for (const char* dtype : {"f32", "f64", "c64"}) {
        SCOPED_TRACE(Format("{} {} {} {}", width, columns, first, dtype));
        HeroTest test(fusion::GroupKind::kPanel,
                      Format("(%a: tensor<2x{0}x{1}x{2}>, %f: tensor<si32>) {{ %r = cholesky_panel(%a, %f) : "
                             "tensor<2x{0}x{1}x{2}> return(%r) }}",
                             width, columns, dtype));
        const int parts = dtype[0] == 'c' ? 2 : 1;
        std::vector<double> values(int64_t{2} * width * columns * parts);
        for (size_t i = 0; i < values.size(); ++i) {
          const auto place = static_cast<int64_t>(i) / parts;
          const int64_t row = place / columns % width, column = place % columns;
          values[i] = column < first + row ? NAN : static_cast<double>((i * 7) % 11) / 11 - 0.5;
          if (column == first + row) values[i] = i % parts == 0 ? width : NAN;
        }
        const TensorType parts_type{RealPart(test.inputs[0].type().dtype), {static_cast<int64_t>(values.size())}};
        test.inputs[0] = ir::Literal(test.inputs[0].type(), reference::LiteralFromDoubles(parts_type, values).Dense());
        test.SetInts(1, {first});
        test.ExpectMatches(profile, 0, 1e-5);
      }
    }
  }
}

TEST(LowerPanel, RotatesBlocksAndMovesTheirHalves) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const auto& [blocks, size] : {std::pair{1, 2}, std::pair{2, 4}, std::pair{3, 6}, std::pair{2, 16}}) {
      for (const int both : {0, 1}) {
        for (const char* dtype : {"f32", "c64"}) {
          HeroTest test(
              fusion::GroupKind::kPanel,
              Format("(%a: tensor<2x{0}x{0}x{3}>, %j: tensor<2x{1}x{2}x{2}x{3}>) {{ %r = rotate_blocks(%a, %j) "
                     "{{both_sides = {4}}} : tensor<2x{0}x{0}x{3}> return(%r) }}",
                     blocks * size, blocks, size, dtype, both));
          test.ExpectMatches(profile, 0, 1e-5);
        }
      }
    }
  }
}

double OffDiagonal(const std::vector<std::vector<double>>& a) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a.size(); ++j) sum += i == j ? 0 : a[i][j] * a[i][j];
  }
  return sum;
}

// J^T A J.
std::vector<std::vector<double>> RotatedBy(const ir::Literal& j, const std::vector<std::vector<double>>& a) {
  const auto n = static_cast<int64_t>(a.size());
  std::vector<std::vector<double>> result(n, std::vector<double>(n));
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < n; ++c) {
      for (int64_t x = 0; x < n; ++x) {
        for (int64_t y = 0; y < n; ++y) {
          result[r][c] += reference::ElementAsDouble(j, x * n + r) * a[x][y] * reference::ElementAsDouble(j, y * n + c);
        }
      }
    }
  }
  return result;
}

TEST(LowerPanel, RotationsShrinkWhatIsOffTheDiagonal) {
  constexpr int64_t kSize = 8;
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    HeroTest test(
        fusion::GroupKind::kPanel,
        "(%a: tensor<1x8x8xf32>) { %r = jacobi_rotations(%a) {block_size = 8} : tensor<1x1x8x8xf32> return(%r) }");
    std::vector<std::vector<double>> a(kSize, std::vector<double>(kSize));
    std::vector<double> values;
    for (int64_t i = 0; i < kSize * kSize; ++i) {
      const int64_t row = i / kSize, column = i % kSize;
      a[row][column] = static_cast<double>((row * column * 7 + row + column) % 11) / 11;
      values.push_back(a[row][column]);
    }
    test.SetDoubles(0, values);
    const auto results = test.Run(profile);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_LT(OffDiagonal(RotatedBy(results[0], a)), 0.3 * OffDiagonal(a));
  }
}

}  // namespace
}  // namespace dragoman::kernel
