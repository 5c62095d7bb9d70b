// SPDX-License-Identifier: Apache-2.0
#include "lower/product/tile_config.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/arithmetic.h"
#include "lower/product/matrix_product.h"
#include "lower/product/tile_product.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

// A large discrete card.
target::DeviceProfile LargeGpu() {
  target::DeviceProfile profile = VectorProfile();
  profile.compute_units = 132;
  return profile;
}

ProductConfig ChooseDot(int64_t m, int64_t n, int64_t k, const target::DeviceProfile& profile) {
  const ProductTest test({DType::kF32, {m, k}}, {DType::kF32, {k, n}},
                         [](ir::Block& block, const std::vector<ir::Value*>& operands) {
                           return AppendDot(block, operands, {{}, {}, {1}, {0}}, DType::kF32);
                         });
  const Product product = test.Prepared();
  return ChooseProductKernel(product, SimplifyProduct(product), {profile});
}

ProductConfig ChooseConvolution(const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims,
                                const target::DeviceProfile& profile) {
  const ProductTest test({DType::kF32, lhs}, {DType::kF32, rhs},
                         [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                           return AppendConvolution(block, operands, dims, DType::kF32);
                         });
  const Product product = test.Prepared();
  return ChooseProductKernel(product, SimplifyProduct(product), {profile});
}

int64_t Workgroups(const ProductConfig& config, int64_t m, int64_t n) {
  return (m + config.tile_m - 1) / config.tile_m * ((n + config.tile_n - 1) / config.tile_n) * config.splits;
}

TEST(TileConfig, GivesLargeProductsTheLargestTile) {
  const ProductConfig config = ChooseDot(4096, 4096, 4096, LargeGpu());
  EXPECT_EQ(config.kernel, ProductKernel::kTile);
  EXPECT_EQ(config.tile_m, 128);
  EXPECT_EQ(config.tile_n, 128);
  EXPECT_EQ(config.splits, 1);
  EXPECT_FALSE(config.reason.empty());
}

TEST(TileConfig, TakesTheCandidateThatWasMeasured) {
  const ProductTest test({DType::kF32, {1024, 512}}, {DType::kF32, {512, 1024}},
                         [](ir::Block& block, const std::vector<ir::Value*>& operands) {
                           return AppendDot(block, operands, {{}, {}, {1}, {0}}, DType::kF32);
                         });
  const Product product = test.Prepared();
  const ProductForm form = SimplifyProduct(product);
  const target::DeviceProfile profile = LargeGpu();
  const ProductConfig estimated = ChooseProductKernel(product, form, {profile});
  const std::string key = TuningKey(product, form);
  EXPECT_EQ(key, "1x1024x1024x512 f32 along K, f32 to f32");
  std::set<std::string> names;
  for (const ProductCandidate& candidate : TileCandidates(product, form, profile)) {
    const std::string name = TuningName(candidate.config);
    names.insert(name);
    const target::Options tuned{.tuning = {{{key, name}}}};
    EXPECT_EQ(TuningName(ChooseProductKernel(product, form, {profile, tuned})), name);
    const target::Options foreign{.tuning = {{{"1x1x1x1", name}}}};
    EXPECT_EQ(TuningName(ChooseProductKernel(product, form, {profile, foreign})), TuningName(estimated));
  }
  EXPECT_GT(names.size(), 20u);
  const target::Options unknown{.tuning = {{{key, "tile 1x2x3 with 4 parts of K"}}}};
  EXPECT_EQ(TuningName(ChooseProductKernel(product, form, {profile, unknown})), TuningName(estimated));
}

TEST(TileConfig, KeepsWithinTheRegistersOfAnInvocation) {
  target::DeviceProfile small = LargeGpu();
  small.tile_registers = 52;
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{4096, 4096, 4096}, {784, 128, 64}, {64, 64, 784}}) {
    const ProductConfig config = ChooseDot(m, n, k, small);
    ASSERT_EQ(config.kernel, ProductKernel::kTile);
    const int staged = (config.tile_m + config.tile_n) * config.tile_k / config.workgroup_size;
    EXPECT_LE(config.rows * config.columns + staged, 52) << config.reason;
  }
}

