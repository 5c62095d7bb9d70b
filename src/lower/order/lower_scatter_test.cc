// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/order/kinds.h"

namespace dragoman::kernel {
namespace {

struct ScatterForm {
  std::string input, indices, updates;
  std::string attributes;
  bool is_unique = false;
};

std::string ScatterOf(const ScatterForm& form, const std::string& dtype, const std::string& combine) {
  const std::string element = "tensor<" + dtype + ">";
  const auto tensor = [&](const std::string& dims, const std::string& type) { return "tensor<" + dims + type + ">"; };
  return "(%0: " + tensor(form.input, dtype) + ", %1: " + tensor(form.indices, "si32") +
         ", %2: " + tensor(form.updates, dtype) + ") { %3 = scatter(%0, %1, %2) {" + form.attributes +
         Format(", indices_are_sorted = 0, unique_indices = {}", form.is_unique ? 1 : 0) +
         "} : " + tensor(form.input, dtype) + " (%4: " + element + ", %5: " + element + ") { " + combine +
         " } return(%3) }";
}

std::string Op(const std::string& op, const std::string& dtype) {
  return "%6 = " + op + "(%4, %5) : tensor<" + dtype + "> return(%6)";
}
constexpr const char* kOverwrite = "return(%5)";

std::string Attributes(const char* window, const char* inserted, const char* to_operand, int vector_dim) {
  return Format(
      "update_window_dims = {}, inserted_window_dims = {}, input_batching_dims = [], scatter_indices_batching_dims = "
      "[], "
      "scatter_dims_to_operand_dims = {}, index_vector_dim = {}",
      window, inserted, to_operand, vector_dim);
}

// Rows of a table, as an embedding's gradient.
ScatterForm Rows(int table, int positions, int width) {
  return {Format("{}x{}x", table, width), Format("{}x1x", positions), Format("{}x{}x", positions, width),
          Attributes("[1]", "[0]", "[0]", 1)};
}

void SetIndices(HeroTest& test, int64_t low, int64_t high) {
  std::uniform_int_distribution<int64_t> pick(low, high);
  std::vector<int64_t> indices(test.inputs[1].type().num_elements());
  for (int64_t& index : indices) index = pick(test.random);
  test.SetInts(1, indices);
}

TEST(LowerScatter, AddsRowsWithManyDuplicatesOutOfRangeOnesDropped) {
  for (const auto& profile : HeroProfiles()) {
    for (const int positions : {1, 5, 90, 97, 128, 700, 2100}) {
      for (const int table : {3, 50}) {
        HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(table, positions, 6), "f32", Op("add", "f32")));
        SetIndices(test, -2, table + 1);
        test.ExpectMatches(profile, 1);
      }
    }
  }
}

// Windows whose innermost extent is a multiple of a vector's.
TEST(LowerScatter, MovesVectorsWhereMemoryIsContiguous) {
  for (const auto& profile : HeroProfiles()) {
    for (const int positions : {1, 40, 300}) {
      for (const auto& [dtype, op] :
           {std::pair("f32", "add"), {"bf16", "subtract"}, {"c64", "add"}, {"si32", "multiply"}}) {
        for (const int width : {2, 8, 12}) {
          HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(11, positions, width), dtype, Op(op, dtype)));
          SetIndices(test, -1, 11);
          test.ExpectMatches(profile, 1);
        }
      }
    }
  }
}

TEST(LowerScatter, AddsVeryManyRows) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(700, 33000, 4), "f32", Op("add", "f32")));
  SetIndices(test, -2, 701);
  test.ExpectMatches(profile, 1);
}

TEST(LowerScatter, JoinsRunsThatSpanChunks) {
  for (const auto& profile : HeroProfiles()) {
    for (const int positions : {127, 128, 320, 1000}) {
      HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(4, positions, 2), "f32", Op("add", "f32")));
      std::vector<int64_t> indices(positions);
      for (int i = 0; i < positions; ++i) indices[i] = i % 40 == 0 ? 1 : i < 40 ? 0 : 2;
      test.SetInts(1, indices);
      test.ExpectMatches(profile, 1);
    }
  }
}

TEST(LowerScatter, TheLastOfSeveralOverwrites) {
  for (const auto& profile : HeroProfiles()) {
    for (const int positions : {20, 400}) {
      HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(9, positions, 3), "bf16", kOverwrite));
      SetIndices(test, 0, 9);
      test.ExpectMatches(profile, 1);
    }
  }
}

TEST(LowerScatter, CombinesInOrderWhereOrderShows) {
  for (const auto& profile : HeroProfiles()) {
    for (const int positions : {20, 150}) {
      HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(9, positions, 3), "f32", Op("subtract", "f32")));
      SetIndices(test, 0, 9);
      test.ExpectMatches(profile, 1);
      HeroTest halving(fusion::GroupKind::kScatter,
                       ScatterOf(Rows(9, positions, 3), "f32",
                                 "%6 = multiply(%4, %5) : tensor<f32> %7 = add(%6, %5) : tensor<f32> return(%7)"));
      SetIndices(halving, 0, 30);
      halving.ExpectMatches(profile, 1);
    }
  }
}

