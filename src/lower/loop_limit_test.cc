// SPDX-License-Identifier: Apache-2.0
// Every kind of kernel on devices that limit the loops of an invocation to a few iterations: what is longer is split
// or walked in stages, and comes out as everywhere.
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

std::vector<target::DeviceProfile> LimitedProfiles(int limit) {
  std::vector<target::DeviceProfile> profiles = HeroProfiles();
  for (target::DeviceProfile& profile : profiles) {
    profile.max_loop_iterations = limit;
    profile.max_workgroup_invocations = std::max(profile.max_workgroup_invocations, 256);
    profile.max_workgroup_size[0] = std::max(profile.max_workgroup_size[0], 256u);
  }
  return profiles;
}

std::string Tensor(const std::string& dims, const std::string& dtype) {
  return "tensor<" + dims + (dims.empty() ? "" : "x") + dtype + ">";
}

// Splits where the limit asks for it, stays below it, and is right.
void ExpectVerified(const LoweredGroup& lowered, const target::DeviceProfile& profile) {
  for (const Dispatch& dispatch : lowered.dispatches) {
    const Status verified = Verify(dispatch.kernel, profile);
    EXPECT_TRUE(verified.ok()) << dispatch.label << ": " << verified.message();
  }
}

template <typename Test>
void ExpectRightWithinLimits(const Test& test, std::initializer_list<int> limits) {
  const auto unlimited = LowerGroup(test.group, {HeroProfiles()[0]});
  ASSERT_TRUE(unlimited.ok()) << unlimited.status().message();
  for (const int limit : limits) {
    for (const target::DeviceProfile& profile : LimitedProfiles(limit)) {
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      ExpectVerified(*lowered, profile);
      test.ExpectRight(lowered, Format("{} iterations on a {}: ", limit, profile.unrolling_is_costly ? "CPU" : "GPU"));
    }
  }
}

ProductTest Dot(DType dtype, const Dims& lhs, const Dims& rhs, const DotDims& dims) {
  const DType result = IsInteger(dtype) ? DType::kS32 : dtype == DType::kBF16 ? DType::kF32 : dtype;
  return ProductTest({dtype, lhs}, {dtype, rhs}, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendDot(block, operands, dims, result);
  });
}

TEST(LoopLimit, SplitsLongProductsOfEveryAspectAndType) {
  const DotDims plain = {{}, {}, {1}, {0}}, transposed = {{}, {}, {0}, {0}};
  ExpectRightWithinLimits(Dot(DType::kF32, {3, 1500}, {1500, 5}, plain), {100, 400});
  ExpectRightWithinLimits(Dot(DType::kF32, {1500, 20}, {1500, 33}, transposed), {100, 400});
  ExpectRightWithinLimits(Dot(DType::kF32, {1, 3000}, {3000, 1}, plain), {100});
  ExpectRightWithinLimits(Dot(DType::kF32, {3000}, {3000}, {{}, {}, {0}, {0}}), {100});
  for (const DType dtype : {DType::kBF16, DType::kS8, DType::kS32, DType::kF64, DType::kC64}) {
    ExpectRightWithinLimits(Dot(dtype, {9, 1200}, {1200, 10}, plain), {100});
  }
}

TEST(LoopLimit, SplitsBatchedProductsAndSeveralContractedDimensions) {
  ExpectRightWithinLimits(Dot(DType::kF32, {20, 2, 900}, {20, 900, 3}, {{0}, {0}, {2}, {1}}), {100});
  ExpectRightWithinLimits(Dot(DType::kF32, {4, 700, 4, 3}, {8, 3, 700, 4}, {{}, {}, {1, 2, 3}, {2, 3, 1}}), {100});
  // The outermost digit of K alone is too short to split by, the inner ones too long to walk.
  ExpectRightWithinLimits(Dot(DType::kF32, {2, 5, 1000}, {1000, 2, 5}, {{}, {}, {0, 2}, {1, 0}}), {100});
}

ProductTest Convolution(const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  return ProductTest({DType::kF32, lhs}, {DType::kF32, rhs},
                     [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                       return AppendConvolution(block, operands, dims, DType::kF32);
                     });
}