// Three channels are loaded one by one, each at a place of its own; sixty-four come four at a time.
TEST(TileConfig, CountsTheRegistersOfWhereConvolutionsLoad) {
  target::DeviceProfile small = LargeGpu();
  small.tile_registers = 52;
  small.compute_units = 8;
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.padding = {3, 3, 3, 3};
  dims.strides = {2, 2};
  const ProductConfig stem = ChooseConvolution({2, 64, 64, 3}, {7, 7, 3, 64}, dims, small);
  const ProductConfig deep = ChooseConvolution({2, 64, 64, 64}, {7, 7, 64, 64}, dims, small);
  EXPECT_EQ(deep.rows * deep.columns, 32) << deep.reason;
  EXPECT_EQ(stem.rows * stem.columns, 16) << stem.reason;
  small.tile_registers = 128;
  EXPECT_GE(ChooseConvolution({2, 64, 64, 3}, {7, 7, 3, 64}, dims, small).rows, 8);
}

TEST(TileConfig, KeepsTheDeviceBusyWithSmallProducts) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{512, 512, 512}, {128, 512, 512}, {128, 10, 1600}}) {
    const ProductConfig config = ChooseDot(m, n, k, LargeGpu());
    EXPECT_EQ(config.kernel, ProductKernel::kTile);
    EXPECT_GE(Workgroups(config, m, n), 64) << config.reason;
  }
}

// One wave a workgroup would leave three of a compute unit's four multipliers idle.
TEST(TileConfig, GivesSmallProductsSeveralWavesWhereAWaveIsSlow) {
  target::DeviceProfile gcn = LargeGpu();
  gcn.compute_units = 64;
  EXPECT_EQ(ChooseDot(128, 128, 512, gcn).workgroup_size, 64);
  gcn.multiply_add_cycles = 4;
  EXPECT_GT(ChooseDot(128, 128, 512, gcn).workgroup_size, 64);
}

TEST(TileConfig, SplitsLongSumsOfFewResults) {
  const ConvolutionDims weights = {"f01b", "i01o", "01bf"};
  const ProductConfig config = ChooseConvolution({128, 13, 13, 32}, {128, 11, 11, 64}, weights, LargeGpu());
  EXPECT_GE(Workgroups(config, 288, 64), 64) << config.reason;
}

ProductConfig ChooseTransposedDot(const Dims& lhs, const Dims& rhs, const target::DeviceProfile& profile) {
  const int64_t last = static_cast<int64_t>(lhs.size()) - 1;
  const DotDims dims = last == 2 ? DotDims{{0}, {0}, {2}, {2}} : DotDims{{}, {}, {1}, {1}};
  const ProductTest test({DType::kBF16, lhs}, {DType::kBF16, rhs},
                         [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                           return AppendDot(block, operands, dims, DType::kF32);
                         });
  const Product product = test.Prepared();
  return ChooseProductKernel(product, SimplifyProduct(product), {profile});
}

TEST(TileConfig, LoadsRowsOfALongOperandByNeighbours) {
  for (const int64_t n : {1024, 4096, 32000}) {
    for (const int64_t m : {1, 8}) {
      const ProductConfig config = ChooseTransposedDot({m, 4096}, {n, 4096}, LargeGpu());
      SCOPED_TRACE(config.reason);
      ASSERT_EQ(config.kernel, ProductKernel::kDirect);
      EXPECT_TRUE(config.along_k);
      EXPECT_GE(config.parts, 8);
      EXPECT_GE(CeilDiv(m, config.rows) * n / config.columns * config.parts / config.workgroup_size, 100);
    }
  }
  EXPECT_EQ(ChooseTransposedDot({1, 100000}, {4, 100000}, LargeGpu()).kernel, ProductKernel::kRow)
      << "one workgroup would take long";
}

