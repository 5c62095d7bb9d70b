// SPDX-License-Identifier: Apache-2.0
#include "passes/fold_constants.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(FoldConstants, SmallConstantsAreComputed) {
  const std::string printed = RunForTest(FoldConstants, R"(module @m
func public @main() {
  %a = constant() {value = dense<[1, 2, 3]>} : tensor<3xsi32>
  %b = constant() {value = dense<10>} : tensor<3xsi32>
  %c = add(%a, %b) : tensor<3xsi32>
  %z = constant() {value = dense<0>} : tensor<si32>
  %d = reduce(%c, %z) {dimensions = [0]} : tensor<si32> (%p: tensor<si32>, %q: tensor<si32>) {
    %s = add(%p, %q) : tensor<si32>
    return(%s)
  }
  return(%c, %d)
})");
  EXPECT_NE(printed.find("dense<[11, 12, 13]>"), std::string::npos) << printed;
  EXPECT_NE(printed.find("dense<36>"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("reduce("), std::string::npos) << printed;
}

TEST(FoldConstants, HugeSplatsStaySplats) {
  const std::string printed = RunForTest(FoldConstants, R"(module @m
func public @main() {
  %a = constant() {value = dense<4>} : tensor<1000x1000x1000xf32>
  %b = sqrt(%a) : tensor<1000x1000x1000xf32>
  %c = convert(%b) : tensor<1000x1000x1000xbf16>
  return(%c)
})");
  EXPECT_NE(printed.find("dense<2>} : tensor<1000x1000x1000xbf16>"), std::string::npos) << printed;
}

TEST(FoldConstants, NothingGrowsIntoALargeConstant) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = constant() {value = dense<[1, 2]>} : tensor<2xf32>
  %2 = broadcast_in_dim(%1) {broadcast_dimensions = [0]} : tensor<2x500xf32>
  %3 = iota() {iota_dimension = 0} : tensor<4xf32>
  %4 = negate(%3) : tensor<4xf32>
  return(%2, %4)
}
)";
  EXPECT_EQ(RunForTest(FoldConstants, text), text);
}

TEST(FoldConstants, RegionsThatCaptureValuesAreLeftAlone) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = constant() {value = dense<[1, 2]>} : tensor<2xf32>
  %2 = constant() {value = dense<0>} : tensor<f32>
  %3 = reduce(%1, %2) {dimensions = [0]} : tensor<f32> (%4: tensor<f32>, %5: tensor<f32>) {
    %6 = add(%4, %0) : tensor<f32>
    return(%6)
  }
  return(%3)
}
)";
  EXPECT_EQ(RunForTest(FoldConstants, text), text);
}

// What folds, on both sides of each limit: at most 1024 elements, of at most 65536, and few where there were fewer.
TEST(FoldConstants, FoldsUpToItsLimits) {
  const auto is_folded = [](int64_t from, std::string_view op, int64_t to) {
    auto module =
        ParseForTest(Format("module @m\nfunc public @main() {{ %x = constant() {{value = dense<0>}} : tensor<{0}xui8> "
                            "%r = {1} : tensor<{2}xui8> return(%r) }}",
                            from, op, to));
    // All elements, so that the constant is no splat.
    std::vector<int64_t> values(static_cast<size_t>(from));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i % 251);
    ir::Op& constant = *module->main()->body.ops[0];
    constant.attributes.Set(ir::AttrKey::kValue, reference::LiteralFromInts(constant.type(), values));
    const target::DeviceProfile profile;
    EXPECT_TRUE(FoldConstants(*module, {profile}).ok());
    return module->main()->body.terminator()->operands[0]->op->code == ir::OpCode::kConstant;
  };
  const auto slice = [](int64_t size) {
    return Format("slice(%x) {{start_indices = [0], limit_indices = [{}], strides = [1]}}", size);
  };
  EXPECT_TRUE(is_folded(1024, "reverse(%x) {dimensions = [0]}", 1024));
  EXPECT_FALSE(is_folded(1025, "reverse(%x) {dimensions = [0]}", 1025));
  EXPECT_TRUE(is_folded(65536, slice(8), 8));
  EXPECT_FALSE(is_folded(65537, slice(8), 8));
  EXPECT_TRUE(is_folded(16, "concatenate(%x, %x, %x, %x) {dimension = 0}", 64));
  EXPECT_TRUE(is_folded(100, "concatenate(%x, %x) {dimension = 0}", 200));  // of as many elements, counted twice
}

}  // namespace
}  // namespace dragoman::passes
