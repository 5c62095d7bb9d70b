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

}  // namespace
}  // namespace dragoman::passes