TEST(TileConfig, LoadsSeveralStepsOfFewRowsAtOnceAndSumsThemInTheWorkgroup) {
  const ProductConfig config = ChooseDot(8, 3072, 1024, LargeGpu());
  ASSERT_EQ(config.kernel, ProductKernel::kDirect);
  EXPECT_EQ(config.rows, 8);
  EXPECT_EQ(config.unroll_k, 8);
  EXPECT_GE(config.parts, 8);
  EXPECT_EQ(config.splits, 1);
  EXPECT_FALSE(config.along_k);
  const ProductConfig odd = ChooseDot(8, 3072, 1023, LargeGpu());
  EXPECT_GE(odd.parts, 8);
  EXPECT_EQ(odd.unroll_k, 1);
  EXPECT_EQ(ChooseDot(8, 1024, 1024, LargeGpu()).rows, 4) << "else half of the units have no work";
}

TEST(TileConfig, GivesManyShortRowsToTheirNeighbours) {
  for (const int64_t batch : {2, 128}) {
    const ProductConfig config = ChooseTransposedDot({batch, 1, 64}, {batch, 512, 64}, LargeGpu());
    EXPECT_EQ(config.kernel, ProductKernel::kDirect);
    EXPECT_TRUE(config.along_k);
    EXPECT_EQ(config.parts, 8);
  }
}

TEST(TileConfig, ComputesDepthwiseConvolutionsDirectly) {
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.feature_groups = 96;
  const ProductConfig config = ChooseConvolution({32, 56, 56, 96}, {3, 3, 1, 96}, dims, LargeGpu());
  EXPECT_EQ(config.kernel, ProductKernel::kDirect);
  EXPECT_EQ(config.column_axis, ProductAxis::kBatch);
  EXPECT_EQ(config.columns, 4);
  EXPECT_TRUE(config.slides);
  EXPECT_EQ(config.rows, 2);  // of 54
  EXPECT_FALSE(ChooseConvolution({32, 56, 56, 96}, {3, 1, 1, 96}, dims, LargeGpu()).slides) << "windows do not overlap";
  EXPECT_FALSE(ChooseConvolution({1, 16, 16, 96}, {3, 3, 1, 96}, dims, LargeGpu()).slides) << "too little work";
}

TEST(TileConfig, SharesFewShortSumsAmongInvocations) {
  const ProductConfig few = ChooseDot(8, 64, 16, LargeGpu());
  const ProductConfig many = ChooseDot(8, 65536, 16, LargeGpu());
  ASSERT_EQ(few.kernel, ProductKernel::kDirect);
  ASSERT_EQ(many.kernel, ProductKernel::kDirect);
  EXPECT_EQ(few.rows, 1);
  EXPECT_EQ(many.rows, 8);
}

TEST(TileConfig, WritesShortCodeForCpus) {
  const ProductConfig config = ChooseDot(512, 512, 512, ScalarProfile());
  EXPECT_EQ(config.kernel, ProductKernel::kDirect);
  EXPECT_LE(config.rows * config.columns, 64);
}

TEST(TileConfig, StaysWithinTheDevicesLimits) {
  target::DeviceProfile small = LargeGpu();
  small.max_workgroup_invocations = 128;
  small.shared_memory_bytes = 16384;
  for (const int64_t size : {64, 512, 4096}) {
    const ProductConfig config = ChooseDot(size, size, size, small);
    EXPECT_LE(config.workgroup_size, 128);
    if (config.kernel == ProductKernel::kTile) {
      EXPECT_LE(TileSharedBytes(config, DType::kF32), 16384);
    }
  }
}

// A card whose matrix unit multiplies 16x16x16.
target::DeviceProfile WithMatrixUnit() {
  target::DeviceProfile profile = LargeGpu();
  profile.cooperative_matrix = true;
  profile.vulkan_memory_model = true;
  profile.subgroup_basic = true;
  profile.subgroup_size = profile.subgroup_min_size = profile.subgroup_max_size = 32;
  profile.shared_memory_bytes = 49152;
  profile.matrix_registers = 208;
  profile.matrix_shapes = {{16, 8, 16, DType::kBF16, DType::kF32},
                           {16, 16, 16, DType::kBF16, DType::kF32},
                           {16, 16, 16, DType::kF16, DType::kF16}};
  return profile;
}

