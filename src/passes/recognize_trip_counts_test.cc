// SPDX-License-Identifier: Apache-2.0
#include "passes/recognize_trip_counts.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

struct Loop {
  const char* type;
  int64_t first;
  int direction;  // as types/scalar_ops.h counts
  int64_t limit;
  const char* next;
  int64_t count;  // -1: unknown
};

TEST(RecognizeTripCounts, CountersOfEveryDirection) {
  constexpr int kEq = 0, kNe = 1, kGe = 2, kGt = 3, kLe = 4, kLt = 5;
  const Loop loops[] = {
      {"si32", 0, kLt, 10, "add(%i, %step)", 10},     {"si32", 0, kLt, 10, "add(%step, %i)", 10},
      {"si32", 3, kLt, 10, "add(%i, %two)", 4},       {"si32", 3, kLe, 10, "add(%i, %two)", 4},
      {"si32", 0, kLe, 10, "add(%i, %two)", 6},       {"si32", 10, kGt, 0, "subtract(%i, %step)", 10},
      {"si32", 10, kGe, 0, "subtract(%i, %two)", 6},  {"si32", 0, kNe, 8, "add(%i, %two)", 4},
      {"si32", 0, kNe, 7, "add(%i, %two)", -1},       {"si32", 5, kLt, 5, "add(%i, %step)", 0},
      {"si32", 0, kEq, 0, "add(%i, %step)", -1},      {"si32", 0, kLt, 10, "subtract(%i, %step)", -1},
      {"si32", 0, kLt, 10, "multiply(%i, %two)", -1}, {"ui8", 0, kLt, 255, "add(%i, %two)", -1},
      {"ui8", 0, kLt, 255, "add(%i, %step)", 255},    {"si64", 0, kLt, 1 << 20, "add(%i, %step)", 1 << 20},
  };
  for (const Loop& loop : loops) {
    const std::string text = Format(R"(module @m
func public @main() {{
  %first = constant() {{value = dense<{1}>}} : tensor<{0}>
  %limit = constant() {{value = dense<{3}>}} : tensor<{0}>
  %step = constant() {{value = dense<1>}} : tensor<{0}>
  %two = constant() {{value = dense<2>}} : tensor<{0}>
  %r = while(%first) : tensor<{0}> (%c: tensor<{0}>) {{
    %go = compare(%c, %limit) {{comparison_direction = {2}, compare_type = 0}} : tensor<i1>
    return(%go)
  }} (%i: tensor<{0}>) {{
    %n = {4} : tensor<{0}>
    return(%n)
  }}
  return(%r)
}})",
                                    loop.type, loop.first, loop.direction, loop.limit, loop.next);
    const std::string printed = RunForTest(RecognizeTripCounts, text);
    if (loop.count < 0) {
      EXPECT_EQ(printed.find("trip_count"), std::string::npos) << printed;
    } else {
      EXPECT_NE(printed.find(Format("trip_count = {}}}", loop.count)), std::string::npos) << loop.count << printed;
    }
  }
}

TEST(RecognizeTripCounts, TheFirstOfSeveralComparisonsEndsTheLoop) {
  const std::string text = R"(module @m
func public @main(%given: tensor<si32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %one = constant() {value = dense<1>} : tensor<si32>
  %seven = constant() {value = dense<7>} : tensor<si32>
  %r, %s, %t = while(%zero, %seven, %given) : tensor<si32>, tensor<si32>, tensor<si32>
      (%a: tensor<si32>, %b: tensor<si32>, %c: tensor<si32>) {
    %ten = constant() {value = dense<10>} : tensor<si32>
    %nine = constant() {value = dense<9>} : tensor<si32>
    %below = compare(%a, %ten) {comparison_direction = 5, compare_type = 3} : tensor<i1>
    %unequal = compare(%b, %nine) {comparison_direction = 1, compare_type = 3} : tensor<i1>
    %both = and(%below, %unequal) : tensor<i1>
    %again = and(%both, %below) : tensor<i1>
    %unknown = compare(%c, %nine) {comparison_direction = 1, compare_type = 3} : tensor<i1>
    %all = and(%again, %CHOSEN) : tensor<i1>
    return(%all)
  } (%i: tensor<si32>, %j: tensor<si32>, %k: tensor<si32>) {
    %i1 = add(%i, %one) : tensor<si32>
    %j1 = add(%one, %j) : tensor<si32>
    %k1 = add(%k, %one) : tensor<si32>
    return(%i1, %j1, %k1)
  }
  return(%r, %s, %t)
})";
  const auto with = [&](const char* chosen) {
    std::string chosen_text = text;
    return RunForTest(RecognizeTripCounts, chosen_text.replace(chosen_text.find("%CHOSEN"), 7, chosen));
  };
  EXPECT_NE(with("%below").find("trip_count = 2}"), std::string::npos) << with("%below");
  EXPECT_EQ(with("%unknown").find("trip_count"), std::string::npos) << with("%unknown");
}

TEST(RecognizeTripCounts, CountersAreConstantsBehindTheLoop) {
  const std::string printed = RunForTest(RecognizeTripCounts, R"(module @m
func public @main(%x: tensor<f32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %ten = constant() {value = dense<10>} : tensor<si32>
  %three = constant() {value = dense<-3>} : tensor<si32>
  %n, %down, %y = while(%zero, %ten, %x) : tensor<si32>, tensor<si32>, tensor<f32>
      (%a: tensor<si32>, %b: tensor<si32>, %c: tensor<f32>) {
    %go = compare(%a, %ten) {comparison_direction = 5, compare_type = 3} : tensor<i1>
    return(%go)
  } (%i: tensor<si32>, %j: tensor<si32>, %k: tensor<f32>) {
    %one = constant() {value = dense<1>} : tensor<si32>
    %i1 = add(%i, %one) : tensor<si32>
    %j1 = add(%j, %three) : tensor<si32>
    %k1 = add(%k, %k) : tensor<f32>
    return(%i1, %j1, %k1)
  }
  %m, %z = while(%down, %y) : tensor<si32>, tensor<f32> (%d: tensor<si32>, %e: tensor<f32>) {
    %on = compare(%d, %n) {comparison_direction = 5, compare_type = 3} : tensor<i1>
    return(%on)
  } (%l: tensor<si32>, %p: tensor<f32>) {
    %two = constant() {value = dense<2>} : tensor<si32>
    %l1 = add(%l, %two) : tensor<si32>
    %p1 = add(%p, %p) : tensor<f32>
    return(%l1, %p1)
  }
  return(%m, %z)
})");
  EXPECT_NE(printed.find("trip_count = 10}"), std::string::npos) << printed;
  EXPECT_NE(printed.find("trip_count = 15}"), std::string::npos) << printed;  // from -20 to 10 by 2
}

}  // namespace
}  // namespace dragoman::passes
