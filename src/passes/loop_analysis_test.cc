// SPDX-License-Identifier: Apache-2.0
#include "passes/loop_analysis.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

struct Counted {
  std::string_view dtype = "si32";
  int64_t first = 0, step = 1, trips = 5;
};

// %i counts as stated; `text` computes %v of it, a scalar of type `result`.
std::string LoopText(const Counted& counted, std::string_view text, std::string_view result) {
  return Format(R"(module @m
func public @main(%x: tensor<5x3xf32>) {{
  %first = constant() {{value = dense<{1}>}} : tensor<{0}>
  %table = iota() {{iota_dimension = 0}} : tensor<5xsi32>
  %i, %r = while(%first, %x) {{trip_count = {3}}} : tensor<{0}>, tensor<5x3xf32> (%a: tensor<{0}>, %b: tensor<5x3xf32>) {{
    %never = constant() {{value = dense<false>}} : tensor<i1>
    return(%never)
  }} (%c: tensor<{0}>, %d: tensor<5x3xf32>) {{
    %step = constant() {{value = dense<{2}>}} : tensor<{0}>
    %next = add(%c, %step) : tensor<{0}>
    {4} : tensor<{5}>
    return(%next, %d)
  }}
  return(%r)
}})",
                counted.dtype, counted.first, counted.step, counted.trips, text, result);
}

struct AffineRow {
  Counted counted;
  std::string_view text, result;
  std::optional<Affine> affine;
};

TEST(LoopAnalysis, ValuesAreAffineInTheIterationWhereNoneWrapsAround) {
  constexpr int64_t kLimit = int64_t{1} << 30;
  const AffineRow rows[] = {
      {{}, "%v = add(%c, %step)", "si32", Affine{1, 1}},
      {{.first = 7, .step = -2}, "%v = add(%c, %c)", "si32", Affine{14, -4}},
      {{.first = 3}, "%k = constant() {value = dense<4>} : tensor<si32> %v = multiply(%c, %k)", "si32", Affine{12, 4}},
      {{.first = 3}, "%k = constant() {value = dense<4>} : tensor<si32> %v = subtract(%k, %c)", "si32", Affine{1, -1}},
      {{.first = 3}, "%v = multiply(%c, %c)", "si32", std::nullopt},
      {{.first = 3}, "%v = convert(%c)", "si64", Affine{3, 1}},
      {{.first = 3}, "%v = convert(%c)", "ui32", Affine{3, 1}},
      // As an unsigned number it is huge.
      {{.first = -3}, "%v = convert(%c)", "ui32", std::nullopt},
      {{.first = -3, .trips = 3}, "%v = convert(%c)", "ui64", std::nullopt},
      {{.first = 3, .step = -1, .trips = 4}, "%v = convert(%c)", "ui32", Affine{3, -1}},
      {{.first = 3, .step = -1, .trips = 5}, "%v = convert(%c)", "ui32", std::nullopt},
      {{.dtype = "ui32"},
       "%k = constant() {value = dense<4>} : tensor<ui32> %v = subtract(%k, %c)",
       "ui32",
       Affine{4, -1}},
      {{.dtype = "ui32"},
       "%k = constant() {value = dense<3>} : tensor<ui32> %v = subtract(%k, %c)",
       "ui32",
       std::nullopt},
      // Too narrow for what is counted.
      {{.first = 3}, "%v = convert(%c)", "si8", std::nullopt},
      {{.first = 3}, "%v = convert(%c)", "f32", std::nullopt},
      {{.first = kLimit - 10}, "%v = add(%c, %step)", "si32", Affine{kLimit - 9, 1}},
      {{.first = kLimit - 6},
       "%k = constant() {value = dense<2>} : tensor<si32> %v = add(%c, %k)",
       "si32",
       std::nullopt},
      {{.first = 3}, "%n = negate(%c) : tensor<si32> %v = add(%n, %c)", "si32", std::nullopt},
      // A choice that is the same each time, and one that is not.
      {{.first = -2},
       "%k = constant() {value = dense<0>} : tensor<si32> %p = compare(%c, %step) {comparison_direction = 5, "
       "compare_type = 3} : tensor<i1> %v = select(%p, %c, %k)",
       "si32",
       std::nullopt},
      {{.first = -7},
       "%k = constant() {value = dense<0>} : tensor<si32> %p = compare(%c, %k) {comparison_direction = 5, "
       "compare_type = 3} : tensor<i1> %v = select(%p, %c, %k)",
       "si32",
       Affine{-7, 1}},
      // An element of a table that is affine.
      {{},
       "%s = dynamic_slice(%table, %c) {slice_sizes = [1]} : tensor<1xsi32> %v = reshape(%s)",
       "si32",
       Affine{0, 1}},
      {{.first = 1},
       "%s = dynamic_slice(%table, %c) {slice_sizes = [1]} : tensor<1xsi32> %v = reshape(%s)",
       "si32",
       std::nullopt},
  };
  for (const AffineRow& row : rows) {
    const auto module = ParseForTest(LoopText(row.counted, row.text, row.result));
    ASSERT_NE(module, nullptr) << row.text;
    const Op* loop = nullptr;
    for (const auto& op : module->main()->body.ops) loop = op->code == OpCode::kWhile ? op.get() : loop;
    const LoopAnalysis analysis(*loop);
    const Block& body = *loop->regions[1];
    const auto affine = analysis.AffineOf(body.ops[body.ops.size() - 2]->result());
    ASSERT_EQ(affine.has_value(), row.affine.has_value())
        << row.text << " : " << row.result << " from " << row.counted.first;
    if (!affine.has_value()) continue;
    EXPECT_EQ(affine->first, row.affine->first) << row.text;
    EXPECT_EQ(affine->step, row.affine->step) << row.text;
  }
}

