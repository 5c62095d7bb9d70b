// SPDX-License-Identifier: Apache-2.0
// What fusion knows of single ops and of ways through them.
#include "fusion/classify.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "fusion/access.h"
#include "fusion/decide_memory.h"
#include "fusion/plan_testing.h"
#include "fusion/product_operand.h"

namespace dragoman::fusion {
namespace {

struct Body {
  std::unique_ptr<ir::Module> module;
  const ir::Block& block() const { return module->main()->body; }
  const ir::Op& op(int position) const { return *block().ops[static_cast<size_t>(position)]; }
};

Body ParseBody(const std::string& text) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  return {*std::move(module)};
}

TEST(Classify, EveryOpIsComputedInPlaceOrHeadsAGroup) {
  // Ops that passes have replaced before fusion, or that only stand in others.
  for (int code = 0; code <= static_cast<int>(ir::OpCode::kReturn); ++code) {
    ir::Op op;
    op.code = static_cast<ir::OpCode>(code);
    if (op.code == ir::OpCode::kConstant) continue;
    const bool is_hero = KindOf(op) != GroupKind::kLoop;
    EXPECT_FALSE(is_hero && IsElemental(op)) << ir::Info(op.code).name;
    EXPECT_GE(ElementCost(op), 0) << ir::Info(op.code).name;
    if (ir::IsElementwise(op.code)) {
      EXPECT_TRUE(IsElemental(op)) << ir::Info(op.code).name;
    }
  }
}

TEST(Classify, ConstantsAreInlineUpToOneDistinctElement) {
  const Body body = ParseBody(R"(() {
    %one = constant() {value = dense<[3.0]>} : tensor<1xf32>
    %splat = constant() {value = dense<3.0>} : tensor<50257x768xf32>
    %two = constant() {value = dense<[3.0, 4.0]>} : tensor<2xf32>
    %none = constant() {value = dense<[]>} : tensor<0xf32>
    return(%one, %splat, %two, %none)
  })");
  const bool is_inline[] = {true, true, false, true};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(IsInlineConstant(body.op(i)), is_inline[i]) << i;
    EXPECT_EQ(IsMemoryConstant(body.op(i)), !is_inline[i]) << i;
    EXPECT_EQ(IsElemental(body.op(i)), is_inline[i]) << i;
  }
  EXPECT_FALSE(IsMemoryConstant(body.op(4)));
}

TEST(Classify, OperandsAreComputedInPlaceWhereTheUserReadsThemAnywhere) {
  const Body body = ParseBody(R"((%x: tensor<8x8xf32>, %i: tensor<si32>) {
    %zero = constant() {value = dense<0.0>} : tensor<8x8xf32>
    %start = constant() {value = dense<1>} : tensor<si32>
    %n = negate(%x) : tensor<8x8xf32>
    %t = transpose(%n) {permutation = [1, 0]} : tensor<8x8xf32>
    %d = dot_general(%n, %t) {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : tensor<8x8xf32>
    %e = dot_general(%zero, %n) {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : tensor<8x8xf32>
    %u = dynamic_update_slice(%zero, %n, %start, %i) : tensor<8x8xf32>
    %v = dynamic_update_slice(%n, %zero, %start, %i) : tensor<8x8xf32>
    %s = slice(%n) {start_indices = [0, 0], limit_indices = [4, 8], strides = [1, 1]} : tensor<4x8xf32>
    return(%d, %e, %u, %v, %s, %zero)
  })");
  const struct {
    int position, operand;
    bool in_place;
  } rows[] = {
      {2, 0, true},                                               // negate of a parameter
      {4, 0, false}, {4, 1, true},                                // a product: movement, not arithmetic
      {5, 0, false}, {5, 1, false},                               // nor constants
      {6, 0, false}, {6, 1, true},  {6, 2, true}, {6, 3, true},   // updates start from memory
      {7, 0, false}, {7, 1, true},  {8, 0, true}, {9, 5, false},  // what is returned is in memory
  };
  for (const auto& row : rows) {
    EXPECT_EQ(CanComputeOperandInPlace(body.op(row.position), row.operand), row.in_place)
        << ir::PrintOp(body.op(row.position)) << " operand " << row.operand;
  }
  EXPECT_TRUE(IsProduct(body.op(4)));
  EXPECT_TRUE(IsOnTheWay(body.op(3)));
  EXPECT_FALSE(IsOnTheWay(body.op(2)));
}

TEST(Classify, ExpansionIsHowOftenAnElementIsRead) {
  const Body body = ParseBody(R"((%x: tensor<4xf32>, %none: tensor<0xf32>) {
    %a = broadcast_in_dim(%x) {broadcast_dimensions = [1]} : tensor<3x4xf32>
    %b = negate(%x) : tensor<4xf32>
    %c = slice(%x) {start_indices = [0], limit_indices = [1], strides = [1]} : tensor<1xf32>
    %d = negate(%none) : tensor<0xf32>
    return(%a, %b, %c, %d)
  })");
  const int64_t expected[] = {3, 1, 1, 1};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Expansion(body.op(i)), expected[i]) << i;
}

