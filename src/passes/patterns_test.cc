// SPDX-License-Identifier: Apache-2.0
#include "passes/patterns.h"

#include "base/format.h"
#include "passes/rewrite.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

struct ConstantRow {
  std::string_view type, value;
  std::optional<double> splat;
  std::optional<int64_t> integer;
  bool is_splat_constant;
};

TEST(Patterns, ConstantsAreReadInTheirTypes) {
  const ConstantRow rows[] = {
      {"f32", "1.5", 1.5, std::nullopt, true},
      {"3xf32", "1.5", 1.5, std::nullopt, true},
      {"2xf32", "[1.0, 2.0]", std::nullopt, std::nullopt, false},
      {"1xf32", "[2.0]", 2.0, std::nullopt, true},
      {"f64", "1e300", 1e300, std::nullopt, true},
      {"bf16", "-2.0", -2.0, std::nullopt, true},
      {"f16", "65504", 65504, std::nullopt, true},
      {"f8E4M3FN", "448", 448, std::nullopt, true},
      {"si4", "-8", -8, -8, true},
      {"ui4", "15", 15, 15, true},
      {"si8", "-128", -128, -128, true},
      {"ui8", "255", 255, 255, true},
      {"si64", "-9223372036854775808", -0x1p63, INT64_MIN, true},
      {"ui32", "4294967295", 4294967295, 4294967295, true},
      {"ui64", "18446744073709551615", 0x1p64, -1, true},  // the integer's bits
      {"i1", "true", 1, 1, true},
      {"1x1xsi32", "[7]", 7, 7, true},
      {"3xsi32", "7", 7, std::nullopt, true},  // one number, and three elements
      {"c64", "(1, 2)", std::nullopt, std::nullopt, true},
  };
  for (const ConstantRow& row : rows) {
    const auto module = ParseForTest(
        Format("module @m\nfunc public @main() {{ %c = constant() {{value = dense<{1}>}} : tensor<{0}> return(%c) }}",
               row.type, row.value));
    ASSERT_NE(module, nullptr) << row.type;
    const Value* value = module->main()->body.ops[0]->result();
    EXPECT_EQ(SplatOf(value), row.splat) << row.type;
    EXPECT_EQ(IntegerOf(value), row.integer) << row.type;
    EXPECT_EQ(IsSplatConstant(value), row.is_splat_constant) << row.type;
    EXPECT_NE(ConstantOf(value), nullptr);
  }
}

TEST(Patterns, IntegersOfAreAllOfThemRowMajor) {
  const auto module = ParseForTest(R"(module @m
func public @main(%x: tensor<2xsi32>) {
  %c = constant() {value = dense<[1, -2, 3, 4]>} : tensor<2x2xsi16>
  %s = constant() {value = dense<5>} : tensor<3xui8>
  %f = constant() {value = dense<5.0>} : tensor<3xf32>
  return(%c, %s, %f, %x)
})");
  const auto& ops = module->main()->body.ops;
  EXPECT_EQ(IntegersOf(ops[0]->result()), (std::vector<int64_t>{1, -2, 3, 4}));
  EXPECT_EQ(IntegersOf(ops[1]->result()), (std::vector<int64_t>{5, 5, 5}));
  EXPECT_EQ(IntegersOf(ops[2]->result()), std::nullopt);
  EXPECT_EQ(IntegersOf(module->main()->body.arguments[0].get()), std::nullopt);
}

TEST(Patterns, ShapesThatDifferInUnits) {
  EXPECT_EQ(NonUnitDims({1, 3, 1, 0, 2}), (std::vector<int64_t>{1, 3, 4}));
  EXPECT_TRUE(SameButUnits({1, 3, 2}, {3, 1, 2, 1}));
  EXPECT_TRUE(SameButUnits({}, {1, 1}));
  EXPECT_FALSE(SameButUnits({3, 2}, {2, 3}));
  EXPECT_FALSE(SameButUnits({6}, {2, 3}));
  EXPECT_TRUE(AllAre({}, 5));
  EXPECT_TRUE(AllAre({5, 5}, 5));
  EXPECT_FALSE(AllAre({5, 4}, 5));
}

struct RegionRow {
  std::string_view body;  // of %a and %b
  std::optional<OpCode> combiner;
  bool is_elementwise, returns_first;
};

