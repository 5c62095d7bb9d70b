// SPDX-License-Identifier: Apache-2.0
#include "fusion/product_operand.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "fusion/plan.h"

namespace dragoman::fusion {
namespace {

struct ProductPlan {
  std::unique_ptr<ir::Module> module;
  Plan plan;

  std::vector<const Group*> Products() const {
    std::vector<const Group*> products;
    for (const Group& group : plan.groups) {
      if (group.hero != nullptr && IsProduct(*group.hero)) products.push_back(&group);
    }
    return products;
  }
  // Every product reads parameters alone, and nothing else is a kernel.
  bool IsTaken() const { return plan.groups.size() == Products().size(); }
  bool Says(std::string_view reason) const { return plan.ToString().find(reason) != std::string::npos; }
};

target::DeviceProfile Gpu() {
  target::DeviceProfile profile;
  profile.compute_units = 64;
  return profile;
}

target::DeviceProfile Cpu() {
  target::DeviceProfile profile;
  profile.compute_units = 8;
  profile.unrolling_is_costly = true;
  return profile;
}

ProductPlan PlanProduct(const std::string& text, const target::DeviceProfile& profile = Gpu()) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  EXPECT_TRUE(ir::Verify(**module).ok());
  const target::Options options;
  auto plan = PlanBlock((*module)->main()->body, {profile, options});
  EXPECT_TRUE(plan.ok());
  return {*std::move(module), *std::move(plan)};
}

std::string Matmul(std::string_view lhs, std::string_view rhs) {
  return Format(
      "dot_general({}, {}) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
      "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0}}",
      lhs, rhs);
}

// Of a weight of k × n, converted, with m rows of another operand.
std::string ConvertedWeight(int m, int k, int n, std::string_view from, std::string_view to) {
  return Format(
      "(%x: tensor<{0}x{1}x{4}>, %w: tensor<{1}x{2}x{3}>) {{ %c = convert(%w) : tensor<{1}x{2}x{4}> "
      "%y = {5} : tensor<{0}x{2}x{4}> return(%y) }}",
      m, k, n, from, to, Matmul("%x", "%c"));
}

TEST(ProductOperand, WidenedIsTakenWhateverItsSizeOnAGpu) {
  EXPECT_TRUE(PlanProduct(ConvertedWeight(32, 16, 64, "bf16", "f32")).IsTaken());
  EXPECT_TRUE(PlanProduct(ConvertedWeight(4096, 4096, 4096, "bf16", "f32")).IsTaken());
  // A CPU's caches hold the bytes, and it converts few elements at once.
  EXPECT_TRUE(PlanProduct(ConvertedWeight(32, 16, 64, "bf16", "f32"), Cpu()).IsTaken());
  EXPECT_FALSE(PlanProduct(ConvertedWeight(4096, 4096, 4096, "bf16", "f32"), Cpu()).IsTaken());
}

TEST(ProductOperand, NarrowedIsTakenWhereThatIsCheaperThanAKernel) {
  const ProductPlan small = PlanProduct(ConvertedWeight(256, 32, 64, "f32", "bf16"));
  EXPECT_TRUE(small.IsTaken()) << small.plan.ToString();
  EXPECT_TRUE(small.Says("is taken where it is"));
  const ProductPlan large = PlanProduct(ConvertedWeight(4096, 4096, 4096, "f32", "bf16"));
  EXPECT_EQ(large.plan.groups.size(), 2u);
  EXPECT_TRUE(large.Says("is written first")) << large.plan.ToString();
  EXPECT_EQ(PlanProduct(ConvertedWeight(256, 32, 64, "f32", "bf16"), Cpu()).plan.groups.size(), 2u);
}

TEST(ProductOperand, IsNarrowedByTheKernelThatComputesIt) {
  for (const std::string compute : {std::string("negate(%x)"), Matmul("%x", "%x")}) {
    const ProductPlan planned =
        PlanProduct(Format("(%x: tensor<64x64xf32>, %w: tensor<64x64xbf16>) {{ %a = {} : tensor<64x64xf32> "
                           "%c = convert(%a) : tensor<64x64xbf16> %y = {} : tensor<64x64xbf16> return(%y) }}",
                           compute, Matmul("%c", "%w")));
    ASSERT_EQ(planned.plan.groups.size(), 2u) << planned.plan.ToString();
    EXPECT_EQ(planned.plan.groups[0].outputs[0]->type.dtype, DType::kBF16);
  }
}

TEST(ProductOperand, ThatTheBlockReturnsIsReadFromMemory) {
  const ProductPlan planned =
      PlanProduct(Format("(%x: tensor<64x64xf32>, %w: tensor<64x64xbf16>) {{ %c = convert(%w) : tensor<64x64xf32> "
                         "%y = {} : tensor<64x64xf32> return(%y, %c) }}",
                         Matmul("%x", "%c")));
  EXPECT_EQ(planned.plan.groups.size(), 2u);
}

TEST(ProductOperand, IsComputedBeforeWhatMovesIt) {
  const ProductPlan planned =
      PlanProduct(Format("(%x: tensor<64x64xf32>, %w: tensor<64x64xbf16>) {{ %n = negate(%w) : tensor<64x64xbf16> "
                         "%c = convert(%n) : tensor<64x64xf32> %y = {} : tensor<64x64xf32> return(%y) }}",
                         Matmul("%x", "%c")));
  ASSERT_EQ(planned.plan.groups.size(), 2u) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups[0].outputs[0]->type.dtype, DType::kBF16);
}