TEST(Graph, KnowsUsesInsideOfRegions) {
  const Body body = ParseBody(R"((%x: tensor<4xf32>, %p: tensor<si32>) {
    %a = negate(%x) : tensor<4xf32>
    %r = case(%p) : tensor<4xf32> () {
      %b = add(%a, %a) : tensor<4xf32>
      return(%b)
    } () {
      return(%x)
    }
    %unused = negate(%a) : tensor<4xf32>
    return(%r, %a)
  })");
  const Graph graph(body.block());
  const Node& a = graph.node(0);
  ASSERT_EQ(a.uses.size(), 4u);  // twice by the branch, once by the negation, once returned
  EXPECT_EQ(a.uses[0].user, 1);
  EXPECT_EQ(a.uses[0].operand, -1);
  EXPECT_EQ(a.uses[2].operand, 0);
  EXPECT_TRUE(a.is_result);
  EXPECT_FALSE(graph.node(2).is_result);
  EXPECT_EQ(graph.node(1).reads.size(), 3u);  // the index, %a and %x, each once
  EXPECT_EQ(graph.PositionOf(body.block().arguments[0].get()), -1);
  EXPECT_EQ(graph.PositionOf(body.op(1).regions[0]->ops[0]->result()), -1);
  EXPECT_EQ(graph.PositionOf(body.op(2).result()), 2);
}