struct RowRow {
  Counted counted;
  std::string_view slice;
  int64_t dimension;  // -1: none
};

TEST(LoopAnalysis, RowsOfInvariantsAreReadAtPlacesThatAreNeverClamped) {
  const RowRow rows[] = {
      {{}, "dynamic_slice(%x, %c, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", 0},
      {{.first = 4, .step = -1}, "dynamic_slice(%x, %c, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", 0},
      {{.first = 1}, "dynamic_slice(%x, %c, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", -1},
      {{.first = -1}, "dynamic_slice(%x, %c, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", -1},
      {{.trips = 3}, "dynamic_slice(%x, %z, %c) {slice_sizes = [5, 1]} : tensor<5x1xf32>", 1},
      {{.trips = 4}, "dynamic_slice(%x, %z, %c) {slice_sizes = [5, 1]} : tensor<5x1xf32>", -1},
      {{}, "dynamic_slice(%x, %z, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", -1},
      {{}, "dynamic_slice(%x, %c, %z) {slice_sizes = [2, 3]} : tensor<2x3xf32>", -1},
      {{}, "dynamic_slice(%x, %c, %z) {slice_sizes = [1, 2]} : tensor<1x2xf32>", -1},
      {{}, "dynamic_slice(%d, %c, %z) {slice_sizes = [1, 3]} : tensor<1x3xf32>", -1},
  };
  for (const RowRow& row : rows) {
    const std::string text =
        Format("%z = constant() {{value = dense<0>}} : tensor<si32> %s = {} %v = negate(%c)", row.slice);
    const auto module = ParseForTest(LoopText(row.counted, text, "si32"));
    ASSERT_NE(module, nullptr) << row.slice;
    const Op* loop = nullptr;
    for (const auto& op : module->main()->body.ops) loop = op->code == OpCode::kWhile ? op.get() : loop;
    const Block& body = *loop->regions[1];
    const auto found = LoopAnalysis(*loop).AsRowOfInvariant(*body.ops[body.ops.size() - 3]);
    EXPECT_EQ(found.has_value() ? found->dimension : -1, row.dimension) << row.slice << " from " << row.counted.first;
  }
}

TEST(LoopAnalysis, StepsAreConstantsAddedOrSubtracted) {
  const struct {
    std::string_view text;
    std::optional<int64_t> step;
  } rows[] = {
      {"add(%x, %three)", 3},
      {"add(%three, %x)", 3},
      {"subtract(%x, %three)", -3},
      {"subtract(%three, %x)", std::nullopt},
      {"add(%x, %x)", std::nullopt},
      {"negate(%x)", std::nullopt},
      {"subtract(%x, %least)", std::nullopt},
  };
  for (const auto& row : rows) {
    const auto module = ParseForTest(Format(
        "module @m\nfunc public @main(%x: tensor<si64>) {{ %three = constant() {{value = dense<3>}} : tensor<si64> "
        "%least = constant() {{value = dense<-9223372036854775808>}} : tensor<si64> %r = {} : tensor<si64> return(%r) "
        "}}",
        row.text));
    const Block& body = module->main()->body;
    EXPECT_EQ(StepFrom(body.arguments[0].get(), body.ops[2]->result()), row.step) << row.text;
  }
}

}  // namespace
}  // namespace dragoman::passes