// Of 64 × 32 × 48 elements by moves, where the last dimension is summed.
ProductPlan PlanMoved(std::string_view type, std::string_view moves, const target::DeviceProfile& profile = Gpu()) {
  return PlanProduct(
      Format("(%x: tensor<{}xf32>, %w: tensor<48x64xf32>) {{ {} %y = dot_general(%m, %w) "
             "{{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [2], "
             "rhs_contracting_dimensions = [0], precision = 0}} : tensor<64x32x64xf32> return(%y) }}",
             type, moves),
      profile);
}

TEST(ProductOperand, IsMovedWhereNeighboursStayNeighbours) {
  constexpr std::string_view kSwapped = "%m = transpose(%x) {permutation = [1, 0, 2]} : tensor<64x32x48xf32>";
  constexpr std::string_view kReversed = "%m = reverse(%x) {dimensions = [0, 1]} : tensor<64x32x48xf32>";
  constexpr std::string_view kBroadcast =
      "%m = broadcast_in_dim(%x) {broadcast_dimensions = [0, 2]} : tensor<64x32x48xf32>";
  EXPECT_TRUE(PlanMoved("32x64x48", kSwapped).IsTaken());
  EXPECT_TRUE(PlanMoved("64x32x48", kReversed).IsTaken());
  EXPECT_TRUE(PlanMoved("64x48", kBroadcast).IsTaken());
}

TEST(ProductOperand, IsWrittenFirstWhereLoadsWouldScatter) {
  constexpr std::string_view kBackwards = "%m = reverse(%x) {dimensions = [2]} : tensor<64x32x48xf32>";
  const ProductPlan backwards = PlanMoved("64x32x48", kBackwards);
  EXPECT_FALSE(backwards.IsTaken());
  EXPECT_TRUE(backwards.Says("its loads would run backwards")) << backwards.plan.ToString();
  constexpr std::string_view kScattered = "%m = transpose(%x) {permutation = [2, 0, 1]} : tensor<64x32x48xf32>";
  const ProductPlan scattered = PlanMoved("32x48x64", kScattered);
  EXPECT_FALSE(scattered.IsTaken());
  EXPECT_TRUE(scattered.Says("its loads would not be of neighbours")) << scattered.plan.ToString();
  EXPECT_FALSE(
      PlanMoved("64x32", "%m = broadcast_in_dim(%x) {broadcast_dimensions = [0, 1]} : tensor<64x32x48xf32>", Cpu())
          .IsTaken());
}

ProductPlan PlanConvolution(std::string_view moved, std::string_view lhs, std::string_view rhs,
                            const target::DeviceProfile& profile) {
  return PlanProduct(
      Format("(%x: tensor<2x8x8x32xf32>, %k: tensor<3x3x64x32xf32>, %l: tensor<3x3x32x64xf32>) {{ {} "
             "%y = convolution({}, {}) {{window_strides = [1, 1], padding = [1, 1, 1, 1], lhs_dilation = [1, 1], "
             "rhs_dilation = [1, 1], window_reversal = [0, 0], input_batch_dimension = 0, input_feature_dimension = 3, "
             "input_spatial_dimensions = [1, 2], output_batch_dimension = 0, output_feature_dimension = 3, "
             "output_spatial_dimensions = [1, 2], kernel_input_feature_dimension = 2, "
             "kernel_output_feature_dimension = 3, kernel_spatial_dimensions = [0, 1], feature_group_count = 1, "
             "batch_group_count = 1, precision = 0}} : tensor<2x8x8x64xf32> return(%y) }}",
             moved, lhs, rhs),
      profile);
}

TEST(ProductOperand, OfAConvolutionMovesItsKernelAlone) {
  constexpr std::string_view kFlipped =
      "%r = reverse(%k) {dimensions = [0, 1]} : tensor<3x3x64x32xf32> "
      "%t = transpose(%r) {permutation = [0, 1, 3, 2]} : tensor<3x3x32x64xf32>";
  EXPECT_TRUE(PlanConvolution(kFlipped, "%x", "%t", Gpu()).IsTaken());
  // A CPU's kernels load the output features of a convolution at once.
  EXPECT_FALSE(PlanConvolution(kFlipped, "%x", "%t", Cpu()).IsTaken());
  const ProductPlan input =
      PlanConvolution("%r = reverse(%x) {dimensions = [1]} : tensor<2x8x8x32xf32>", "%r", "%l", Gpu());
  EXPECT_FALSE(input.IsTaken());
  EXPECT_TRUE(input.Says("a convolution's input is only converted on its way"));
}

TEST(ProductOperand, TakesWholeWaysOrNone) {
  // The transpose alone would be a kernel that moves wide elements.
  const ProductPlan planned =
      PlanMoved("32x48x64",
                "%t = transpose(%x) {permutation = [2, 0, 1]} : tensor<64x32x48xf32> "
                "%n = convert(%t) : tensor<64x32x48xbf16> %m = convert(%n) : tensor<64x32x48xf32>");
  EXPECT_EQ(planned.plan.groups.size(), 2u) << planned.plan.ToString();
}

}  // namespace
}  // namespace dragoman::fusion
