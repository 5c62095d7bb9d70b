// SPDX-License-Identifier: Apache-2.0
// Which programs' scores stay in workgroups, and which are written, and why.
#include "fusion/attention.h"

#include <gtest/gtest.h>

#include "fusion/plan_testing.h"

namespace dragoman::fusion {
namespace {

target::DeviceProfile WithUnits(int registers = 208) {
  target::DeviceProfile profile;
  profile.cooperative_matrix = profile.vulkan_memory_model = profile.subgroup_basic = true;
  profile.matrix_registers = registers;
  profile.max_workgroup_invocations = 1024;
  profile.max_workgroup_size[0] = 1024;
  profile.shared_memory_bytes = 49152;
  for (const DType input : {DType::kF16, DType::kBF16})
    profile.matrix_shapes.push_back({16, 16, 16, input, DType::kF32});
  return profile;
}

// What differs between the programs of these tests.
struct Program {
  std::string type = "bf16";
  int depth = 64;
  int precision = 0;
  std::string last = "%o";       // what is returned
  std::string more;              // after the scores' softmax
  std::string columns_of = "3";  // what the softmax's reductions take
};

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string TextOf(const Program& program) {
  const std::string over = program.columns_of == "3" ? "[0, 1, 2]" : "[0, 1, 3]";
  std::string text =
      "(%q: tensor<4x512x2xDEPTHxTYPE>, %k: tensor<4x512x2xDEPTHxTYPE>, %v: tensor<4x512x2xDEPTHxTYPE>) { "
      "%s = dot_general(%q, %k) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2], "
      "lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3], precision = PRECISION} : "
      "tensor<4x2x512x512xf32> "
      "%z = constant() {value = dense<0>} : tensor<f32> %l = constant() {value = dense<0xff800000>} : tensor<f32> "
      "%m = reduce(%s, %l) {dimensions = [COLS]} : tensor<4x2x512xf32> (%a: tensor<f32>, %b: tensor<f32>) { %mx = "
      "maximum(%a, %b) : tensor<f32> return(%mx) } "
      "%mb = broadcast_in_dim(%m) {broadcast_dimensions = OVER} : tensor<4x2x512x512xf32> "
      "%d = subtract(%s, %mb) : tensor<4x2x512x512xf32> %e = exponential(%d) : tensor<4x2x512x512xf32> "
      "%t = reduce(%e, %z) {dimensions = [COLS]} : tensor<4x2x512xf32> (%a1: tensor<f32>, %b1: tensor<f32>) { %ad = "
      "add(%a1, %b1) : tensor<f32> return(%ad) } "
      "%tb = broadcast_in_dim(%t) {broadcast_dimensions = OVER} : tensor<4x2x512x512xf32> "
      "%pf = divide(%e, %tb) : tensor<4x2x512x512xf32> %p = convert(%pf) : tensor<4x2x512x512xTYPE> "
      "%o = dot_general(%v, %p) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 1], "
      "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [3], precision = PRECISION} : "
      "tensor<4x2xDEPTHx512xTYPE> MORE return(RESULTS) }";
  text = Replaced(Replaced(Replaced(text, "MORE", program.more), "RESULTS", program.last), "COLS", program.columns_of);
  text = Replaced(Replaced(text, "OVER", over), "DEPTH", std::to_string(program.depth));
  text = Replaced(Replaced(text, "TYPE", program.type), "PRECISION", std::to_string(program.precision));
  return program.type == "f32"
             ? Replaced(Replaced(text, "%p = convert(%pf) : tensor<4x2x512x512xf32> ", ""), "%p)", "%pf)")
             : text;
}

Planned PlanOf(const Program& program, const target::DeviceProfile& profile = WithUnits()) {
  auto module = ir::Parse("module @m func public @main" + TextOf(program));
  EXPECT_TRUE(module.ok()) << module.status().message();
  auto plan = PlanBlock((*module)->main()->body, {profile, target::Options{}});
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  CheckPlan((*module)->main()->body, *plan);
  return {*std::move(module), *std::move(plan)};
}

int Attentions(const Program& program, const target::DeviceProfile& profile = WithUnits()) {
  return PlanOf(program, profile).Count(GroupKind::kAttention);
}

TEST(Attention, IsOneGroup) {
  for (const std::string type : {"bf16", "f16", "f32"}) {
    const Planned planned = PlanOf({.type = type});
    ASSERT_EQ(planned.Count(GroupKind::kAttention), 1) << planned.plan.ToString();
    EXPECT_EQ(planned.Count(GroupKind::kDot), 0);
    EXPECT_EQ(planned.Count(GroupKind::kRow), 0);
    const Group& group = planned.First(GroupKind::kAttention);
    EXPECT_EQ(group.inputs.size(), 3u);
    EXPECT_EQ(group.outputs.size(), 1u);
    const auto attention = FindAttention(group);
    ASSERT_TRUE(attention.ok());
    EXPECT_EQ(attention->space, (ScoreSpace{8, 512, 512}));
    EXPECT_FALSE(attention->by_columns);
    EXPECT_EQ(attention->out_of[0].planes[0], type == "f32" ? 2 : 1);
  }
}

TEST(Attention, MayReturnItsRows) {
  const Planned planned = PlanOf({.last = "%o, %m, %t"});
  ASSERT_EQ(planned.Count(GroupKind::kAttention), 1);
  EXPECT_EQ(planned.First(GroupKind::kAttention).outputs.size(), 3u);
}

TEST(Attention, ProductOverRowsGetsAGroupOfItsOwn) {
  const Planned planned =
      PlanOf({.last = "%o, %g",
              .more = "%g = dot_general(%p, %q) {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2], "
                      "lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1], precision = 0} : "
                      "tensor<4x2x512x64xbf16>"});
  ASSERT_EQ(planned.Count(GroupKind::kAttention), 2) << planned.plan.ToString();
  const Group& second = planned.plan.groups.back();
  const auto attention = FindAttention(second);
  ASSERT_TRUE(attention.ok());
  EXPECT_TRUE(attention->by_columns);
  EXPECT_EQ(attention->into.size(), 1u);                               // scores are computed again
  EXPECT_EQ(planned.First(GroupKind::kAttention).outputs.size(), 3u);  // with what it needs of the rows
}

TEST(Attention, ScoresThatAreReadOtherwiseAreWritten) {
  EXPECT_EQ(Attentions({.last = "%o, %s"}), 0);
  EXPECT_EQ(Attentions({.last = "%o, %p"}), 0);
  EXPECT_EQ(Attentions({.last = "%o, %w",
                        .more = "%w = transpose(%s) {permutation = [0, 1, 3, 2]} : tensor<4x2x512x512xf32>"}),
            0);
  EXPECT_EQ(Attentions({.columns_of = "2"}), 0);  // a softmax of columns
}

TEST(Attention, OtherDevicesAndTypesWriteThem) {
  EXPECT_EQ(Attentions({}, target::DeviceProfile{}), 0);
  EXPECT_EQ(Attentions({.type = "f32", .precision = 2}), 0);
  EXPECT_EQ(Attentions({.type = "f32"}, WithUnits(128)), 0);  // units that are too slow for three products
  EXPECT_EQ(Attentions({.depth = 256}), 0);
  EXPECT_EQ(Attentions({.depth = 63}), 0);  // no pairs of elements
  EXPECT_EQ(Attentions({.depth = 80}), 1);
}

}  // namespace
}  // namespace dragoman::fusion