TEST(Patterns, RegionsSayWhatTheyCombine) {
  const RegionRow rows[] = {
      {"%c = add(%a, %b) : tensor<f32> return(%c)", OpCode::kAdd, true, false},
      {"%c = add(%b, %a) : tensor<f32> return(%c)", OpCode::kAdd, true, false},
      {"%c = maximum(%b, %a) : tensor<f32> return(%c)", OpCode::kMaximum, true, false},
      {"%c = subtract(%a, %b) : tensor<f32> return(%c)", OpCode::kSubtract, true, false},
      {"%c = subtract(%b, %a) : tensor<f32> return(%c)", std::nullopt, true, false},
      {"%c = add(%a, %a) : tensor<f32> return(%c)", std::nullopt, true, false},
      {"%c = add(%a, %x) : tensor<f32> return(%c)", std::nullopt, true, false},
      {"%c = add(%a, %b) : tensor<f32> return(%a)", std::nullopt, true, true},
      {"return(%a)", std::nullopt, true, true},
      {"return(%b)", std::nullopt, true, false},
      {"%c = negate(%a) : tensor<f32> %d = add(%c, %b) : tensor<f32> return(%d)", std::nullopt, true, false},
      {"%k = constant() {value = dense<2.0>} : tensor<f32> return(%k)", std::nullopt, true, false},
      {"%c = reshape(%a) : tensor<1xf32> %d = reshape(%c) : tensor<f32> return(%d)", std::nullopt, false, false},
  };
  for (const RegionRow& row : rows) {
    const auto module =
        ParseForTest(Format("module @m\nfunc public @main(%v: tensor<4xf32>, %x: tensor<f32>) {{ %r = reduce(%v, %x) "
                            "{{dimensions = [0]}} : "
                            "tensor<f32> (%a: tensor<f32>, %b: tensor<f32>) {{ {} }} return(%r) }}",
                            row.body));
    ASSERT_NE(module, nullptr) << row.body;
    const Block& region = *module->main()->body.ops[0]->regions[0];
    EXPECT_EQ(CombinerOf(region), row.combiner) << row.body;
    EXPECT_EQ(IsElementwiseRegion(region), row.is_elementwise) << row.body;
    EXPECT_EQ(ReturnsArgument(region, 0), row.returns_first) << row.body;
  }
}

// ---- The frame of rewriting passes

constexpr std::string_view kBranchInside = R"(module @m
func public @main(%x: tensor<2xf32>, %i: tensor<si32>) {
  %a = negate(%x) : tensor<2xf32>
  %r = case(%i) : tensor<2xf32> () {
    %b = negate(%a) : tensor<2xf32>
    return(%b)
  } () {
    return(%a)
  }
  return(%r)
})";

TEST(Rewrite, ReplacesInRegionsAndOffersWhatItMakes) {
  auto module = ParseForTest(kBranchInside);
  int seen = 0;
  const RewriteRule rule = [&](Op& op, RewriteContext& context) -> StatusOr<Replacement> {
    if (op.code == OpCode::kSine) ++seen;
    if (op.code != OpCode::kNegate) return kKeep;
    return ReplaceWith(context.builder.Unary(OpCode::kSine, op.operands[0]));
  };
  const auto changed = Rewrite(*module, rule);
  ASSERT_TRUE(changed.ok() && *changed);
  EXPECT_TRUE(ir::Verify(*module).ok());
  EXPECT_EQ(seen, 2);
  EXPECT_FALSE(HoldsOp(*module, OpCode::kNegate));
  const auto again = Rewrite(*module, rule);
  EXPECT_TRUE(again.ok() && !*again);
}

TEST(Rewrite, OffersRegionsBeforeTheOpsThatHoldThem) {
  auto module = ParseForTest(kBranchInside);
  std::vector<OpCode> order;
  ASSERT_TRUE(Rewrite(*module, [&](Op& op, RewriteContext&) -> StatusOr<Replacement> {
                order.push_back(op.code);
                return kKeep;
              }).ok());
  const std::vector<OpCode> expected = {OpCode::kNegate, OpCode::kNegate, OpCode::kReturn,
                                        OpCode::kReturn, OpCode::kCase,   OpCode::kReturn};
  EXPECT_EQ(order, expected);
}

TEST(Rewrite, RulesWithoutEndAreRefused) {
  auto module = ParseForTest(kBranchInside);
  const auto result = Rewrite(*module, [](Op& op, RewriteContext& context) -> StatusOr<Replacement> {
    if (op.code != OpCode::kNegate) return kKeep;
    return ReplaceWith(context.builder.Unary(OpCode::kNegate, op.operands[0]));
  });
  EXPECT_EQ(result.status().code(), StatusCode::kInternal);
  EXPECT_NE(result.status().message().find("without end"), std::string::npos) << result.status().message();
}

TEST(Rewrite, PassesTheRulesErrorsOn) {
  auto module = ParseForTest(kBranchInside);
  const auto result = Rewrite(*module, [](Op& op, RewriteContext&) -> StatusOr<Replacement> {
    if (op.code == OpCode::kCase) return Unimplemented("No cases.");
    return kKeep;
  });
  EXPECT_EQ(result.status().message(), "No cases.");
}

}  // namespace
}  // namespace dragoman::passes