TEST(LowerScatter, HandlesIntegersBooleansAndComplexNumbers) {
  for (const auto& profile : HeroProfiles()) {
    for (const auto& [dtype, op] : {std::pair("si32", "add"),
                                    {"ui32", "maximum"},
                                    {"si32", "minimum"},
                                    {"si8", "add"},
                                    {"si64", "add"},
                                    {"i1", "or"},
                                    {"c64", "add"},
                                    {"f16", "maximum"}}) {
      HeroTest test(fusion::GroupKind::kScatter, ScatterOf(Rows(5, 200, 2), dtype, Op(op, dtype)));
      SetIndices(test, -1, 5);
      test.ExpectMatches(profile, 1);
    }
  }
}

TEST(LowerScatter, WritesUniqueElementsDirectly) {
  for (const auto& profile : HeroProfiles()) {
    ScatterForm form = Rows(300, 200, 4);
    form.is_unique = true;
    HeroTest test(fusion::GroupKind::kScatter, ScatterOf(form, "f32", kOverwrite));
    std::vector<int64_t> indices(200);
    for (int i = 0; i < 200; ++i) indices[i] = (i * 7) % 305;
    test.SetInts(1, indices);
    const auto lowered = LowerGroup(test.group, {profile});
    ASSERT_TRUE(lowered.ok());
    EXPECT_EQ(lowered->dispatches.size(), 1u);
    test.ExpectMatches(profile, 1);
  }
}

TEST(LowerScatter, HandlesPointsWindowsAndTransposedForms) {
  const ScatterForm forms[] = {
      // points of a matrix, vectors along the first dimension of the indices
      {"6x5x", "2x40x", "40x", Attributes("[]", "[0, 1]", "[1, 0]", 0)},
      // whole columns, window dimension first
      {"4x7x", "30x", "4x30x", Attributes("[0]", "[1]", "[1]", 1)},
      // one vector of no index
      {"3x4x", "0x", "3x4x", Attributes("[0, 1]", "[]", "[]", 0)},
      // windows that overlap partly (all inside)
      {"9x3x", "25x1x", "25x2x3x", Attributes("[1, 2]", "[]", "[0]", 1)},
  };
  for (const auto& profile : HeroProfiles()) {
    for (const ScatterForm& form : forms) {
      HeroTest test(fusion::GroupKind::kScatter, ScatterOf(form, "f32", Op("subtract", "f32")));
      SetIndices(test, 0, form.input == "9x3x" ? 7 : 5);
      test.ExpectMatches(profile, 1);
    }
  }
}

TEST(LowerScatter, HandlesBatchingDimensions) {
  for (const auto& profile : HeroProfiles()) {
    const ScatterForm form{
        "3x10x2x", "5x3x1x", "5x3x2x",
        "update_window_dims = [2], inserted_window_dims = [1], input_batching_dims = [0], "
        "scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [1], index_vector_dim = 2"};
    HeroTest test(fusion::GroupKind::kScatter, ScatterOf(form, "f32", Op("add", "f32")));
    SetIndices(test, -1, 10);
    test.ExpectMatches(profile, 1);
  }
}

TEST(LowerScatter, DropsWindowsThatStickOut) {
  const ScatterForm form{"5x", "3x1x", "3x3x", Attributes("[1]", "[]", "[0]", 1)};
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kScatter, ScatterOf(form, "f32", Op("add", "f32")));
    test.SetDoubles(0, {0, 0, 0, 0, 0});
    test.SetDoubles(2, std::vector<double>(9, 1));
    test.SetInts(1, {3, -1, 1});
    const auto results = test.Run(profile, 1);
    ASSERT_EQ(results.size(), 1u);
    const double expected[] = {0, 1, 1, 1, 0};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(reference::ElementAsDouble(results[0], i), expected[i]) << i;
  }
}

TEST(LowerScatter, CombinesSeveralInputsAtOnce) {
  const std::string body =
      "(%0: tensor<6xf32>, %1: tensor<6xsi32>, %2: tensor<120x1xsi32>, %3: tensor<120xf32>, %4: tensor<120xsi32>) { "
      "%5, %6 = scatter(%0, %1, %2, %3, %4) {" +
      Attributes("[]", "[0]", "[0]", 1) +
      ", indices_are_sorted = 0, unique_indices = 0} : tensor<6xf32>, tensor<6xsi32> "
      "(%a: tensor<f32>, %b: tensor<si32>, %c: tensor<f32>, %d: tensor<si32>) { "
      "%e = compare(%a, %c) {comparison_direction = 2, compare_type = 0} : tensor<i1> "
      "%f = select(%e, %a, %c) : tensor<f32> %g = select(%e, %b, %d) : tensor<si32> return(%f, %g) } return(%5, %6) }";
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kScatter, body);
    std::vector<int64_t> indices(120);
    for (int64_t& index : indices) index = static_cast<int64_t>(test.random() % 7);
    test.SetInts(2, indices);
    test.ExpectMatches(profile, 2);
  }
}

}  // namespace
}  // namespace dragoman::kernel
