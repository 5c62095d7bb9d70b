// SPDX-License-Identifier: Apache-2.0
#include "lower/order/scatter_kernels.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

struct UpdateForm {
  std::string input, indices, updates;  // extents, "9x4x"
  std::string window, inserted, indexed;
  int vector_dim = 1;
  std::string batching = "input_batching_dims = [], scatter_indices_batching_dims = []";
};

std::string UpdateBody(const UpdateForm& form, const std::string& dtype, const std::string& region,
                       const std::string& index = "si32") {
  return Format(
      "(%0: tensor<{0}{3}>, %1: tensor<{1}{5}>, %2: tensor<{2}{3}>) {{ %3 = scatter(%0, %1, %2) {{update_window_dims = "
      "{6}, "
      "inserted_window_dims = {7}, {8}, scatter_dims_to_operand_dims = {9}, index_vector_dim = {10}, "
      "indices_are_sorted = "
      "0, unique_indices = 0}} : tensor<{0}{3}> (%a: tensor<{3}>, %b: tensor<{3}>) {{ {4} }} return(%3) }}",
      form.input, form.indices, form.updates, dtype, region, index, form.window, form.inserted, form.batching,
      form.indexed, form.vector_dim);
}
UpdateForm TableRows(int table, int positions, int width) {
  return {Format("{}x{}x", table, width),
          Format("{}x1x", positions),
          Format("{}x{}x", positions, width),
          "[1]",
          "[0]",
          "[0]"};
}
std::string CombineBy(const std::string& op, const std::string& dtype, const std::string& operands = "%a, %b") {
  return Format("%c = {}({}) : tensor<{}> return(%c)", op, operands, dtype);
}

TEST(ScatterKernels, KnowWhatARegionDoes) {
  const struct {
    const char* dtype;
    std::string region;
    ScatterCombiner combiner;
    std::optional<KOp> atomic;
  } rows[] = {
      {"f32", "return(%b)", ScatterCombiner::kOverwrite, {}},
      {"f32", "return(%a)", ScatterCombiner::kOther, {}},
      {"f32", CombineBy("add", "f32"), ScatterCombiner::kAssociative, {}},
      {"f32", CombineBy("add", "f32", "%b, %a"), ScatterCombiner::kAssociative, {}},
      {"f32", CombineBy("add", "f32", "%b, %b"), ScatterCombiner::kOther, {}},
      {"f32", CombineBy("subtract", "f32"), ScatterCombiner::kOther, {}},
      {"f32", CombineBy("negate", "f32", "%b"), ScatterCombiner::kOther, {}},
      {"si32", CombineBy("add", "si32"), ScatterCombiner::kAssociative, KOp::kAtomicAdd},
      {"ui32", CombineBy("add", "ui32", "%b, %a"), ScatterCombiner::kAssociative, KOp::kAtomicAdd},
      {"si32", CombineBy("and", "si32"), ScatterCombiner::kAssociative, KOp::kAtomicAnd},
      {"ui32", CombineBy("or", "ui32"), ScatterCombiner::kAssociative, KOp::kAtomicOr},
      {"si32", CombineBy("xor", "si32"), ScatterCombiner::kAssociative, {}},
      {"ui32", CombineBy("maximum", "ui32"), ScatterCombiner::kAssociative, KOp::kAtomicMax},
      {"ui32", CombineBy("minimum", "ui32"), ScatterCombiner::kAssociative, KOp::kAtomicMin},
      {"si32", CombineBy("minimum", "si32"), ScatterCombiner::kAssociative, {}},
      {"ui32", CombineBy("multiply", "ui32"), ScatterCombiner::kAssociative, {}},
      {"ui8", CombineBy("add", "ui8"), ScatterCombiner::kAssociative, {}},
      {"ui64", CombineBy("add", "ui64"), ScatterCombiner::kAssociative, {}},
      {"i1", CombineBy("or", "i1"), ScatterCombiner::kAssociative, {}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.region + " of " + row.dtype);
    const HeroTest test(fusion::GroupKind::kScatter, UpdateBody(TableRows(5, 7, 2), row.dtype, row.region));
    ASSERT_NE(test.module, nullptr);
    EXPECT_EQ(CombinerOf(*test.group.hero), row.combiner);
    EXPECT_EQ(AtomicOf(*test.group.hero), row.atomic);
  }
}

