// SPDX-License-Identifier: Apache-2.0
#include "passes/eliminate_dead_code.h"

#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(EliminateDeadCode, DropsUnusedChainsAndKeepsEffects) {
  EXPECT_EQ(RunForTest(EliminateDeadCode, R"(module @m
func public @main(%x: tensor<f32>) {
  %a = negate(%x) : tensor<f32>
  %b = negate(%a) : tensor<f32>
  %c = custom_call(%x) {call_target_name = "print", backend_config = "", has_side_effect = 1} : tensor<f32>
  %d = custom_call(%x) {call_target_name = "pure", backend_config = "", has_side_effect = 0} : tensor<f32>
  return(%x)
})"),
            R"(module @m

func public @main(%0: tensor<f32>) {
  %1 = custom_call(%0) {call_target_name = "print", backend_config = "", has_side_effect = 1} : tensor<f32>
  return(%0)
}
)");
}

// The second value feeds only itself; the third feeds the first and must stay though its result is unused.
TEST(EliminateDeadCode, WhileLoopsCarryOnlyWhatMatters) {
  EXPECT_EQ(RunForTest(EliminateDeadCode, R"(module @m
func public @main(%x: tensor<f32>, %p: tensor<i1>) {
  %a, %b, %c, %d = while(%x, %x, %x, %p) : tensor<f32>, tensor<f32>, tensor<f32>, tensor<i1>
    (%e: tensor<f32>, %f: tensor<f32>, %g: tensor<f32>, %h: tensor<i1>) {
    return(%h)
  } (%e2: tensor<f32>, %f2: tensor<f32>, %g2: tensor<f32>, %h2: tensor<i1>) {
    %i = add(%e2, %g2) : tensor<f32>
    %j = negate(%f2) : tensor<f32>
    %k = negate(%g2) : tensor<f32>
    %l = not(%h2) : tensor<i1>
    return(%i, %j, %k, %l)
  }
  return(%a)
})"),
            R"(module @m

func public @main(%0: tensor<f32>, %1: tensor<i1>) {
  %2, %3, %4 = while(%0, %0, %1) : tensor<f32>, tensor<f32>, tensor<i1> (%5: tensor<f32>, %6: tensor<f32>, %7: tensor<i1>) {
    return(%7)
  } (%8: tensor<f32>, %9: tensor<f32>, %10: tensor<i1>) {
    %11 = add(%8, %9) : tensor<f32>
    %12 = negate(%9) : tensor<f32>
    %13 = not(%10) : tensor<i1>
    return(%11, %12, %13)
  }
  return(%2)
}
)");
}

TEST(EliminateDeadCode, CasesReturnOnlyWhatIsUsedAndCaptureNothingElse) {
  EXPECT_EQ(RunForTest(EliminateDeadCode, R"(module @m
func public @main(%x: tensor<f32>, %i: tensor<si32>) {
  %dead = negate(%x) : tensor<f32>
  %a, %b = case(%i) : tensor<f32>, tensor<f32> () {
    return(%dead, %x)
  } () {
    %c = negate(%x) : tensor<f32>
    return(%x, %c)
  }
  return(%b)
})"),
            R"(module @m

func public @main(%0: tensor<f32>, %1: tensor<si32>) {
  %2 = case(%1) : tensor<f32> () {
    return(%0)
  } () {
    %3 = negate(%0) : tensor<f32>
    return(%3)
  }
  return(%2)
}
)");
}

}  // namespace
}  // namespace dragoman::passes