TileUnit UnitFor(DType input, const Dims& lhs, const Dims& rhs, const target::DeviceProfile& profile,
                 DType result = DType::kF32) {
  const ProductTest test({input, lhs}, {input, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendDot(block, operands, {{}, {}, {1}, {0}}, result);
  });
  const Product product = test.Prepared();
  const ProductConfig config = ChooseProductKernel(product, SimplifyProduct(product), {profile});
  if (config.unit == TileUnit::kMatrix && result == DType::kF32) {
    EXPECT_EQ(config.matrix, (target::MatrixShape{16, 16, 16, DType::kBF16, DType::kF32}));
    EXPECT_LE(MatrixSharedBytes(config), profile.shared_memory_bytes);
    EXPECT_TRUE(StripFits(config));
  }
  return config.unit;
}

TEST(TileConfig, GivesMatrixUnitsWhatTheyTake) {
  const target::DeviceProfile profile = WithMatrixUnit();
  EXPECT_EQ(UnitFor(DType::kBF16, {4096, 4096}, {4096, 4096}, profile), TileUnit::kMatrix);
  EXPECT_EQ(UnitFor(DType::kBF16, {8192, 384}, {384, 384}, profile), TileUnit::kMatrix);
  EXPECT_EQ(UnitFor(DType::kF32, {4096, 4096}, {4096, 4096}, profile), TileUnit::kSplitMatrix);
  target::DeviceProfile integers = profile;
  integers.matrix_shapes.push_back({16, 16, 32, DType::kS8, DType::kS32});
  EXPECT_EQ(UnitFor(DType::kS8, {4096, 4096}, {4096, 4096}, integers, DType::kS32), TileUnit::kMatrix);
  EXPECT_EQ(UnitFor(DType::kS8, {4096, 4094}, {4094, 4096}, integers, DType::kS32), TileUnit::kScalar);
  EXPECT_EQ(UnitFor(DType::kS8, {4096, 4096}, {4096, 4096}, profile, DType::kS32), TileUnit::kScalar);
  // Sums in f16 would lose what XLA keeps; rows of odd length have no pairs.
  EXPECT_EQ(UnitFor(DType::kF16, {4096, 4096}, {4096, 4096}, profile), TileUnit::kScalar);
  EXPECT_EQ(UnitFor(DType::kBF16, {4095, 4095}, {4095, 4096}, profile), TileUnit::kScalar);
}

TEST(TileConfig, SplitsFloat32WhereMatrixUnitsAreFast) {
  target::DeviceProfile profile = WithMatrixUnit();
  profile.matrix_registers = 128;
  EXPECT_EQ(UnitFor(DType::kF32, {4096, 4096}, {4096, 4096}, profile), TileUnit::kScalar);
}

TEST(TileConfig, LeavesSumsWholeInSplitTilesOfEightSubgroups) {
  int whole = 0;
  for (const Dims& dims : {Dims{192, 256, 64, 256}, Dims{1, 64, 4096, 4096}, Dims{1, 256, 64, 100000}}) {
    const ProductTest test({DType::kF32, {dims[0], dims[1], dims[3]}}, {DType::kF32, {dims[0], dims[3], dims[2]}},
                           [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                             return AppendDot(block, operands, {{0}, {0}, {2}, {1}}, DType::kF32);
                           });
    const Product product = test.Prepared();
    for (const ProductCandidate& candidate : TileCandidates(product, SimplifyProduct(product), WithMatrixUnit())) {
      const ProductConfig& config = candidate.config;
      if (config.unit != TileUnit::kSplitMatrix || config.tile_m != 64 || config.tile_k != 64) continue;
      ++whole;
      EXPECT_EQ(config.splits, 1);
      EXPECT_EQ(config.workgroup_size, 256);
    }
  }
  EXPECT_EQ(whole, 3);
}

TEST(TileConfig, LeavesMatrixUnitsAloneThatTheDeviceCannotUse) {
  target::DeviceProfile spills = WithMatrixUnit();
  spills.matrix_registers = 0;
  target::DeviceProfile old = WithMatrixUnit();
  old.vulkan_memory_model = false;
  target::DeviceProfile varying = WithMatrixUnit();
  varying.subgroup_min_size = 8;
  varying.subgroup_size_control = false;
  for (const auto& profile : {spills, old, varying}) {
    EXPECT_EQ(UnitFor(DType::kBF16, {4096, 4096}, {4096, 4096}, profile), TileUnit::kScalar);
  }
}

}  // namespace
}  // namespace dragoman::kernel
