// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// A training step in small: calls, a composite, a loop over time with invariants, a branch, a cumulative sum.
constexpr std::string_view kProgram = R"(module @m
func public @main(%x: tensor<4x3xf32>, %w: tensor<3x3xf32>, %p: tensor<i1>) {
  %zero = constant() {value = dense<0>} : tensor<f32>
  %i0 = constant() {value = dense<0>} : tensor<si32>
  %h0 = call(%zero) {callee = "fill"} : tensor<3xf32>
  %i, %y, %h, %wl = while(%i0, %x, %h0, %w) : tensor<si32>, tensor<4x3xf32>, tensor<3xf32>, tensor<3x3xf32>
    (%a: tensor<si32>, %b: tensor<4x3xf32>, %c: tensor<3xf32>, %d: tensor<3x3xf32>) {
    %four = constant() {value = dense<4>} : tensor<si32>
    %go = compare(%a, %four) {comparison_direction = 5, compare_type = 3} : tensor<i1>
    return(%go)
  } (%a2: tensor<si32>, %b2: tensor<4x3xf32>, %c2: tensor<3xf32>, %d2: tensor<3x3xf32>) {
    %n = call(%a2) {callee = "next"} : tensor<si32>
    %t = transpose(%d2) {permutation = [1, 0]} : tensor<3x3xf32>
    %row = dynamic_slice(%b2, %a2, %a2) {slice_sizes = [1, 3]} : tensor<1x3xf32>
    %r = reshape(%row) : tensor<3xf32>
    %m = dot_general(%t, %c2) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
      lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<3xf32>
    %s = add(%m, %r) : tensor<3xf32>
    %e = composite(%s) {name = "chlo.erf", composite_attributes = "", decomposition = "same"} : tensor<3xf32>
    return(%n, %b2, %e, %d2)
  }
  %index = convert(%p) : tensor<si32>
  %k = case(%index) : tensor<3xf32> () {
    %neg = negate(%h) : tensor<3xf32>
    return(%neg)
  } () {
    return(%h)
  }
  %cum = reduce_window(%k, %zero) {window_dimensions = [3], window_strides = [1], base_dilations = [1],
    window_dilations = [1], padding = [2, 0]} : tensor<3xf32> (%u: tensor<f32>, %v: tensor<f32>) {
    %z = add(%u, %v) : tensor<f32>
    return(%z)
  }
  return(%cum, %y)
}
func @fill(%x: tensor<f32>) {
  %a = broadcast_in_dim(%x) {broadcast_dimensions = []} : tensor<3xf32>
  return(%a)
}
func @next(%i: tensor<si32>) {
  %one = constant() {value = dense<1>} : tensor<si32>
  %n = add(%i, %one) : tensor<si32>
  return(%n)
}
func @same(%x: tensor<3xf32>) {
  %e = chlo.erf(%x) : tensor<3xf32>
  return(%e)
}
)";

StatusOr<PassResult> RunAll(ir::Module& module, const target::CompileContext& context) {
  RETURN_IF_ERROR(RunPipeline(module, context, {.verify_each = true}));
  return PassResult{true};
}

TEST(Pipeline, KeepsTheMeaningAndEstablishesItsForm) {
  ExpectSameMeaning(RunAll, kProgram, 1e-6);
  auto module = ParseForTest(kProgram);
  const target::DeviceProfile profile;
  ASSERT_TRUE(RunAll(*module, {profile}).ok());
  EXPECT_EQ(module->functions.size(), 1u);
  for (const ir::OpCode code :
       {ir::OpCode::kCall, ir::OpCode::kComposite, ir::OpCode::kCase, ir::OpCode::kReduceWindow}) {
    EXPECT_FALSE(HoldsOp(*module, code)) << Info(code).name;
  }
  const std::string printed = ir::Print(*module);
  EXPECT_NE(printed.find("{trip_count = 4} : tensor<si32>, tensor<3xf32>"), std::string::npos) << printed;
  EXPECT_NE(printed.find("scan("), std::string::npos) << printed;
}

TEST(Pipeline, AnyPassButTheOnesThatEstablishTheFormMaySkip) {
  std::set<std::string_view> names;
  for (const Pass& pass : Pipeline()) names.insert(pass.name);
  for (const std::string_view skipped : names) {
    auto module = ParseForTest(kProgram);
    std::mt19937 random(2);
    std::vector<ir::Literal> inputs;
    for (const auto& argument : module->main()->body.arguments) inputs.push_back(RandomLiteral(argument->type, random));
    const auto before = reference::Evaluate(*module, "main", inputs);
    const target::DeviceProfile profile;
    const target::Options options{.skipped_passes = {std::string(skipped)}};
    const Status status = RunPipeline(*module, {profile, options}, {.verify_each = true});
    ASSERT_TRUE(status.ok()) << skipped << ": " << status.message();
    const auto after = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(before.ok() && after.ok()) << skipped;
    for (size_t i = 0; i < before->size(); ++i) ExpectNear((*after)[i], (*before)[i], 1e-6);
  }
}

TEST(Pipeline, UnknownCustomCallsAreRefusedWithTheirTypes) {
  auto module = ParseForTest(R"(module @m
func public @main(%x: tensor<2xf32>) {
  %a = custom_call(%x) {call_target_name = "lapack_eig", backend_config = "", has_side_effect = 0} : tensor<3xf32>
  return(%a)
})");
  const target::DeviceProfile profile;
  const Status status = RunPipeline(*module, {profile}, {});
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("lapack_eig(tensor<2xf32>) -> (tensor<3xf32>)"), std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace dragoman::passes
