// SPDX-License-Identifier: Apache-2.0
// Single decisions, each on both sides of its limit: what joins a kernel, what is written to memory, how large a kernel
// gets.
#include <gtest/gtest.h>

#include "base/arithmetic.h"
#include "base/format.h"
#include "fusion/access.h"
#include "fusion/code_size.h"
#include "fusion/plan_testing.h"
#include "fusion/positions.h"

namespace dragoman::fusion {
namespace {

constexpr std::string_view kZero = "%zero = constant() {value = dense<0.0>} : tensor<f32>\n";

// A sum over `dims`; `name` is that of its result.
std::string Sum(std::string_view name, std::string_view operand, std::string_view dims, std::string_view type) {
  return Format(
      "%{0} = reduce(%{1}, %zero) {{dimensions = [{2}]}} : tensor<{3}> (%{0}a: tensor<f32>, %{0}b: tensor<f32>) {{ "
      "%{0}c = add(%{0}a, %{0}b) : tensor<f32> return(%{0}c) }}\n",
      name, operand, dims, type);
}

struct FollowerRow {
  std::string_view follower;  // of %p, a tensor<64x64xf32>; its result is %r
  int num_groups;             // with the product
};

class Followers : public testing::TestWithParam<FollowerRow> {};

TEST_P(Followers, JoinAProductWhereTheyReadItPointwise) {
  const Planned planned = PlanText(Format(R"((%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %b: tensor<64x64xf32>) {{
    %p = dot_general(%x, %w) {{lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]}} : tensor<64x64xf32>
    {}
    return(%r)
  }})",
                                          GetParam().follower));
  EXPECT_EQ(static_cast<int>(planned.plan.groups.size()), GetParam().num_groups) << planned.plan.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    Table, Followers,
    testing::Values(FollowerRow{"%r = add(%p, %b) : tensor<64x64xf32>", 1},
                    FollowerRow{"%r = tanh(%p) : tensor<64x64xf32>", 1},
                    FollowerRow{"%r = convert(%p) : tensor<64x64xf16>", 1},
                    FollowerRow{"%r = reshape(%p) : tensor<4096xf32>", 1},
                    FollowerRow{"%r = transpose(%p) {permutation = [1, 0]} : tensor<64x64xf32>", 2},
                    FollowerRow{"%r = reverse(%p) {dimensions = [0]} : tensor<64x64xf32>", 2},
                    // Once at the same element, once elsewhere.
                    FollowerRow{"%t = transpose(%p) {permutation = [1, 0]} : tensor<64x64xf32> %r = add(%p, %t) : "
                                "tensor<64x64xf32>",
                                2},
                    FollowerRow{"%r = slice(%p) {start_indices = [0, 0], limit_indices = [32, 64], strides = [1, 1]} : "
                                "tensor<32x64xf32>",
                                2},
                    FollowerRow{"%r = broadcast_in_dim(%p) {broadcast_dimensions = [1, 2]} : tensor<2x64x64xf32>", 2}));

struct TransformRow {
  std::string_view text;  // of %x, reals, and %z, complex numbers; ends in %r
  int num_groups;
};

class Transforms : public testing::TestWithParam<TransformRow> {};

TEST_P(Transforms, AreJoinedByWhatIsCheapAndKeepsNeighbours) {
  std::string text =
      Format("(%x: tensor<8x64xf32>, %z: tensor<8x64xc64>, %w: tensor<63xc64>) {{ {} return(%r) }}", GetParam().text);
  const std::string fourier = "{dimension = 1, fft_type = 0, permutation = [0, 1]} : tensor<8x64xc64>";
  text.replace(text.find("LINES"), 5, fourier);
  const Planned planned = PlanText(text);
  EXPECT_EQ(static_cast<int>(planned.plan.groups.size()), GetParam().num_groups) << planned.plan.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    Table, Transforms,
    testing::Values(
        TransformRow{"%c = convert(%x) : tensor<8x64xc64> %r = fourier(%c, %w) LINES", 1},
        TransformRow{"%p = fourier(%z, %w) LINES %r = multiply(%p, %z) : tensor<8x64xc64>", 1},
        TransformRow{"%p = fourier(%z, %w) LINES %r = real(%p) : tensor<8x64xf32>", 1},
        TransformRow{"%p = fourier(%z, %w) LINES %r = exponential(%p) : tensor<8x64xc64>", 2},
        TransformRow{"%e = exponential(%z) : tensor<8x64xc64> %r = fourier(%e, %w) LINES", 2},
        TransformRow{"%e = reverse(%z) {dimensions = [1]} : tensor<8x64xc64> %r = fourier(%e, %w) LINES", 2},
        TransformRow{"%p = fourier(%z, %w) LINES %r = reverse(%p) {dimensions = [1]} : tensor<8x64xc64>", 2}));

