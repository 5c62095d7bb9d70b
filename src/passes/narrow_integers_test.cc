// SPDX-License-Identifier: Apache-2.0
#include "passes/narrow_integers.h"

#include "base/format.h"
#include "passes/canonicalize.h"
#include "passes/eliminate_dead_code.h"
#include "passes/fold_constants.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

std::string Counters(int64_t rows, int64_t columns) {
  return Format(R"(module @m
func public @main(%key: tensor<ui32>) {{
  %r = iota() {{iota_dimension = 0}} : tensor<{0}x{1}xui64>
  %c = iota() {{iota_dimension = 1}} : tensor<{0}x{1}xui64>
  %n = constant() {{value = dense<{1}>}} : tensor<{0}x{1}xui64>
  %m = multiply(%n, %r) : tensor<{0}x{1}xui64>
  %i = add(%m, %c) : tensor<{0}x{1}xui64>
  %s = constant() {{value = dense<32>}} : tensor<{0}x{1}xui64>
  %h = shift_right_logical(%i, %s) : tensor<{0}x{1}xui64>
  %high = convert(%h) : tensor<{0}x{1}xui32>
  %low = convert(%i) : tensor<{0}x{1}xui32>
  %k = broadcast_in_dim(%key) {{broadcast_dimensions = []}} : tensor<{0}x{1}xui32>
  %a = add(%high, %k) : tensor<{0}x{1}xui32>
  return(%a, %low)
}})",
                rows, columns);
}

std::string RunAll(std::string_view text) {
  auto module = ParseForTest(text);
  const target::DeviceProfile profile;
  for (const auto pass : {NarrowIntegers, FoldConstants, Canonicalize, EliminateDeadCode}) {
    EXPECT_TRUE(pass(*module, {profile}).ok());
  }
  EXPECT_TRUE(ir::Verify(*module).ok());
  return ir::Print(*module);
}

TEST(NarrowIntegers, CountersOfRandomNumbersNeedNoWideIntegers) {
  ExpectSameMeaning(NarrowIntegers, Counters(7, 5));
  const std::string printed = RunAll(Counters(7, 5));
  EXPECT_EQ(printed.find("ui64"), std::string::npos) << printed;
}

TEST(NarrowIntegers, TheHighHalfOfLargeCountersStays) {
  const std::string printed = RunAll(Counters(70000, 70000));
  EXPECT_NE(printed.find("shift_right_logical("), std::string::npos) << printed;
}

TEST(NarrowIntegers, WhatNeedsHighBitsStaysWide) {
  const std::string_view text = R"(module @m

func public @main(%0: tensor<3xui64>, %1: tensor<3xui64>) {
  %2 = divide(%0, %1) : tensor<3xui64>
  %3 = convert(%2) : tensor<3xui32>
  %4 = shift_right_logical(%0, %1) : tensor<3xui64>
  %5 = convert(%4) : tensor<3xui32>
  %6 = maximum(%0, %1) : tensor<3xui64>
  %7 = convert(%6) : tensor<3xui32>
  return(%3, %5, %7)
}
)";
  EXPECT_EQ(RunForTest(NarrowIntegers, text), text);
}

}  // namespace
}  // namespace dragoman::passes