TEST(RowShape, IsFullWhereTheInnermostDimensionsMultiplyToTheColumns) {
  const struct {
    Dims dims;
    RowShape shape;
    bool is_full;
  } rows[] = {
      {{128, 1000}, {128, 1000}, true},
      {{1000, 128}, {128, 1000}, false},
      {{128, 10, 100}, {128, 1000}, true},
      {{2, 64, 1000}, {128, 1000}, true},
      {{128, 1000, 1}, {128, 1000}, true},
      {{128000}, {128, 1000}, false},
      {{128, 999}, {128, 1000}, false},
      {{50257}, {1, 50257}, true},
      {{128, 1}, {128, 1}, false},
      {{64, 2, 1000}, {64, 2000}, true},
      {{4, 6}, {12, 2}, false},
      {{0, 8}, {0, 8}, true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(row.shape.IsFull({DType::kF32, row.dims}), row.is_full)
        << TensorType{DType::kF32, row.dims}.ToString() << " as " << row.shape.rows << " x " << row.shape.cols;
  }
}

// ---- What is read at the same element, or in the same row

struct WayRow {
  std::string_view name;
  std::string_view text;  // from %q, a tensor<8x16xf32> in memory, to %r
  bool is_pointwise, is_within_row;
};

class Ways : public testing::TestWithParam<WayRow> {};

TEST_P(Ways, AreFollowedThroughWhatIsComputedInPlace) {
  const Body body = ParseBody(Format(
      "(%x: tensor<8x16xf32>, %rows: tensor<8xf32>) {{ %q = dot_general(%x, %x) {{lhs_batching_dimensions = [0], "
      "rhs_batching_dimensions = [0], lhs_contracting_dimensions = [], rhs_contracting_dimensions = []}} : "
      "tensor<8x16x16xf32> %p = sort(%x) {{dimension = 1, is_stable = 1}} : tensor<8x16xf32> (%a: tensor<f32>, %b: "
      "tensor<f32>) {{ %c = compare(%a, %b) {{comparison_direction = 5, compare_type = 1}} : tensor<i1> return(%c) }} "
      "{} return(%q, %r) }}",
      GetParam().text));
  Graph graph(body.block());
  DecideMemory(graph, {target::DeviceProfile{}, target::Options{}});
  const ir::Value* from = body.op(1).result();
  const int root = graph.size() - 2;
  EXPECT_EQ(ReadsPointwise(graph, root, from), GetParam().is_pointwise);
  EXPECT_EQ(ReadsWithinRow(graph, root, from, {8, 16}), GetParam().is_within_row);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Ways,
    testing::Values(
        WayRow{"itself", "%r = negate(%p) : tensor<8x16xf32>", true, true},
        WayRow{"through_two", "%n = negate(%p) : tensor<8x16xf32> %r = add(%n, %p) : tensor<8x16xf32>", true, true},
        WayRow{"not_at_all", "%r = negate(%x) : tensor<8x16xf32>", true, true},
        WayRow{"reversed", "%n = reverse(%p) {dimensions = [1]} : tensor<8x16xf32> %r = negate(%n) : tensor<8x16xf32>",
               false, false},
        WayRow{"both_ways",
               "%n = reverse(%p) {dimensions = [1]} : tensor<8x16xf32> %r = add(%n, %p) : tensor<8x16xf32>", false,
               false},
        WayRow{"flattened", "%n = reshape(%p) : tensor<128xf32> %r = negate(%n) : tensor<128xf32>", true, true},
        WayRow{"sliced",
               "%n = slice(%p) {start_indices = [0, 0], limit_indices = [8, 8], strides = [1, 1]} : tensor<8x8xf32> "
               "%r = negate(%n) : tensor<8x8xf32>",
               false, false}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Limits of what is computed where it is read

size_t NumGroups(const std::string& text) { return PlanText(text).plan.groups.size(); }

// `count` kernels of different sizes that all read %p.
std::string ReadBy(int count, std::string_view producer) {
  std::string text = Format("(%x: tensor<100xf32>) {{ %p = {}(%x) : tensor<100xf32>\n", producer), results;
  for (int i = 1; i <= count; ++i) {
    text += Format(
        "%r{0} = slice(%p) {{start_indices = [0], limit_indices = [{0}], strides = [1]}} : tensor<{0}xf32>\n", i);
    results += Format("{}%r{}", i == 1 ? "" : ", ", i);
  }
  return text + "return(" + results + ") }";
}

TEST(Memory, HoldsWhatMoreThanSixKernelsWouldCompute) {
  EXPECT_EQ(NumGroups(ReadBy(6, "sqrt")), 6u);
  EXPECT_EQ(NumGroups(ReadBy(7, "sqrt")), 8u);
  EXPECT_EQ(NumGroups(ReadBy(7, "negate")), 7u);  // next to nothing
}

// A concatenation of `parts` parts, itself a part of another one.
std::string NestedParts(int parts) {
  std::string operands;
  for (int i = 0; i < parts; ++i) operands += Format("{}%x", i == 0 ? "" : ", ");
  return Format(
      "(%x: tensor<10xf32>) {{ %c = concatenate({0}) {{dimension = 0}} : tensor<{1}xf32> "
      "%d = concatenate(%c, %x) {{dimension = 0}} : tensor<{2}xf32> return(%d) }}",
      operands, 10 * parts, 10 * parts + 10);
}

TEST(Memory, HoldsLongConcatenationsThatAreParts) {
  EXPECT_EQ(NumGroups(NestedParts(8)), 1u);
  EXPECT_EQ(NumGroups(NestedParts(9)), 2u);
}

// Doubles at each step how often the first value is read.
std::string ReadTwiceEach(int steps) {
  std::string text = "(%v0: tensor<1000xf32>, %y: tensor<1000xf32>) { %w0 = add(%v0, %y) : tensor<1000xf32>\n";
  for (int i = 0; i < steps; ++i) {
    text += Format(
        "%s{0} = slice(%w{0}) {{start_indices = [{1}], limit_indices = [1000], strides = [1]}} : tensor<{2}xf32> "
        "%t{0} = pad(%s{0}, %zero) {{edge_padding_low = [0], edge_padding_high = [{1}], interior_padding = [0]}} : "
        "tensor<1000xf32> %w{3} = add(%w{0}, %t{0}) : tensor<1000xf32>\n",
        i, 1 << i, 1000 - (1 << i), i + 1);
  }
  text.insert(text.find('{') + 1, " %zero = constant() {value = dense<0.0>} : tensor<f32> ");
  return text + Format("return(%w{}) }}", steps);
}

TEST(Memory, HoldsWhatOneKernelWouldReadAtTooManyPlaces) {
  EXPECT_EQ(NumGroups(ReadTwiceEach(1)), 1u);
  const Planned planned = PlanText(ReadTwiceEach(9));
  EXPECT_GT(planned.plan.groups.size(), 1u);
  EXPECT_LT(planned.plan.groups.size(), 10u);
}

}  // namespace
}  // namespace dragoman::fusion
