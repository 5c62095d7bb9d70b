// SPDX-License-Identifier: Apache-2.0
// Which kernels sorts, scans and scatters become, on both sides of what decides, and that they fit every device.
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/group_testing.h"
#include "lower/hero_testing.h"
#include "lower/order/radix_sort.h"
#include "lower/order/scan_kernels.h"
#include "lower/order/scatter_kernels.h"

namespace dragoman::kernel {
namespace {

// Lowered, not run: the last op is the hero.
LoweredGroup Lowered(fusion::GroupKind kind, const std::string& body, const target::DeviceProfile& profile) {
  TestGroup test(body, kind);
  EXPECT_NE(test.module, nullptr);
  if (test.module == nullptr) return {};
  test.group.hero = test.group.members.back();
  test.group.outputs.clear();
  for (const auto& result : test.group.hero->results) test.group.outputs.push_back(result.get());
  auto lowered = LowerGroup(test.group, {profile});
  EXPECT_TRUE(lowered.ok()) << lowered.status().message();
  if (!lowered.ok()) return {};
  ExpectWithinLimits(*lowered, profile);
  return *std::move(lowered);
}

// The last words of the labels, which name the kernels.
std::vector<std::string> KernelsOf(const LoweredGroup& lowered) {
  std::vector<std::string> names;
  for (const Dispatch& dispatch : lowered.dispatches) {
    const size_t colon = dispatch.label.rfind(": ");
    names.push_back(colon == std::string::npos ? dispatch.label : dispatch.label.substr(colon + 2));
  }
  return names;
}
using Names = std::vector<std::string>;

std::string SortBody(const std::string& dims, const std::string& dtype, int dimension = 0) {
  return Format(
      "(%0: tensor<{0}x{1}>) {{ %1 = sort(%0) {{dimension = {2}, is_stable = 1}} : tensor<{0}x{1}> (%a: tensor<{1}>, "
      "%b: "
      "tensor<{1}>) {{ %c = compare(%a, %b) {{comparison_direction = 5, compare_type = 0}} : tensor<i1> return(%c) }} "
      "return(%1) }}",
      dims, dtype, dimension);
}

TEST(OrderLimits, RadixSortNeedsManyKeysAWideWorkgroupAndSharedMemory) {
  target::DeviceProfile profile = HeroProfiles()[1];
  EXPECT_FALSE(SuitsRadixSort(32767, profile));
  EXPECT_TRUE(SuitsRadixSort(32768, profile));
  EXPECT_TRUE(SuitsRadixSort(int64_t{1} << 29, profile));
  EXPECT_FALSE(SuitsRadixSort((int64_t{1} << 29) + 1, profile));
  for (const auto& [workgroup, shared, suits] : {std::tuple{256, 32768, true},
                                                 {255, 32768, false},
                                                 {128, 32768, false},
                                                 {256, 19456, true},  // counts, sums and places
                                                 {256, 19455, false},
                                                 {1024, 16384, false}}) {
    profile.max_workgroup_invocations = workgroup;
    profile.shared_memory_bytes = shared;
    EXPECT_EQ(SuitsRadixSort(40000, profile), suits) << workgroup << " invocations, " << shared << " bytes";
  }
  EXPECT_FALSE(SuitsRadixSort(40000, HeroProfiles()[0]));  // a CPU
}

// Eight bits a pass: counts, sums, sums of sums and moves. Keys alone need no numbers of elements.
TEST(OrderLimits, RadixSortTakesAPassForEightBits) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  for (const auto& [dtype, passes] : {std::pair{"i1", 1}, {"ui8", 1}, {"bf16", 2}, {"si32", 4}}) {
    for (const int64_t count : {100000, 10000000}) {
      SCOPED_TRACE(Format("{} of {}", count, dtype));
      const LoweredGroup lowered = Lowered(fusion::GroupKind::kSort, SortBody(std::to_string(count), dtype), profile);
      ASSERT_EQ(lowered.dispatches.size(), static_cast<size_t>(4 * passes));
      EXPECT_EQ(lowered.temporaries.size(), 4u);
      for (int pass = 0; pass < passes; ++pass) {
        EXPECT_EQ(lowered.dispatches[4 * pass].params, std::vector<uint32_t>{static_cast<uint32_t>(8 * pass)});
      }
    }
  }
}

// Rows of up to 1024 are sorted by one workgroup, several of short ones by each; longer ones are merged from blocks.
TEST(OrderLimits, SortsMergeBlocksOfAThousand) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    for (const auto& [extent, kernels] :
         {std::pair{1, 1}, {2, 1}, {1000, 1}, {1024, 1}, {1025, 2}, {2048, 2}, {2049, 3}, {4097, 4}, {20000, 6}}) {
      const LoweredGroup lowered =
          Lowered(fusion::GroupKind::kSort, SortBody(Format("3x{}", extent), "si64", 1), profile);
      ASSERT_EQ(lowered.dispatches.size(), static_cast<size_t>(kernels)) << extent;
      EXPECT_EQ(lowered.temporaries.size(), kernels > 1 ? 2u : 0u);
      for (int i = 1; i < kernels; ++i) EXPECT_EQ(lowered.dispatches[i].params[0], 1024u << (i - 1));
    }
    // 64 rows of 16 in a block of 256 slots: 16 blocks.
    EXPECT_EQ(Lowered(fusion::GroupKind::kSort, SortBody("256x16", "si64", 1), profile).dispatches[0].workgroups, 16);
  }
}