TEST(LoopLimit, SplitsConvolutionsAndTheirFiltersGradients) {
  ConvolutionDims filter = {"f01b", "i01o", "01bf"};
  ExpectRightWithinLimits(Convolution({20, 10, 10, 3}, {20, 8, 8, 4}, filter), {100, 300});
  filter.padding = {1, 1, 1, 1};
  ExpectRightWithinLimits(Convolution({9, 9, 9, 3}, {9, 9, 9, 4}, filter), {100});
  filter.batch_groups = 4;
  ExpectRightWithinLimits(Convolution({6, 9, 9, 4}, {6, 9, 9, 4}, filter), {100});
  ExpectRightWithinLimits(Convolution({1, 5, 5, 80}, {3, 3, 80, 3}, {"b01f", "01io", "b01f"}), {100});
}

void ExpectHeroMatches(HeroTest& test, std::initializer_list<int> limits, int num_in_place = 0) {
  for (const int limit : limits) {
    for (const target::DeviceProfile& profile : LimitedProfiles(limit)) {
      SCOPED_TRACE(Format("{} iterations on a {}", limit, profile.unrolling_is_costly ? "CPU" : "GPU"));
      test.ExpectMatches(profile, num_in_place);
    }
  }
}

std::string ReduceOf(const std::string& dims, const std::string& kept, const char* reduced, const char* region) {
  return "(%0: " + Tensor(dims, "f32") + ", %1: tensor<f32>) { %2 = reduce(%0, %1) {dimensions = " + reduced +
         "} : " + Tensor(kept, "f32") + " (%3: tensor<f32>, %4: tensor<f32>) { " + region + " } return(%2) }";
}

TEST(LoopLimit, SplitsReducesInOrder) {
  const char* const sum = "%5 = add(%3, %4) : tensor<f32> return(%5)";
  // The first that is not 0: the order shows.
  const char* const first =
      "%5 = constant() {value = dense<0>} : tensor<f32> %6 = compare(%3, %5) {comparison_direction = 1, compare_type = "
      "0} : tensor<i1> %7 = select(%6, %3, %4) : tensor<f32> return(%7)";
  for (const char* region : {sum, first}) {
    for (const auto& [dims, kept, reduced] : {std::tuple("60000", "", "[0]"),
                                              {"2x20000", "2", "[1]"},
                                              {"3000x70", "70", "[0]"},
                                              {"3x4000x5", "3x5", "[1]"}}) {
      HeroTest test(fusion::GroupKind::kReduce, ReduceOf(dims, kept, reduced, region));
      test.SetDoubles(1, {0});
      if (region == first) {  // nothing but zeros for a long stretch
        std::vector<double> values(test.inputs[0].type().num_elements());
        for (size_t i = values.size() / 2; i < values.size(); ++i) values[i] = static_cast<double>(i % 1000);
        test.SetDoubles(0, values);
      }
      ExpectHeroMatches(test, {70, 100});
    }
  }
}

std::string WindowOf(const std::string& operand, const std::string& result, const std::string& attributes) {
  return "(%0: " + Tensor(operand, "f32") + ", %1: tensor<f32>) { %2 = reduce_window(%0, %1) {" + attributes +
         "} : " + Tensor(result, "f32") +
         " (%3: tensor<f32>, %4: tensor<f32>) { %5 = add(%3, %4) : tensor<f32> return(%5) } return(%2) }";
}

TEST(LoopLimit, WalksLargeWindowsInStages) {
  const auto attributes = [](const char* size, const char* strides, const char* base, const char* dilations,
                             const char* padding) {
    return Format(
        "window_dimensions = {}, window_strides = {}, base_dilations = {}, window_dilations = {}, padding = {}", size,
        strides, base, dilations, padding);
  };
  const std::tuple<const char*, const char*, std::string> forms[] = {
      {"300", "300", attributes("[300]", "[1]", "[1]", "[1]", "[299, 0]")},
      {"400", "101", attributes("[300]", "[1]", "[1]", "[1]", "[0, 0]")},
      {"20x30x2", "6x16x2", attributes("[15, 15, 1]", "[1, 1, 1]", "[1, 1, 1]", "[1, 1, 1]", "[0, 0, 0, 0, 0, 0]")},
      {"20x30", "10x15", attributes("[15, 15]", "[2, 2]", "[1, 1]", "[1, 1]", "[7, 7, 7, 7]")},
      {"150", "100", attributes("[150]", "[2]", "[1]", "[2]", "[174, 173]")},
      {"100", "50", attributes("[150]", "[1]", "[2]", "[1]", "[0, 0]")},
  };
  for (const auto& [operand, result, window] : forms) {
    HeroTest test(fusion::GroupKind::kReduceWindow, WindowOf(operand, result, window));
    ExpectHeroMatches(test, {60, 200});
  }
}

