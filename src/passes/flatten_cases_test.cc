// SPDX-License-Identifier: Apache-2.0
#include "passes/flatten_cases.h"

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

constexpr std::string_view kNested = R"(module @m
func public @main(%x: tensor<3xf32>, %i: tensor<si32>, %j: tensor<si32>) {
  %r, %s = case(%i) : tensor<3xf32>, tensor<3xf32> () {
    %a = negate(%x) : tensor<3xf32>
    return(%a, %x)
  } () {
    %b = case(%j) : tensor<3xf32> () {
      %c = add(%x, %x) : tensor<3xf32>
      return(%c)
    } () {
      return(%x)
    }
    return(%b, %x)
  } () {
    %d = multiply(%x, %x) : tensor<3xf32>
    return(%d, %d)
  }
  return(%r, %s)
})";

TEST(FlattenCases, NestedCasesBecomeSelects) {
  const std::string printed = RunForTest(FlattenCases, kNested);
  EXPECT_EQ(printed.find("case("), std::string::npos) << printed;
  ExpectSameMeaning(FlattenCases, kNested);
}

TEST(FlattenCases, EveryIndexChoosesAsTheCaseDoes) {
  for (const int64_t index : {-1, 0, 1, 2, 3, 100}) {
    auto module = ParseForTest(kNested);
    std::mt19937 random(5);
    const std::vector<ir::Literal> inputs = {RandomLiteral({DType::kF32, {3}}, random),
                                             reference::LiteralFromInts({DType::kS32, {}}, std::vector<int64_t>{index}),
                                             reference::LiteralFromInts({DType::kS32, {}}, std::vector<int64_t>{0})};
    const auto before = reference::Evaluate(*module, "main", inputs);
    const target::DeviceProfile profile;
    ASSERT_TRUE(FlattenCases(*module, {profile}).ok());
    const auto after = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(before.ok() && after.ok());
    for (size_t i = 0; i < before->size(); ++i) ExpectNear((*after)[i], (*before)[i], 0);
  }
}

TEST(FlattenCases, DearBranchesStay) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<3x3xf32>, %1: tensor<si32>) {
  %2 = case(%1) : tensor<3x3xf32> () {
    %3 = dot_general(%0, %0) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<3x3xf32>
    return(%3)
  } () {
    return(%0)
  }
  return(%2)
}
)";
  EXPECT_EQ(RunForTest(FlattenCases, text), text);
}

}  // namespace
}  // namespace dragoman::passes
