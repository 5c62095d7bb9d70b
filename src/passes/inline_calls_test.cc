// SPDX-License-Identifier: Apache-2.0
#include "passes/inline_calls.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(InlineCalls, NestedCallsAndCallsInsideRegionsBecomeTheirBodies) {
  EXPECT_EQ(RunForTest(InlineCalls, R"(module @m
func public @main(%x: tensor<4xf32>, %i: tensor<si32>) {
  %a = call(%x) {callee = "outer"} : tensor<4xf32>
  %b = case(%i) : tensor<4xf32> () {
    %c = call(%a) {callee = "inner"} : tensor<4xf32>
    return(%c)
  } () {
    return(%a)
  }
  return(%b, %a)
}
func @outer(%x: tensor<4xf32>) {
  %a = call(%x) {callee = "inner"} : tensor<4xf32>
  %b = call(%a) {callee = "inner"} : tensor<4xf32>
  return(%b)
}
func @inner(%x: tensor<4xf32>) {
  %a = negate(%x) : tensor<4xf32>
  return(%a)
}
)"),
            R"(module @m

func public @main(%0: tensor<4xf32>, %1: tensor<si32>) {
  %2 = negate(%0) : tensor<4xf32>
  %3 = negate(%2) : tensor<4xf32>
  %4 = case(%1) : tensor<4xf32> () {
    %5 = negate(%3) : tensor<4xf32>
    return(%5)
  } () {
    return(%3)
  }
  return(%4, %3)
}
)");
}

TEST(InlineCalls, ACalleeMayReturnItsArgument) {
  EXPECT_EQ(RunForTest(InlineCalls, R"(module @m
func public @main(%x: tensor<f32>) {
  %a = call(%x) {callee = "same"} : tensor<f32>
  %b = call(%a) {callee = "same"} : tensor<f32>
  return(%b)
}
func @same(%x: tensor<f32>) { return(%x) }
)"),
            "module @m\n\nfunc public @main(%0: tensor<f32>) {\n  return(%0)\n}\n");
}

TEST(InlineCalls, ErfKeepsItsOwnOpAndOtherCompositesDecompose) {
  EXPECT_EQ(RunForTest(InlineCalls, R"(module @m
func public @main(%x: tensor<f32>) {
  %a = composite(%x) {name = "chlo.erf", composite_attributes = "", decomposition = "impl"} : tensor<f32>
  %b = composite(%a) {name = "chlo.sinh", composite_attributes = "", decomposition = "impl"} : tensor<f32>
  return(%b)
}
func @impl(%x: tensor<f32>) {
  %a = negate(%x) : tensor<f32>
  return(%a)
}
)"),
            R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = chlo.erf(%0) : tensor<f32>
  %2 = negate(%1) : tensor<f32>
  return(%2)
}
)");
}

TEST(InlineCalls, RecursionIsRefused) {
  auto module = ParseForTest(R"(module @m
func public @main(%x: tensor<f32>) {
  %a = call(%x) {callee = "main"} : tensor<f32>
  return(%a)
})");
  const target::DeviceProfile profile;
  const auto result = InlineCalls(*module, {profile});
  EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
}

// Functions of which each calls the next twice.
std::unique_ptr<ir::Module> Doubling(int levels) {
  std::string text = Format(
      "module @m\nfunc public @main(%x: tensor<f32>) {{ %a = call(%x) {{callee = \"f{}\"}} : tensor<f32> return(%a) "
      "}}\n",
      levels);
  for (int level = levels; level > 0; --level) {
    text += Format(
        "func @f{0}(%x: tensor<f32>) {{ %a = call(%x) {{callee = \"f{1}\"}} : tensor<f32> "
        "%b = call(%a) {{callee = \"f{1}\"}} : tensor<f32> return(%b) }}\n",
        level, level - 1);
  }
  return ParseForTest(text + "func @f0(%x: tensor<f32>) { %a = negate(%x) : tensor<f32> return(%a) }\n");
}

TEST(InlineCalls, CallsThatDoubleAtEachLevelAreRefusedAtOnce) {
  const auto module = Doubling(40);
  ASSERT_NE(module, nullptr);
  const target::DeviceProfile profile;
  const auto result = InlineCalls(*module, {profile});
  EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted) << result.status().message();
}

// As much as a small program may expand to.
TEST(InlineCalls, CallsThatDoubleAFewTimesAreInlined) {
  const auto module = Doubling(12);
  const target::DeviceProfile profile;
  const auto result = InlineCalls(*module, {profile});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(module->main()->body.ops.size(), (size_t{1} << 12) + 1);
}

}  // namespace
}  // namespace dragoman::passes