TEST(LoopLimit, WalksLargeWindowsOfSelectAndScatterInStages) {
  const std::string element = "tensor<f32>";
  for (const auto& [operand, source, window] :
       {std::tuple("40", "11", "window_dimensions = [30], window_strides = [1], padding = [0, 0]"),
        {"14x14x2", "3x3x2",
         "window_dimensions = [12, 12, 1], window_strides = [1, 1, 1], padding = [0, 0, 0, 0, 0, 0]"},
        {"20x16", "5x4", "window_dimensions = [15, 13], window_strides = [4, 4], padding = [6, 5, 5, 5]"}}) {
    HeroTest test(fusion::GroupKind::kSelectAndScatter,
                  "(%0: " + Tensor(operand, "f32") + ", %1: " + Tensor(source, "f32") + ", %2: " + element +
                      ") { %3 = select_and_scatter(%0, %1, %2) {" + window + "} : " + Tensor(operand, "f32") +
                      " (%4: tensor<f32>, %5: tensor<f32>) { %6 = compare(%4, %5) {comparison_direction = 2, "
                      "compare_type = 0} : tensor<i1> return(%6) } (%7: tensor<f32>, %8: tensor<f32>) { %9 = add(%7, "
                      "%8) : tensor<f32> return(%9) } return(%3) }");
    ExpectHeroMatches(test, {50, 100});
  }
}

TEST(LoopLimit, ScansLongRowsInChunks) {
  for (const auto& [dims, dimension] : {std::pair("3x32", 1), {"130x5000", 1}, {"4x30x3", 1}}) {
    for (const int is_reverse : {0, 1}) {
      HeroTest test(fusion::GroupKind::kScan,
                    "(%0: " + Tensor(dims, "f32") + ", %1: tensor<f32>) { %2 = scan(%0, %1) {" +
                        Format("dimension = {}, is_reverse = {}}} : ", dimension, is_reverse) + Tensor(dims, "f32") +
                        " (%3: tensor<f32>, %4: tensor<f32>) { %5 = add(%3, %4) : tensor<f32> return(%5) } return(%2) "
                        "}");
      ExpectHeroMatches(test, {std::string_view(dims) == "130x5000" ? 100 : 62});
    }
  }
}

// Windows of `width` elements that start at one index each.
std::string ScatterOf(int table, int positions, int width, bool overlaps, const std::string& region) {
  const std::string operand =
      overlaps ? Tensor(Format("{}", table), "f32") : Tensor(Format("{}x{}", table, width), "f32");
  return "(%0: " + operand + ", %1: " + Tensor(Format("{}x1", positions), "si32") +
         ", %2: " + Tensor(Format("{}x{}", positions, width), "f32") + ") { %3 = scatter(%0, %1, %2) {" +
         "update_window_dims = [1], inserted_window_dims = " + (overlaps ? "[]" : "[0]") +
         ", input_batching_dims = [], scatter_indices_batching_dims = [], scatter_dims_to_operand_dims = [0], "
         "index_vector_dim = 1, indices_are_sorted = 0, unique_indices = 0} : " +
         operand + " (%4: tensor<f32>, %5: tensor<f32>) { " + region + " } return(%3) }";
}

void SetIndices(HeroTest& test, int64_t least, int64_t most, int64_t run) {
  std::vector<int64_t> indices(test.inputs[1].type().num_elements());
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    indices[i] = at % 7 == 0 ? least + at % (most - least + 1) : at / run % 2;
  }
  test.SetInts(1, indices);
}