// Sorted positions are taken 32 at a time: runs that end with a chunk, fill one, span several, and lie outside.
TEST(ScatterKernels, CombineRunsOfEveryLengthAcrossChunks) {
  static_assert(ScatterKernel::kChunk == 32);
  const std::vector<int> lengths[] = {{31, 1, 66},     {32, 32, 36}, {33, 31, 40},  {64, 33, 3},
                                      {1, 63, 64},     {100},        {97, 1, 1, 1}, {1, 1, 1, 125},
                                      {30, 4, 30, 36}, {160, 32},    {31, 65, 31},  {2, 30, 32, 33}};
  for (const auto& profile : HeroProfiles()) {
    for (const std::vector<int>& runs : lengths) {
      for (const int outside : {-1, 0, 1}) {  // the run that lies outside; -1: none
        std::vector<int64_t> indices;
        for (size_t run = 0; run < runs.size(); ++run) {
          const int64_t target = static_cast<int>(run) == outside ? 50 : static_cast<int64_t>(run);
          indices.insert(indices.end(), runs[run], target);
        }
        if (outside == 0) std::reverse(indices.begin(), indices.end());
        SCOPED_TRACE(Format("{} positions in {} runs, {} outside", indices.size(), runs.size(), outside));
        for (const char* op : {"add", "maximum", "subtract"}) {
          HeroTest test(fusion::GroupKind::kScatter,
                        UpdateBody(TableRows(9, static_cast<int>(indices.size()), 4), "f32", CombineBy(op, "f32")));
          test.SetInts(1, indices);
          for (const int input : {0, 2}) {  // none of them is like a sum of nothing
            std::vector<double> values(test.inputs[input].type().num_elements());
            for (double& value : values) value = -1.0 - static_cast<double>(test.random() % 20);
            test.SetDoubles(input, values);
          }
          test.ExpectMatches(profile, 1);
        }
      }
    }
  }
}

// All components at once are inside or the update is dropped, whatever the type of the indices can say.
TEST(ScatterKernels, DropWhatIndicesOfEveryTypePutOutside) {
  const UpdateForm points = {"6x5x", "60x2x", "60x", "[]", "[0, 1]", "[0, 1]"};
  for (const auto& profile : HeroProfiles()) {
    for (const auto& [index, low, high] : {std::tuple{"si8", -128, 127},
                                           {"ui8", 0, 255},
                                           {"si16", -30000, 30000},
                                           {"ui16", 0, 65535},
                                           {"si32", -2, 7},
                                           {"ui32", 0, 7},
                                           {"si64", -2, 7},
                                           {"ui64", 0, 7}}) {
      SCOPED_TRACE(index);
      HeroTest test(fusion::GroupKind::kScatter, UpdateBody(points, "f32", CombineBy("subtract", "f32"), index));
      std::vector<int64_t> indices(120);
      for (size_t i = 0; i < indices.size(); ++i) {
        const bool is_extreme = i % 11 == 0;
        indices[i] = is_extreme ? (i % 2 == 0 ? low : high) : static_cast<int64_t>(test.random() % 6);
      }
      test.SetInts(1, indices);
      test.ExpectMatches(profile, 1);
    }
  }
}

TEST(ScatterKernels, CombineEveryFormOfWindowOnEveryDevice) {
  const UpdateForm forms[] = {
      TableRows(9, 120, 8),
      {"7x9x", "110x1x", "7x110x", "[0]", "[1]", "[1]"},             // columns; windows run along the first dimension
      {"6x5x4x", "2x100x", "100x4x", "[1]", "[0, 1]", "[1, 0]", 0},  // components exchanged, along the first dimension
      {"12x8x", "50x1x", "50x3x8x", "[1, 2]", "[]", "[0]"},          // windows that overlap partly
      {"12x9x", "40x2x", "40x2x3x", "[1, 2]", "[]", "[0, 1]"},
      {"3x10x4x", "40x3x1x", "40x3x4x", "[2]", "[1]", "[1]", 2,
       "input_batching_dims = [0], scatter_indices_batching_dims = [1]"},
  };
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const UpdateForm& form : forms) {
      for (const auto& [dtype, region] : {std::pair{"f32", CombineBy("subtract", "f32")},
                                          {"f16", CombineBy("maximum", "f16")},
                                          {"si32", CombineBy("add", "si32")}}) {
        SCOPED_TRACE(Format("{} into {} of {} on {}", form.updates, form.input, dtype, profile.name));
        HeroTest test(fusion::GroupKind::kScatter, UpdateBody(form, dtype, region));
        ASSERT_NE(test.module, nullptr);
        std::vector<int64_t> indices(test.inputs[1].type().num_elements());
        for (int64_t& index : indices) index = static_cast<int64_t>(test.random() % 12) - 1;
        test.SetInts(1, indices);
        test.ExpectMatches(profile, 1);
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
