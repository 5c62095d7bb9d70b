// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "compiler/compiler.h"

namespace dragoman::compiler {
namespace {

program::Program CompileMain(const std::string& body, bool explains = false) {
  auto module = ir::Parse("module @test\nfunc public @main" + body);
  EXPECT_TRUE(module.ok()) << module.status().message();
  Options options;
  options.explains = explains;
  auto program = CompileModule(*std::move(module), target::DeviceProfile(), options);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return *std::move(program);
}

constexpr const char* kProduct = R"((%x: tensor<64x32xf32>, %y: tensor<32x16xf32>) {
  %a = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<64x16xf32>
  %b = exponential(%a) : tensor<64x16xf32>
  return(%b)
})";

TEST(Estimates, AProductReadsItsOperandsOnceAndDoesTwoOperationsAMultiplyAdd) {
  const program::Program program = CompileMain(kProduct);
  ASSERT_EQ(program.steps.size(), 1u);
  EXPECT_EQ(program.steps[0].flops, 2.0 * 64 * 16 * 32 + 64 * 16);
  EXPECT_EQ(program.steps[0].bytes, 4.0 * (64 * 32 + 32 * 16 + 64 * 16));
  EXPECT_EQ(program.flops, program.steps[0].flops);
  EXPECT_EQ(program.bytes_accessed, program.steps[0].bytes);
}

TEST(Estimates, OfWhatIsSlicedFromOnlyTheSliceCounts) {
  const program::Program program = CompileMain(R"((%x: tensor<1000x8xf32>, %i: tensor<si32>, %j: tensor<si32>) {
  %a = dynamic_slice(%x, %i, %j) {slice_sizes = [2, 8]} : tensor<2x8xf32>
  %b = negate(%a) : tensor<2x8xf32>
  return(%b)
})");
  ASSERT_EQ(program.steps.size(), 1u);
  EXPECT_EQ(program.steps[0].bytes, 2 * 4.0 * 16 + 4) << "a slice as wide as its tensor can only start at 0";
}

TEST(Estimates, OfWhatIsUpdatedInPlaceOnlyTheUpdateCounts) {
  const program::Program program =
      CompileMain(R"((%x: tensor<1000x8xf32>, %u: tensor<2x8xf32>, %i: tensor<si32>, %j: tensor<si32>) {
  %a = dynamic_update_slice(%x, %u, %i, %j) : tensor<1000x8xf32>
  return(%a)
})");
  const program::Step& update = program.steps.back();
  EXPECT_EQ(update.kind, program::StepKind::kDispatch);
  EXPECT_LE(update.bytes, 3 * 4.0 * 16 + 2 * 4);
  EXPECT_GE(update.bytes, 2 * 4.0 * 16);
}

TEST(Reasons, StandInTheProgramWhereTheyAreAskedFor) {
  EXPECT_TRUE(CompileMain(kProduct).reasons.empty());
  const program::Program explained = CompileMain(kProduct, /*explains=*/true);
  ASSERT_EQ(explained.steps[0].reason, 0u);
  const std::string& reason = explained.reasons[0];
  EXPECT_TRUE(reason.starts_with("dot of 2 operations: dot_general exponential\nform: ")) << reason;
  EXPECT_NE(reason.find("\nepilogue: pointwise on the dot's result"), std::string::npos) << reason;
  EXPECT_TRUE(program::Validate(explained).ok());
}

}  // namespace
}  // namespace dragoman::compiler
