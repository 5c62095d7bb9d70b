// SPDX-License-Identifier: Apache-2.0
// What is chosen for products of real sizes on devices of every limit, and that it computes the same on all.
#include <gtest/gtest.h>

#include "lower/product/matrix_product.h"
#include "lower/product/tile_product.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

ProductTest TypedDot(DType dtype, const Dims& lhs, const Dims& rhs, const DotDims& dims) {
  const DType result = IsInteger(dtype) ? DType::kS32 : dtype;
  return ProductTest({dtype, lhs}, {dtype, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendDot(block, operands, dims, result);
  });
}
ProductTest TypedConvolution(DType dtype, const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  return ProductTest({dtype, lhs}, {dtype, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendConvolution(block, operands, dims, dtype);
  });
}
ConvolutionDims SameImages(int64_t groups = 1) {
  ConvolutionDims dims = {"b01f", "01io", "b01f"};
  dims.padding = {1, 1, 1, 1};
  dims.feature_groups = groups;
  return dims;
}
const DotDims kMatrixDims = {{}, {}, {1}, {0}};
const DotDims kTransposedDims = {{}, {}, {1}, {1}};

std::vector<target::DeviceProfile> ManyDevices() {
  std::vector<target::DeviceProfile> profiles = LimitProfiles();
  for (const char* name : {"navi31", "navi10", "polaris10", "vega10", "raven", "adreno630", "adreno740", "a380", "b580",
                           "skl", "m1", "h100", "nvk132", "lavapipe"}) {
    profiles.push_back(RecordedProfile(name));
    profiles.back().name = name;
  }
  return profiles;
}

// Lowered only: what they read would take gigabytes.
TEST(ProductLimits, RealProductsFitEveryDevice) {
  std::vector<ProductTest> tests;
  for (const DType dtype :
       {DType::kF32, DType::kBF16, DType::kF16, DType::kF64, DType::kC64, DType::kC128, DType::kS8}) {
    tests.push_back(TypedDot(dtype, {1024, 4096}, {4096, 1024}, kMatrixDims));
    tests.push_back(TypedDot(dtype, {1, 4096}, {50257, 4096}, kTransposedDims));
    tests.push_back(TypedDot(dtype, {4096, 50257}, {50257, 8}, kMatrixDims));
    tests.push_back(TypedDot(dtype, {12, 1024, 64}, {12, 1024, 64}, {{0}, {0}, {2}, {2}}));
    tests.push_back(TypedDot(dtype, {128, 128}, {128, 128}, kMatrixDims));
    tests.push_back(TypedDot(dtype, {100000}, {100000}, {{}, {}, {0}, {0}}));
    tests.push_back(TypedConvolution(dtype, {128, 56, 56, 64}, {3, 3, 64, 64}, SameImages()));
    tests.push_back(TypedConvolution(dtype, {128, 224, 224, 3}, {7, 7, 3, 64}, SameImages()));
    tests.push_back(TypedConvolution(dtype, {128, 28, 28, 96}, {3, 3, 1, 96}, SameImages(96)));
    tests.push_back(TypedConvolution(dtype, {64, 56, 56, 128}, {64, 56, 56, 64}, {"f01b", "i01o", "01bf"}));
  }
  for (const target::DeviceProfile& profile : ManyDevices()) {
    SCOPED_TRACE(profile.name);
    for (const ProductTest& test : tests) {
      SCOPED_TRACE(Format("{} by {}", test.group.inputs[0]->type.ToString(), test.group.inputs[1]->type.ToString()));
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      ExpectWithinLimits(*lowered, profile);
      EXPECT_FALSE(lowered->reason.empty());
      const bool is_split = lowered->dispatches.size() == 2;
      EXPECT_EQ(lowered->temporaries.size(), is_split ? 1u : 0u);
      const Product product = test.Prepared();
      const ProductForm form = SimplifyProduct(product);
      for (const ProductCandidate& candidate : TileCandidates(product, form, profile)) {
        const ProductConfig& config = candidate.config;
        EXPECT_LE(config.workgroup_size, profile.widest_workgroup()) << TuningName(config);
        EXPECT_GT(candidate.cycles, 0);
        const bool is_matrix = config.unit == TileUnit::kMatrix;
        EXPECT_LE(is_matrix ? MatrixSharedBytes(config) : TileSharedBytes(config, product.accumulator),
                  profile.shared_memory_bytes)
            << TuningName(config);
        // No part of K is empty.
        const int64_t steps = (form.extent(ProductAxis::kK) + config.tile_k - 1) / config.tile_k;
        EXPECT_LT((steps + config.splits - 1) / config.splits * (config.splits - 1), steps) << TuningName(config);
      }
    }
  }
}