struct RowsCase {
  int rows, cols;
  bool is_row;
};

class Rows : public testing::TestWithParam<RowsCase> {};

TEST_P(Rows, ShareAWorkgroupWhereTheyAreManyOrSmall) {
  const auto [rows, cols, is_row] = GetParam();
  const std::string full = Format("{}x{}xf32", rows, cols), one = Format("{}xf32", rows);
  const Planned planned =
      PlanText(Format("(%x: tensor<{0}>) {{ {1} {2} %w = broadcast_in_dim(%s) "
                      "{{broadcast_dimensions = [0]}} : tensor<{0}> %y = subtract(%x, %w) : "
                      "tensor<{0}> return(%y) }}",
                      full, kZero, Sum("s", "x", "1", one)));
  EXPECT_EQ(planned.Count(GroupKind::kRow), is_row ? 1 : 0) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups.size(), is_row ? 1u : 2u);
}

INSTANTIATE_TEST_SUITE_P(Table, Rows,
                         testing::Values(RowsCase{64, 2000, true}, RowsCase{63, 2000, false}, RowsCase{63, 1040, true},
                                         RowsCase{63, 1041, false}, RowsCase{1, 65536, true}, RowsCase{1, 65537, false},
                                         RowsCase{1023, 32768, true}, RowsCase{1023, 32769, false},
                                         RowsCase{1024, 32769, true}));

int CountSumsTogether(int count, const std::string& dims, const std::string& other_dims) {
  std::string text = Format("(%x: tensor<512x512xf32>) {{ {}", kZero), results;
  for (int i = 0; i < count; ++i) {
    text += Format(
                "%k{0} = constant() {{value = dense<{0}.5>}} : tensor<f32> %w{0} = broadcast_in_dim(%k{0}) "
                "{{broadcast_dimensions = []}} : tensor<512x512xf32> %m{0} = multiply(%x, %w{0}) : "
                "tensor<512x512xf32>\n",
                i) +
            Sum(Format("s{}", i), Format("m{}", i), i == 0 ? dims : other_dims, "512xf32");
    results += Format("{}%s{}", i == 0 ? "" : ", ", i);
  }
  return PlanText(text + "return(" + results + ") }").Count(GroupKind::kReduce);
}

TEST(Siblings, ShareTheirReadsUpToEight) {
  EXPECT_EQ(CountSumsTogether(2, "0", "0"), 1);
  EXPECT_EQ(CountSumsTogether(8, "0", "0"), 1);
  EXPECT_EQ(CountSumsTogether(9, "0", "0"), 2);
}

TEST(Siblings, ReduceTheSameDimensions) { EXPECT_EQ(CountSumsTogether(2, "0", "1"), 2); }

// A producer that costs much, and how often its result is read again.
struct MemoryRow {
  std::string_view name;
  std::string_view text;
  int num_groups;
};

class Memory : public testing::TestWithParam<MemoryRow> {};