std::string ScanBody(const std::string& dims, const std::string& dtype, int dimension, int operands = 1) {
  const std::string type = Format("tensor<{}x{}>", dims, dtype), element = Format("tensor<{}>", dtype);
  std::string in, inits, names, init_names, results, types, left, right, region, returned;
  for (int i = 0; i < operands; ++i) {
    const std::string comma = i + 1 < operands ? ", " : "";
    in += Format("%x{}: {}, ", i, type);
    inits += Format("%i{}: {}{}", i, element, comma);
    names += Format("%x{}, ", i);
    init_names += Format("%i{}{}", i, comma);
    results += Format("%r{}{}", i, comma);
    types += type + comma;
    left += Format("%a{}: {}, ", i, element);
    right += Format("%b{}: {}{}", i, element, comma);
    region += Format("%c{0} = add(%a{0}, %b{0}) : {1} ", i, element);
    returned += Format("%c{}{}", i, comma);
  }
  return Format(
      "({}{}) {{ {} = scan({}{}) {{dimension = {}, is_reverse = 0}} : {} ({}{}) {{ {}return({}) }} return({}) }}", in,
      inits, results, names, init_names, dimension, types, left, right, region, returned, results);
}

TEST(OrderLimits, ScansTakeTheKernelsThatTheirRowsAreWorth) {
  const Names serial = {"row by row"}, rows = {"rows"}, chunks = {"totals", "carries", "chunks"};
  const struct {
    const char* dims;
    int dimension;
    Names kernels;
  } cases[] = {{"4x32", 1, serial},   {"4x33", 1, rows},        {"127x4096", 1, rows},  {"127x4097", 1, chunks},
               {"128x4097", 1, rows}, {"1x1000000", 1, chunks}, {"4096x8191", 0, rows}, {"4096x8192", 0, serial},
               {"8192x100", 1, rows}, {"64x8192", 0, serial},   {"64x8191", 0, rows},   {"2x32x3", 1, serial}};
  for (const auto& row : cases) {
    SCOPED_TRACE(row.dims);
    const std::string body = ScanBody(row.dims, "f32", row.dimension);
    EXPECT_EQ(KernelsOf(Lowered(fusion::GroupKind::kScan, body, HeroProfiles()[1])), row.kernels);
  }
}