// A tile of 128x128x8 keeps 8448 bytes of f32: where a byte is missing a smaller one is taken, without any no tile.
TEST(ProductLimits, TilesJustFitSharedMemoryOrAreNotTaken) {
  const ProductTest test = TypedDot(DType::kF32, {4096, 4096}, {4096, 4096}, kMatrixDims);
  const Product product = test.Prepared();
  const ProductForm form = SimplifyProduct(product);
  target::DeviceProfile profile = VectorProfile();
  profile.compute_units = 132;
  const auto has = [&](int tile_m, int tile_n) {
    const auto candidates = TileCandidates(product, form, profile);
    return std::any_of(candidates.begin(), candidates.end(), [&](const ProductCandidate& candidate) {
      return candidate.config.tile_m == tile_m && candidate.config.tile_n == tile_n;
    });
  };
  const int64_t bytes = TileSharedBytes(TileTestConfig(128, 128, 8, 8, 8), DType::kF32);
  EXPECT_EQ(bytes, 8448);
  profile.shared_memory_bytes = static_cast<int>(bytes);
  EXPECT_TRUE(has(128, 128));
  profile.shared_memory_bytes = static_cast<int>(bytes) - 1;
  EXPECT_FALSE(has(128, 128));
  profile.shared_memory_bytes = 49152;
  profile.max_workgroup_invocations = 256;
  EXPECT_TRUE(has(128, 128));
  profile.max_workgroup_invocations = 255;
  EXPECT_FALSE(has(128, 128));
  EXPECT_TRUE(has(64, 32));
  profile.shared_memory_bytes = 1024;
  EXPECT_TRUE(TileCandidates(product, form, profile).empty());
  const ProductConfig config = ChooseProductKernel(product, form, {profile});
  EXPECT_EQ(config.kernel, ProductKernel::kDirect);
  EXPECT_NE(config.reason.find("No tile fits"), std::string::npos) << config.reason;
}