TEST_P(Memory, HoldsWhatIsDearToComputeAgain) {
  const Planned planned =
      PlanText(Format("(%x: tensor<1000xf32>, %y: tensor<1000xf32>, %s: tensor<f32>) {{ {} }}", GetParam().text));
  EXPECT_EQ(static_cast<int>(planned.plan.groups.size()), GetParam().num_groups) << planned.plan.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    Table, Memory,
    testing::Values(
        MemoryRow{"one_reader", "%p = power(%x, %y) : tensor<1000xf32> %r = negate(%p) : tensor<1000xf32> return(%r)",
                  1},
        MemoryRow{"dear_under_a_broadcast",
                  "%p = power(%x, %y) : tensor<1000xf32> %r = broadcast_in_dim(%p) {broadcast_dimensions = [1]} : "
                  "tensor<4x1000xf32> return(%r)",
                  2},
        MemoryRow{"dear_under_a_small_broadcast",
                  "%p = power(%x, %y) : tensor<1000xf32> %r = broadcast_in_dim(%p) {broadcast_dimensions = [1]} : "
                  "tensor<3x1000xf32> return(%r)",
                  1},
        MemoryRow{"cheap_under_a_broadcast",
                  "%p = add(%x, %y) : tensor<1000xf32> %r = broadcast_in_dim(%p) {broadcast_dimensions = [1]} : "
                  "tensor<4x1000xf32> return(%r)",
                  1},
        MemoryRow{"tanh_under_a_broadcast",  // costs 14, the most that is computed again
                  "%p = tanh(%x) : tensor<1000xf32> %r = broadcast_in_dim(%p) {broadcast_dimensions = [1]} : "
                  "tensor<4x1000xf32> return(%r)",
                  1},
        MemoryRow{"dear_scalar",
                  "%p = exponential(%s) : tensor<f32> %q = exponential(%p) : tensor<f32> %w = broadcast_in_dim(%q) "
                  "{broadcast_dimensions = []} : tensor<1000xf32> %r = add(%x, %w) : tensor<1000xf32> return(%r)",
                  2},
        MemoryRow{"cheap_scalar",
                  "%p = exponential(%s) : tensor<f32> %w = broadcast_in_dim(%p) {broadcast_dimensions = []} : "
                  "tensor<1000xf32> %r = add(%x, %w) : tensor<1000xf32> return(%r)",
                  1},
        MemoryRow{"dear_at_two_positions",
                  "%p = power(%x, %y) : tensor<1000xf32> %q = exponential(%p) : tensor<1000xf32> %v = reverse(%q) "
                  "{dimensions = [0]} : tensor<1000xf32> %r = add(%q, %v) : tensor<1000xf32> return(%r)",
                  2},
        MemoryRow{"cheap_at_two_positions",
                  "%q = negate(%x) : tensor<1000xf32> %v = reverse(%q) {dimensions = [0]} : tensor<1000xf32> "
                  "%r = add(%q, %v) : tensor<1000xf32> return(%r)",
                  1},
        MemoryRow{"dear_and_returned",
                  "%p = power(%x, %y) : tensor<1000xf32> %r = negate(%p) : tensor<1000xf32> return(%p, %r)", 1}),
    [](const auto& info) { return std::string(info.param.name); });

// Whether %v, which two sums along different dimensions read, is written.
bool IsWritten(std::string_view operand) {
  const Planned planned = PlanText(Format("(%x: tensor<512x512xf32>) {{ {}{}{}{}return(%s, %t) }}", kZero, operand,
                                          Sum("s", "v", "0", "512xf32"), Sum("t", "v", "1", "512xf32")));
  size_t num_outputs = 0;
  for (const Group& group : planned.plan.groups) num_outputs += group.outputs.size();
  return num_outputs > 2;
}