TEST(LoopLimit, ScattersLongRunsInStages) {
  const std::string add = "%6 = add(%4, %5) : tensor<f32> return(%6)";
  const std::string subtract = "%6 = subtract(%4, %5) : tensor<f32> return(%6)";
  const std::string update = "return(%5)";
  // As many iterations as sorting the places takes, at least.
  for (const int64_t run : {200, 100000}) {
    HeroTest ordered(fusion::GroupKind::kScatter, ScatterOf(40, 3000, 2, false, subtract));
    SetIndices(ordered, -1, 40, run);
    ExpectHeroMatches(ordered, {900}, 1);
  }
  HeroTest joined(fusion::GroupKind::kScatter, ScatterOf(40, 30000, 2, false, add));
  SetIndices(joined, -1, 40, 100000);
  ExpectHeroMatches(joined, {900}, 1);
  for (const std::string& region : {add, subtract, update}) {
    HeroTest overlapping(fusion::GroupKind::kScatter, ScatterOf(900, 200, 700, true, region));
    SetIndices(overlapping, -1, 202, 100);
    ExpectHeroMatches(overlapping, {60, 100}, 1);
  }
}

// Groups of several ops; what the function returns are the outputs.
void ExpectGroupMatches(fusion::GroupKind kind, const std::string& body, std::initializer_list<int> limits) {
  ProductGroup test(body);
  ASSERT_NE(test.module, nullptr);
  test.group.kind = kind;
  test.Evaluate();
  for (const int limit : limits) {
    for (const target::DeviceProfile& profile : LimitedProfiles(limit)) {
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      ExpectVerified(*lowered, profile);
      test.ExpectRight(lowered, 1e-5);
    }
  }
}

TEST(LoopLimit, LowersLongRowsInParts) {
  const std::string full = "tensor<2x20000xf32>";
  const auto reduce = [](const char* out, const char* in, const char* op, const char* init) {
    return Format(
        "%{0} = reduce(%{1}, %{3}) {{dimensions = [1]}} : tensor<2xf32> (%{0}l: tensor<f32>, %{0}r: tensor<f32>) {{ "
        "%{0}x = {2}(%{0}l, %{0}r) : tensor<f32> return(%{0}x) }} ",
        out, in, op, init);
  };
  const std::string spread = " {broadcast_dimensions = [0]} : " + full + " ";
  const std::string softmax =
      "(%0: " + full + ") { %zero = constant() {value = dense<0>} : tensor<f32> %low = constant() {value = " +
      "dense<0xff800000>} : tensor<f32> " + reduce("max", "0", "maximum", "low") + "%m = broadcast_in_dim(%max)" +
      spread + "%d = subtract(%0, %m) : " + full + " %e = exponential(%d) : " + full + " " +
      reduce("sum", "e", "add", "zero") + "%s = broadcast_in_dim(%sum)" + spread + "%y = divide(%e, %s) : " + full +
      " %h = negate(%sum) : tensor<2xf32> return(%y, %max, %h) }";
  ExpectGroupMatches(fusion::GroupKind::kRow, softmax, {100, 200});
}

TEST(LoopLimit, LowersLoopsOfReducesInParts) {
  const auto reduce = [](const char* out, const char* in, const char* kept) {
    return Format(
        "%{0} = reduce(%{1}, %zero) {{dimensions = [1]}} : {2} (%{0}l: tensor<f32>, %{0}r: tensor<f32>) {{ %{0}x = "
        "add(%{0}l, %{0}r) : tensor<f32> return(%{0}x) }} ",
        out, in, kept);
  };
  const std::string body = "(%0: tensor<40x8x8xf32>) { %zero = constant() {value = dense<0>} : tensor<f32> " +
                           reduce("a", "0", "tensor<40x8xf32>") + "%b = negate(%a) : tensor<40x8xf32> " +
                           reduce("c", "b", "tensor<40xf32>") + "%d = negate(%c) : tensor<40xf32> return(%d) }";
  ExpectGroupMatches(fusion::GroupKind::kLoop, body, {100});
}

}  // namespace
}  // namespace dragoman::kernel