TEST(ProductLimits, ChoosesByAspectWithItsReason) {
  const target::DeviceProfile gpu = VectorProfile();
  const struct {
    Dims lhs, rhs;
    DotDims dims;
    ProductKernel kernel;
    const char* reason;
  } rows[] = {
      {{8, 4096}, {1000, 4096}, kTransposedDims, ProductKernel::kDirect, "neighbours load it together"},
      {{9, 4096}, {1000, 4096}, kTransposedDims, ProductKernel::kTile, "fewest estimated cycles"},
      {{8, 63}, {1000, 63}, kTransposedDims, ProductKernel::kDirect, "Few results along one axis"},
      {{8, 64}, {1000, 64}, kTransposedDims, ProductKernel::kDirect, "neighbours load it together"},
      {{4096, 70}, {70, 3}, kMatrixDims, ProductKernel::kDirect, "neighbours load it together"},
      {{1, 100000}, {7, 100000}, kTransposedDims, ProductKernel::kRow, "a workgroup a row"},
      // the long operand is not contiguous along K
      {{8, 4096}, {4096, 1000}, kMatrixDims, ProductKernel::kDirect, "Few results along one axis"},
      {{1000, 4}, {4, 1000}, kMatrixDims, ProductKernel::kDirect, "K is so short"},
      {{1000, 5}, {5, 1000}, kMatrixDims, ProductKernel::kTile, "fewest estimated cycles"},
      {{16, 64, 2}, {16, 2, 2}, {{0}, {0}, {2}, {2}}, ProductKernel::kDirect, "Groups of few channels"},
      {{15, 64, 2}, {15, 2, 2}, {{0}, {0}, {2}, {2}}, ProductKernel::kDirect, "K is so short"},
      {{16, 64, 500}, {16, 2, 500}, {{0}, {0}, {2}, {2}}, ProductKernel::kDirect, "Small results of many groups"},
      {{16, 65, 500}, {16, 2, 500}, {{0}, {0}, {2}, {2}}, ProductKernel::kDirect, "neighbours load it together"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(ToString(row.lhs) + " by " + ToString(row.rhs));
    const ProductTest test = TypedDot(DType::kF32, row.lhs, row.rhs, row.dims);
    const Product product = test.Prepared();
    const ProductConfig config = ChooseProductKernel(product, SimplifyProduct(product), {gpu});
    EXPECT_EQ(config.kernel, row.kernel) << config.reason;
    EXPECT_NE(config.reason.find(row.reason), std::string::npos) << config.reason;
    const ProductConfig cpu = ChooseProductKernel(product, SimplifyProduct(product), {ScalarProfile()});
    EXPECT_NE(cpu.reason.find("The device is a CPU"), std::string::npos) << cpu.reason;
  }
}

// Rows go around a subgroup of eight, where the device has no other and the sums are of 32 bits.
TEST(ProductLimits, ExchangesRowsInSubgroupsOfEightOnly) {
  target::DeviceProfile cpu = RecordedProfile("lavapipe");
  const auto exchanges = [&](DType dtype) {
    const ProductTest test = TypedDot(dtype, {512, 512}, {512, 512}, kMatrixDims);
    const Product product = test.Prepared();
    return ChooseProductKernel(product, SimplifyProduct(product), {cpu}).exchanges_rows;
  };
  EXPECT_TRUE(exchanges(DType::kF32));
  EXPECT_TRUE(exchanges(DType::kS8));
  EXPECT_FALSE(exchanges(DType::kF64));
  EXPECT_FALSE(exchanges(DType::kC64));
  for (const auto& [least, most, has_shuffles] : {std::tuple{4, 8, true}, {8, 16, true}, {4, 4, true}, {8, 8, false}}) {
    cpu.subgroup_min_size = least;
    cpu.subgroup_max_size = most;
    cpu.subgroup_shuffle = has_shuffles;
    EXPECT_FALSE(exchanges(DType::kF32)) << least << " to " << most;
  }
}

TEST(ProductLimits, TakesTwoStepsOfKAtOnceWhereALoadOfTwoCostsAsMuchAsOne) {
  target::DeviceProfile cpu = RecordedProfile("lavapipe");
  const DotDims left_transposed{{}, {}, {0}, {0}};
  const std::tuple<const char*, ProductTest, int> rows[] = {
      {"rows by columns", TypedDot(DType::kF32, {66, 70}, {70, 64}, kMatrixDims), 2},
      {"rows by rows", TypedDot(DType::kF32, {66, 70}, {64, 70}, kTransposedDims), 2},
      {"columns by columns", TypedDot(DType::kF32, {70, 66}, {70, 64}, left_transposed), 1},
      {"odd rows", TypedDot(DType::kF32, {66, 71}, {71, 64}, kMatrixDims), 1},
      {"narrow", TypedDot(DType::kF16, {66, 70}, {70, 64}, kMatrixDims), 1},
      {"windows", TypedConvolution(DType::kF32, {2, 9, 6, 8}, {3, 3, 8, 40}, SameImages()), 2}};
  for (const auto& [name, test, steps] : rows) {
    for (const bool visits_lanes : {true, false}) {
      cpu.loads_visit_lanes = visits_lanes;
      const Product product = test.Prepared();
      const ProductConfig config = ChooseProductKernel(product, SimplifyProduct(product), {cpu});
      EXPECT_EQ(config.unroll_k, visits_lanes ? steps : 1) << name;
      test.ExpectRight(LowerGroup(test.group, {cpu}), Format("{}, {}: ", name, visits_lanes ? "lanes" : "vectors"));
    }
  }
}

TEST(ProductLimits, ComputeTheSameOnEveryDevice) {
  std::vector<std::pair<std::string, ProductTest>> tests;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kC64}) {
    tests.emplace_back("tiles", TypedDot(dtype, {37, 40}, {40, 33}, kMatrixDims));
    tests.emplace_back("rows", TypedDot(dtype, {2, 130}, {19, 130}, kTransposedDims));
    tests.emplace_back("groups", TypedDot(dtype, {17, 5, 6}, {17, 3, 6}, {{0}, {0}, {2}, {2}}));
    tests.emplace_back("parts", TypedDot(dtype, {10, 900}, {900, 9}, kMatrixDims));
    tests.emplace_back("windows", TypedConvolution(dtype, {2, 5, 6, 8}, {3, 3, 8, 12}, SameImages()));
    tests.emplace_back("depthwise", TypedConvolution(dtype, {2, 5, 6, 16}, {3, 3, 1, 16}, SameImages(16)));
  }
  std::vector<target::DeviceProfile> profiles = LimitProfiles();
  profiles.push_back(RecordedProfile("lavapipe"));
  for (const target::DeviceProfile& profile : profiles) {
    for (const auto& [name, test] : tests) {
      const std::string what = Format("{} of {} on {}: ", name, test.group.inputs[0]->type.ToString(), profile.name);
      const auto lowered = LowerGroup(test.group, {profile});
      test.ExpectRight(lowered, what);
      ExpectWithinLimits(*lowered, profile);
    }
  }
}