TEST(CostAgain, CountsWhatIsReadTwiceOnce) {
  // As a tree of its operands it reads %x more than twenty times.
  EXPECT_FALSE(IsWritten(R"(%a = add(%x, %x) : tensor<512x512xf32> %b = multiply(%a, %a) : tensor<512x512xf32>
    %c = add(%b, %a) : tensor<512x512xf32> %d = multiply(%c, %b) : tensor<512x512xf32>
    %e = add(%d, %c) : tensor<512x512xf32> %v = multiply(%e, %d) : tensor<512x512xf32>
  )"));
  EXPECT_TRUE(IsWritten(R"(%a = power(%x, %x) : tensor<512x512xf32> %v = negate(%a) : tensor<512x512xf32>
  )"));
}

// %v, which two sums along different dimensions read, is few operations from what is returned.
size_t OutputsWith(std::string_view operand, std::string_view returned) {
  const Planned planned =
      PlanText(Format("(%x: tensor<512x512xf32>, %y: tensor<512x512xf32>) {{ {}{}{}{}return(%s, %t, "
                      "{}) }}",
                      kZero, operand, Sum("s", "v", "0", "512xf32"), Sum("t", "v", "1", "512xf32"), returned));
  size_t num_outputs = 0;
  for (const Group& group : planned.plan.groups) num_outputs += group.outputs.size();
  return num_outputs;
}

TEST(CostAgain, StartsFromWhatIsWrittenAnyway) {
  const std::string_view one = "%a = power(%x, %y) : tensor<512x512xf32> %v = negate(%a) : tensor<512x512xf32>\n";
  EXPECT_EQ(OutputsWith(one, "%a"), 3u) << "%v is read from %a";
  const std::string_view two =
      "%a = power(%x, %y) : tensor<512x512xf32> %b = power(%y, %x) : tensor<512x512xf32> %v = add(%a, %b) : "
      "tensor<512x512xf32>\n";
  EXPECT_EQ(OutputsWith(two, "%a, %b"), 5u)
      << "reading %a and %b twice takes more than writing %v and reading it twice";
}

TEST(CostAgain, CountsEachPlaceThatATensorIsReadAt) {
  EXPECT_TRUE(IsWritten(R"(%a = transpose(%x) {permutation = [1, 0]} : tensor<512x512xf32>
    %b = reverse(%x) {dimensions = [0]} : tensor<512x512xf32> %c = reverse(%x) {dimensions = [1]} : tensor<512x512xf32>
    %d = reverse(%x) {dimensions = [0, 1]} : tensor<512x512xf32> %e = add(%a, %b) : tensor<512x512xf32>
    %f = add(%c, %d) : tensor<512x512xf32> %v = add(%e, %f) : tensor<512x512xf32>
  )"));
}

int64_t CodeSizeOfGroup(const Group& group) {
  std::vector<const ir::Op*> roots;
  for (const ir::Value* output : group.outputs) roots.push_back(output->op);
  const auto is_computed = [&](const ir::Value* value) {
    return std::find(group.members.begin(), group.members.end(), value->op) != group.members.end() &&
           std::find(group.outputs.begin(), group.outputs.end(), value) == group.outputs.end();
  };
  Positions positions;
  return CodeSize(roots, is_computed, positions);
}

class Chains : public testing::TestWithParam<std::string_view> {};

TEST_P(Chains, AreCutWhereAKernelIsFull) {
  std::string text = "(%v0: tensor<1000xf32>) {";
  constexpr int kLength = 300;
  for (int i = 0; i < kLength; ++i) text += Format("%v{} = {}(%v{}) : tensor<1000xf32>\n", i + 1, GetParam(), i);
  const Planned planned = PlanText(text + Format("return(%v{}) }}", kLength));
  int64_t whole = 0;
  for (const Group& group : planned.plan.groups) {
    const int64_t size = CodeSizeOfGroup(group);
    EXPECT_LE(size, kMaxCodeSize + kLoadSize);
    whole += size;
  }
  // And not into more pieces than needed.
  EXPECT_LE(static_cast<int64_t>(planned.plan.groups.size()), 2 * CeilDiv(whole, kMaxCodeSize));
}

INSTANTIATE_TEST_SUITE_P(Table, Chains, testing::Values("negate", "exponential", "tanh", "log", "sine"));

TEST(Loops, HaveNoMoreThanFortyReads) {
  const auto count_groups = [](int num_inputs) {
    std::string parameters, body, results;
    for (int i = 0; i < num_inputs; ++i) {
      parameters += Format("{}%x{}: tensor<100xf32>", i == 0 ? "" : ", ", i);
      if (i == 0) continue;
      const std::string before = i == 1 ? "x0" : Format("s{}", i - 1);
      body += Format("%s{0} = add(%{1}, %x{0}) : tensor<100xf32>\n", i, before);
      results += Format("{}%s{}", i == 1 ? "" : ", ", i);
    }
    return PlanText("(" + parameters + ") {" + body + "return(" + results + ") }").plan.groups.size();
  };
  EXPECT_EQ(count_groups(12), 1u);
  EXPECT_GT(count_groups(60), 1u);
}

TEST(Loops, OfDifferentSizesStayApart) {
  const Planned planned = PlanText(R"((%x: tensor<100xf32>, %y: tensor<50xf32>) {
    %a = negate(%x) : tensor<100xf32>
    %h = slice(%a) {start_indices = [0], limit_indices = [50], strides = [1]} : tensor<50xf32>
    %b = add(%h, %y) : tensor<50xf32>
    return(%a, %b)
  })");
  EXPECT_EQ(planned.Count(GroupKind::kLoop), 2) << planned.plan.ToString();
}

struct ReduceShapeRow {
  std::string_view operand, dims, result;
  RowShape shape;
};

TEST(RowShape, IsOfReducesOverTheInnermostDimensions) {
  const ReduceShapeRow rows[] = {
      {"8x16xf32", "1", "8xf32", {8, 16}},       {"8x16xf32", "0", "16xf32", {}},
      {"8x16xf32", "0, 1", "f32", {1, 128}},     {"4x8x16xf32", "1, 2", "4xf32", {4, 128}},
      {"4x8x16xf32", "1", "4x16xf32", {}},       {"4x8x16xf32", "0, 2", "8xf32", {}},
      {"4x1x16xf32", "2", "4x1xf32", {4, 16}},   {"4x16x1xf32", "1", "4x1xf32", {4, 16}},
      {"1x16x8xf32", "0, 2", "16xf32", {16, 8}}, {"16x1xf32", "1", "16xf32", {}},
  };
  for (const auto& row : rows) {
    const Planned planned = PlanText(
        Format("(%x: tensor<{}>) {{ {} {} return(%s) }}", row.operand, kZero, Sum("s", "x", row.dims, row.result)));
    for (const auto& op : planned.module->main()->body.ops) {
      if (op->code != ir::OpCode::kReduce) continue;
      EXPECT_EQ(RowShapeOfReduce(*op), row.shape) << row.operand << " over " << row.dims;
    }
  }
}

// ---- Positions

struct Parsed {
  std::unique_ptr<ir::Module> module;
  const ir::Op& op(int position) const { return *module->main()->body.ops[position]; }
};

Parsed ParseText(const std::string& text) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  return {*std::move(module)};
}

Positions::Id FollowOne(Positions& positions, const ir::Op& op, int operand, Positions::Id at) {
  std::vector<Positions::Id> to;
  positions.Follow(op, operand, at, to);
  EXPECT_EQ(to.size(), 1u);
  return to.empty() ? -1 : to[0];
}

TEST(Positions, AreEqualWhereTheWaysAre) {
  const Parsed parsed = ParseText(R"((%x: tensor<8x8xf32>) {
    %a = negate(%x) : tensor<8x8xf32>
    %b = reverse(%a) {dimensions = [0]} : tensor<8x8xf32>
    %c = reverse(%x) {dimensions = [0]} : tensor<8x8xf32>
    %d = reverse(%x) {dimensions = [1]} : tensor<8x8xf32>
    return(%b, %c, %d)
  })");
  Positions positions;
  EXPECT_EQ(FollowOne(positions, parsed.op(0), 0, Positions::kOwn), Positions::kOwn);
  const auto by_b = FollowOne(positions, parsed.op(1), 0, Positions::kOwn);
  EXPECT_NE(by_b, Positions::kOwn);
  EXPECT_EQ(FollowOne(positions, parsed.op(2), 0, Positions::kOwn), by_b);
  EXPECT_NE(FollowOne(positions, parsed.op(3), 0, Positions::kOwn), by_b);
}