// Two totals of each invocation, of every operand and part of a complex number.
TEST(OrderLimits, ScansOfManyWideOperandsFitEverySharedMemory) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    for (const char* dtype : {"f32", "f64", "c128", "i1"}) {
      for (const int operands : {1, 3, 6, 9}) {
        SCOPED_TRACE(Format("{} of {}", operands, dtype));
        const LoweredGroup lowered = Lowered(fusion::GroupKind::kScan, ScanBody("2x2600", dtype, 1, operands), profile);
        EXPECT_LE(lowered.temporaries.size(), static_cast<size_t>(operands));
      }
    }
  }
}

TEST(OrderLimits, ScansGiveTheSameOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    for (const auto& [dims, dtype, operands] :
         {std::tuple{"2x2600", "f32", 1}, {"1x9001", "si32", 2}, {"2x1100", "f64", 6}, {"3x700", "c128", 4}}) {
      SCOPED_TRACE(Format("{} {} of {}", operands, dtype, dims));
      const HeroTest test(fusion::GroupKind::kScan, ScanBody(dims, dtype, 1, operands));
      test.ExpectMatches(profile);
    }
  }
}

// Rows of a table of 64 at so many positions.
std::string ScatterBody(int64_t positions, const std::string& dtype, const std::string& region,
                        bool is_unique = false) {
  return Format(
      "(%0: tensor<64x4x{1}>, %1: tensor<{0}x1xsi32>, %2: tensor<{0}x4x{1}>) {{ %3 = scatter(%0, %1, %2) "
      "{{update_window_dims = [1], inserted_window_dims = [0], input_batching_dims = [], scatter_indices_batching_dims "
      "= "
      "[], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, indices_are_sorted = 0, unique_indices = {3}}} : "
      "tensor<64x4x{1}> (%a: tensor<{1}>, %b: tensor<{1}>) {{ {2} }} return(%3) }}",
      positions, dtype, region, is_unique ? 1 : 0);
}
std::string ScatterRegion(const char* op, const char* dtype) {
  return Format("%c = {}(%a, %b) : tensor<{}> return(%c)", op, dtype);
}

TEST(OrderLimits, ScattersTakeTheKernelsThatTheirUpdatesAllow) {
  const std::string add = ScatterRegion("add", "f32"), subtract = ScatterRegion("subtract", "f32");
  const std::string overwrite = "return(%b)", keep = "return(%a)";
  // The sort of the starts of a few hundred positions is one kernel.
  const std::string order = "order of 97 starts";
  const struct {
    std::string body;
    Names kernels;
  } cases[] = {
      {ScatterBody(1, "f32", add), {"direct"}},
      {ScatterBody(500, "f32", add, /*is_unique=*/true), {"direct"}},
      {ScatterBody(2, "f32", add), {"pairs"}},
      {ScatterBody(96, "f32", add), {"pairs"}},
      {ScatterBody(97, "f32", add), {"starts", order, "chunks", "joins"}},
      {ScatterBody(97, "f32", subtract), {"starts", order, "runs"}},
      {ScatterBody(97, "f32", overwrite), {"starts", order, "runs"}},
      {ScatterBody(97, "f32", keep), {"starts", order, "runs"}},
      {ScatterBody(97, "si32", ScatterRegion("add", "si32")), {"atomic"}},
      {ScatterBody(97, "ui32", ScatterRegion("maximum", "ui32")), {"atomic"}},
      // signed numbers have no atomic maximum, narrow ones no atomics at all
      {ScatterBody(97, "si32", ScatterRegion("maximum", "si32")), {"starts", order, "chunks", "joins"}},
      {ScatterBody(97, "si16", ScatterRegion("add", "si16")), {"starts", order, "chunks", "joins"}},
      {ScatterBody(97, "ui32", ScatterRegion("multiply", "ui32")), {"starts", order, "chunks", "joins"}},
  };
  for (const auto& row : cases) {
    SCOPED_TRACE(row.body);
    EXPECT_EQ(KernelsOf(Lowered(fusion::GroupKind::kScatter, row.body, HeroProfiles()[1])), row.kernels);
  }
  // So many that their starts are sorted by keys: 7 bits of them, in one pass.
  const LoweredGroup many = Lowered(fusion::GroupKind::kScatter, ScatterBody(32768, "f32", add), HeroProfiles()[1]);
  EXPECT_EQ(many.dispatches.size(), 1u + 4 + 2);
}