// One invocation adds all parts of a few results, or many share them: the sum is the same.
TEST(ProductLimits, AddsAnyNumberOfParts) {
  for (const auto& [m, n, k] :
       {std::array<int64_t, 3>{1, 1, 600}, {3, 5, 600}, {4, 32, 300}, {129, 1, 70}, {40, 40, 64}}) {
    for (const int splits : {2, 3, 7, 16, 33, 64}) {
      for (const DType dtype : {DType::kF32, DType::kC64, DType::kS8, DType::kF64}) {
        const ProductTest test = TypedDot(dtype, {m, k}, {k, n}, kMatrixDims);
        ProductConfig config = DirectTestConfig(1, 1, ProductAxis::kM, ProductAxis::kN);
        config.workgroup_size = 64;
        config.splits = splits;
        test.ExpectRightWith(config, Format("{} parts of {}x{}x{} {}: ", splits, m, n, k, Name(dtype)));
      }
    }
  }
}

TEST(ProductLimits, SplitsFurtherUntilNothingIsLeftToSplit) {
  const ProductTest test = TypedDot(DType::kF32, {8, 1000}, {1000, 9}, kMatrixDims);
  const ProductForm form = SimplifyProduct(test.Prepared());
  for (ProductConfig config :
       {TileTestConfig(8, 8, 16, 2, 2), DirectTestConfig(1, 1, ProductAxis::kM, ProductAxis::kN)}) {
    const int64_t most = config.kernel == ProductKernel::kTile ? (1000 + 15) / 16 : 1000;
    int before = config.splits;
    while (SplitFurther(config, form, 3)) {
      EXPECT_GT(config.splits, before);
      EXPECT_LE(config.splits, most);
      before = config.splits;
      test.ExpectRightWith(config, Format("{} in {} parts: ", NameOf(config), config.splits));
    }
    EXPECT_EQ(config.splits, most);
  }
}

}  // namespace
}  // namespace dragoman::kernel
