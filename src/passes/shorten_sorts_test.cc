// SPDX-License-Identifier: Apache-2.0
#include "passes/shorten_sorts.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// Pairs sorted along dimension 1 of 3x9, `uses` of %v and %i after it.
std::string SortAnd(const std::string& uses) {
  return "module @m\nfunc public @main(%x: tensor<3x9xf32>, %j: tensor<3x9xsi32>) { "
         "%v, %i = sort(%x, %j) {dimension = 1, is_stable = 1} : tensor<3x9xf32>, tensor<3x9xsi32> "
         "(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<si32>, %d: tensor<si32>) { "
         "%e = compare(%a, %b) {comparison_direction = 3, compare_type = 1} : tensor<i1> return(%e) } " +
         uses + " }\n";
}

std::string Slice(const std::string& of, int rows, const std::string& range, const std::string& strides) {
  const auto colon = range.find(':');
  const int from = std::stoi(range.substr(0, colon)), to = std::stoi(range.substr(colon + 1));
  const int step = strides == "1" ? 1 : 2;
  return Format(
      "%s{0} = slice(%{0}) {{start_indices = [0, {1}], limit_indices = [{2}, {3}], strides = [1, {4}]}} : "
      "tensor<{2}x{5}x{6}> ",
      of, from, rows, to, step, (to - from + step - 1) / step, of == "v" ? "f32" : "si32");
}

TEST(ShortenSorts, SlicesOfTheFirstElementsBecomeTheSort) {
  const std::string text = SortAnd(Slice("v", 3, "0:4", "1") + Slice("i", 3, "0:4", "1") + "return(%sv, %si)");
  const std::string printed = RunForTest(ShortenSorts, text);
  EXPECT_NE(printed.find("limit_indices = [4]"), std::string::npos) << printed;
  EXPECT_NE(printed.find("return(%2, %3)"), std::string::npos) << printed;
  ExpectSameMeaning(ShortenSorts, text);
}

TEST(ShortenSorts, TheLongestSliceDecidesAndOthersStay) {
  const std::string text = SortAnd(Slice("v", 2, "0:5", "2") + Slice("i", 3, "0:3", "1") + "return(%sv, %si)");
  const std::string printed = RunForTest(ShortenSorts, text);
  EXPECT_NE(printed.find("limit_indices = [5]"), std::string::npos) << printed;
  EXPECT_NE(printed.find("limit_indices = [3, 3]"), std::string::npos) << printed;
  ExpectSameMeaning(ShortenSorts, text);
}

TEST(ShortenSorts, OtherUsesKeepTheSortWhole) {
  for (const std::string& uses :
       {Slice("v", 3, "1:4", "1") + "return(%sv)", Slice("v", 3, "0:4", "1") + "return(%sv, %v)",
        Slice("v", 3, "0:4", "1") + "return(%sv, %i)", Slice("v", 3, "0:9", "1") + "return(%sv)"}) {
    EXPECT_EQ(RunForTest(ShortenSorts, SortAnd(uses)).find("limit_indices = [4]"), std::string::npos) << uses;
  }
}

}  // namespace
}  // namespace dragoman::passes