TEST(Positions, PartsOfAConcatenationHaveTheirShareAndADepth) {
  const Parsed parsed = ParseText(R"((%x: tensor<30xf32>, %y: tensor<10xf32>) {
    %c = concatenate(%x, %y) {dimension = 0} : tensor<40xf32>
    return(%c)
  })");
  Positions positions;
  const auto first = FollowOne(positions, parsed.op(0), 0, Positions::kOwn);
  const auto second = FollowOne(positions, parsed.op(0), 1, Positions::kOwn);
  EXPECT_NE(first, second);
  EXPECT_DOUBLE_EQ(positions.Share(first), 0.75);
  EXPECT_DOUBLE_EQ(positions.Share(second), 0.25);
  EXPECT_GT(positions.Depth(first), positions.Depth(Positions::kOwn));
}

TEST(CodeSize, CountsAValueOnceAPosition) {
  const Parsed parsed = ParseText(R"((%x: tensor<1000xf32>) {
    %e = exponential(%x) : tensor<1000xf32>
    %twice = add(%e, %e) : tensor<1000xf32>
    %v = reverse(%e) {dimensions = [0]} : tensor<1000xf32>
    %apart = add(%e, %v) : tensor<1000xf32>
    return(%twice, %apart)
  })");
  const auto size_of = [&](int position) {
    const ir::Op* roots[] = {&parsed.op(position)};
    Positions positions;
    return CodeSize(
        roots, [](const ir::Value* value) { return value->op != nullptr; }, positions);
  };
  const int exponential = CodeSize(parsed.op(0)) + kLoadSize;
  EXPECT_EQ(size_of(0), exponential);
  EXPECT_EQ(size_of(1), exponential + CodeSize(parsed.op(1)));
  EXPECT_EQ(size_of(3), 2 * exponential + CodeSize(parsed.op(2)) + CodeSize(parsed.op(3)));
}

}  // namespace
}  // namespace dragoman::fusion
