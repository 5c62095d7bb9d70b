// SPDX-License-Identifier: Apache-2.0
// What holds of every plan, on random programs of elementwise ops, movement, reductions and products.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/format.h"
#include "fusion/classify.h"
#include "fusion/code_size.h"
#include "fusion/plan_testing.h"

namespace dragoman::fusion {
namespace {

// Tensors that ops turn into each other.
enum Shape { kMatrix, kTurned, kFlat, kRows, kColumns, kSquare, kNumShapes };
constexpr std::string_view kShapes[] = {"64x32xf32", "32x64xf32", "2048xf32", "64xf32", "32xf32", "32x32xf32"};

struct StepRow {
  Shape from, to;
  std::string_view op;  // of %{1}, its result %{0}
};
constexpr StepRow kSteps[] = {
    {kMatrix, kTurned, "transpose(%{1}) {{permutation = [1, 0]}}"},
    {kTurned, kMatrix, "transpose(%{1}) {{permutation = [1, 0]}}"},
    {kMatrix, kFlat, "reshape(%{1})"},
    {kFlat, kMatrix, "reshape(%{1})"},
    {kTurned, kFlat, "reshape(%{1})"},
    {kRows, kMatrix, "broadcast_in_dim(%{1}) {{broadcast_dimensions = [0]}}"},
    {kColumns, kMatrix, "broadcast_in_dim(%{1}) {{broadcast_dimensions = [1]}}"},
    {kColumns, kSquare, "broadcast_in_dim(%{1}) {{broadcast_dimensions = [1]}}"},
    {kMatrix, kMatrix, "reverse(%{1}) {{dimensions = [0]}}"},
    {kMatrix, kMatrix, "concatenate(%{1}, %{1}) {{dimension = 0}}"},  // of its halves; see Halves
    {kMatrix, kSquare, "slice(%{1}) {{start_indices = [16, 0], limit_indices = [48, 32], strides = [1, 1]}}"},
    {kMatrix, kSquare,
     "dot_general(%{1}, %{1}) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions "
     "= [0], "
     "rhs_contracting_dimensions = [0]}}"},
};
struct ReduceRow {
  Shape from, to;
  int dim;
};
constexpr ReduceRow kReduces[] = {
    {kMatrix, kRows, 1}, {kMatrix, kColumns, 0}, {kTurned, kColumns, 1}, {kSquare, kColumns, 0}};
constexpr std::string_view kUnary[] = {"negate", "exponential", "tanh", "sine", "rsqrt"};
constexpr std::string_view kBinary[] = {"add", "multiply", "maximum", "power", "divide"};

class RandomProgram {
 public:
  RandomProgram(uint32_t seed, int num_ops) : random_(seed) {
    text_ = "(";
    for (int shape = 0; shape < kNumShapes; ++shape) {
      text_ += Format("{}%v{}: tensor<{}>", shape == 0 ? "" : ", ", shape, kShapes[shape]);
      values_[static_cast<Shape>(shape)] = {shape};
    }
    text_ += ") {\n%zero = constant() {value = dense<0.0>} : tensor<f32>\n";
    next_ = kNumShapes;
    for (int i = 0; i < num_ops; ++i) AddOp();
    std::string results;
    for (int i = 0; i < 3; ++i) results += Format("{}%v{}", i == 0 ? "" : ", ", kNumShapes + Below(next_ - kNumShapes));
    text_ += Format("return({})\n}}", results);
  }
  const std::string& text() const { return text_; }

 private:
  int Below(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  int Any(Shape shape) { return values_[shape][static_cast<size_t>(Below(static_cast<int>(values_[shape].size())))]; }

  void Define(Shape shape, const std::string& op) {
    text_ += Format("%v{} = {} : tensor<{}>\n", next_, op, kShapes[shape]);
    values_[shape].push_back(next_++);
  }

  void AddOp() {
    const auto shape = static_cast<Shape>(Below(kNumShapes));
    switch (Below(5)) {
      case 0:
        return Define(shape, Format("{}(%v{})", kUnary[Below(std::size(kUnary))], Any(shape)));
      case 1:
      case 2:
        return Define(shape, Format("{}(%v{}, %v{})", kBinary[Below(std::size(kBinary))], Any(shape), Any(shape)));
      case 3:
        return AddStep(kSteps[Below(std::size(kSteps))]);
      default:
        return AddReduce(kReduces[Below(std::size(kReduces))]);
    }
  }

  void AddStep(const StepRow& step) {
    const int from = Any(step.from);
    if (!step.op.starts_with("concatenate")) {
      return Define(step.to, FormatStep(step.op, Format("v{}", from)));
    }
    text_ += Format(
        "%h{} = slice(%v{}) {{start_indices = [0, 0], limit_indices = [32, 32], strides = [1, 1]}} : "
        "tensor<32x32xf32>\n",
        next_, from);
    Define(step.to, FormatStep(step.op, Format("h{}", next_)));
  }

  static std::string FormatStep(std::string_view op, const std::string& operand) {
    std::string text(op);
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>("%{1}", "%" + operand), {"{{", "{"}, {"}}", "}"}}) {
      for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
      }
    }
    return text;
  }