TEST(OrderLimits, ScattersGiveTheSameOnEveryDevice) {
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const int positions : {40, 300}) {
      for (const char* op : {"add", "subtract", "maximum"}) {
        SCOPED_TRACE(Format("{} of {} on {}", op, positions, profile.name));
        HeroTest test(fusion::GroupKind::kScatter, ScatterBody(positions, "f32", ScatterRegion(op, "f32")));
        std::vector<int64_t> indices(positions);
        for (int64_t& index : indices) index = static_cast<int64_t>(test.random() % 70) - 3;
        test.SetInts(1, indices);
        test.ExpectMatches(profile, 1);
      }
    }
  }
}

// Whether windows meet, how many starts there are, and how many places are moved at once.
TEST(OrderLimits, ScatterWindowsTellWhatTheyAllow) {
  const struct {
    const char* input;
    const char* updates;
    const char* window;
    const char* inserted;
    const char* indexed;
    const char* indices;
    bool overlaps;
    int64_t starts;
    int lanes;
  } cases[] = {
      {"64x8", "7x8", "[1]", "[0]", "[0]", "7x1", false, 64, 4},
      {"64x6", "7x6", "[1]", "[0]", "[0]", "7x1", false, 64, 2},
      {"64x7", "7x7", "[1]", "[0]", "[0]", "7x1", false, 64, 1},
      {"64x8", "7x4", "[1]", "[0]", "[0]", "7x1", false, 64, 4},        // half a row, always its first
      {"64x8", "7x4", "[1]", "[0]", "[0, 1]", "7x2", true, 64 * 5, 1},  // half a row from anywhere
      {"64x8", "7x8", "[1]", "[0]", "[0, 1]", "7x2", false, 64, 4},     // a start that has no choice
      {"64x8", "7", "[]", "[0, 1]", "[0, 1]", "7x2", false, 512, 1},
      {"64x8", "7x2x8", "[1, 2]", "[]", "[0]", "7x1", true, 63, 4},
      {"64x8", "7x64x8", "[1, 2]", "[]", "[0]", "7x1", false, 1, 4},
      {"64x8", "8x7", "[0]", "[0]", "[0]", "7x1", false, 64, 1},  // windows run along the first dimension
  };
  for (const auto& row : cases) {
    const std::string body = Format(
        "(%0: tensor<{0}xf32>, %1: tensor<{5}xsi32>, %2: tensor<{1}xf32>) {{ %3 = scatter(%0, %1, %2) "
        "{{update_window_dims = {2}, inserted_window_dims = {3}, input_batching_dims = [], "
        "scatter_indices_batching_dims "
        "= [], scatter_dims_to_operand_dims = {4}, index_vector_dim = 1, indices_are_sorted = 0, unique_indices = 0}} "
        ": "
        "tensor<{0}xf32> (%a: tensor<f32>, %b: tensor<f32>) {{ return(%b) }} return(%3) }}",
        row.input, row.updates, row.window, row.inserted, row.indexed, row.indices);
    SCOPED_TRACE(body);
    const HeroTest test(fusion::GroupKind::kScatter, body);
    ASSERT_NE(test.module, nullptr);
    const ScatterGeometry geometry(*test.group.hero);
    EXPECT_EQ(geometry.CanOverlapPartly(), row.overlaps);
    EXPECT_EQ(geometry.num_starts(), row.starts);
    EXPECT_EQ(geometry.VectorLanes(HeroProfiles()[1]), row.lanes);
    EXPECT_EQ(geometry.VectorLanes(HeroProfiles()[0]), 1);
    EXPECT_EQ(geometry.num_positions() * geometry.window_size(), test.inputs[2].type().num_elements());
  }
}

}  // namespace
}  // namespace dragoman::kernel