  void AddReduce(const ReduceRow& row) {
    const int id = next_;
    text_ += Format(
        "%v{0} = reduce(%v{1}, %zero) {{dimensions = [{2}]}} : tensor<{3}> (%a{0}: tensor<f32>, %b{0}: tensor<f32>) {{ "
        "%c{0} = add(%a{0}, %b{0}) : tensor<f32> return(%c{0}) }}\n",
        id, Any(row.from), row.dim, kShapes[row.to]);
    values_[row.to].push_back(next_++);
  }

  std::mt19937 random_;
  std::map<Shape, std::vector<int>> values_;
  int next_ = 0;
  std::string text_;
};

int64_t CodeSizeOf(const Group& group) {
  const std::unordered_set<const ir::Op*> members(group.members.begin(), group.members.end());
  const std::unordered_set<const ir::Value*> outputs(group.outputs.begin(), group.outputs.end());
  std::vector<const ir::Op*> roots;
  for (const ir::Value* output : group.outputs) roots.push_back(output->op);
  Positions positions;
  return CodeSize(
      roots, [&](const ir::Value* value) { return members.contains(value->op) && !outputs.contains(value); },
      positions);
}

void CheckGroup(const Group& group, const std::unordered_set<const ir::Value*>& needed) {
  EXPECT_LE(CodeSizeOf(group), kMaxCodeSize + kLoadSize);
  EXPECT_EQ(group.hero == nullptr, group.kind == GroupKind::kLoop);
  for (const ir::Value* output : group.outputs) {
    EXPECT_TRUE(needed.contains(output)) << "nobody reads " << ir::PrintOp(*output->op);
    // One invocation an element: a loop's outputs have equally many.
    if (group.kind != GroupKind::kLoop) continue;
    EXPECT_EQ(output->type.num_elements(), group.outputs[0]->type.num_elements());
  }
  EXPECT_EQ(std::unordered_set<const ir::Op*>(group.members.begin(), group.members.end()).size(), group.members.size());
}

TEST(RandomPlans, HoldWhatEveryPlanMust) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    const std::string text = RandomProgram(seed, 10 + static_cast<int>(seed) % 50).text();
    const Planned planned = PlanText(text), again = PlanText(text), apart = PlanText(text, /*fuse=*/false);
    EXPECT_EQ(planned.plan.ToString(), again.plan.ToString());
    EXPECT_LE(planned.plan.groups.size(), apart.plan.groups.size());
    const ir::Block& block = planned.module->main()->body;
    std::unordered_set<const ir::Value*> needed(block.terminator()->operands.begin(),
                                                block.terminator()->operands.end());
    std::map<const ir::Op*, int> num_groups;
    for (const Group& group : planned.plan.groups) {
      needed.insert(group.inputs.begin(), group.inputs.end());
      for (const ir::Op* member : group.members) ++num_groups[member];
    }
    for (const Group& group : planned.plan.groups) {
      // What nobody reads has a group of its own: passes have removed it from real programs.
      if (std::any_of(group.outputs.begin(), group.outputs.end(), [&](ir::Value* v) { return needed.contains(v); })) {
        CheckGroup(group, needed);
      }
    }
    // What is no expression is computed once.
    for (const auto& [op, count] : num_groups) {
      if (!IsElemental(*op)) {
        EXPECT_EQ(count, 1) << ir::PrintOp(*op);
      }
    }
    if (testing::Test::HasFailure()) FAIL() << text << planned.plan.ToString();
  }
}

TEST(RandomPlans, WithoutFusionHaveAGroupAnOp) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const Planned planned = PlanText(RandomProgram(seed, 30).text(), /*fuse=*/false);
    size_t num_ops = 0;
    for (const auto& op : planned.module->main()->body.ops) {
      num_ops += op->code != ir::OpCode::kConstant && op->code != ir::OpCode::kReturn ? 1 : 0;
    }
    EXPECT_EQ(planned.plan.groups.size(), num_ops);
    for (const Group& group : planned.plan.groups) {
      EXPECT_EQ(std::count_if(group.members.begin(), group.members.end(),
                              [](const ir::Op* op) { return op->code != ir::OpCode::kConstant; }),
                1)
          << planned.plan.ToString();
    }
  }
}

}  // namespace
}  // namespace dragoman::fusion
