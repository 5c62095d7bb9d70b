// SPDX-License-Identifier: Apache-2.0
#include "passes/unroll_loops.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

std::string Loop(int64_t count, std::string_view body) {
  return Format(R"(module @m
func public @main(%x: tensor<4xf32>) {{
  %zero = constant() {{value = dense<0>}} : tensor<si32>
  %i, %r = while(%zero, %x) {{trip_count = {0}}} : tensor<si32>, tensor<4xf32> (%a: tensor<si32>, %b: tensor<4xf32>) {{
    %n = constant() {{value = dense<{0}>}} : tensor<si32>
    %go = compare(%a, %n) {{comparison_direction = 5, compare_type = 0}} : tensor<i1>
    return(%go)
  }} (%c: tensor<si32>, %d: tensor<4xf32>) {{
    %one = constant() {{value = dense<1>}} : tensor<si32>
    %m = add(%c, %one) : tensor<si32>
    %half = constant() {{value = dense<0.5>}} : tensor<4xf32>
    {1}
    return(%m, %e)
  }}
  return(%r, %i)
}})",
                count, body);
}

TEST(UnrollLoops, PointwiseBodiesAreRepeated) {
  const std::string_view body = "%f = multiply(%d, %half) : tensor<4xf32> %e = add(%f, %half) : tensor<4xf32>";
  for (const int64_t count : {2, 7, 84, 85, 86, 1000, 997}) {
    SCOPED_TRACE(count);
    ExpectSameMeaning(UnrollLoops, Loop(count, body));
  }
  EXPECT_EQ(RunForTest(UnrollLoops, Loop(85, body)).find("while("), std::string::npos);
  // 85 iterations a round: 11 rounds and 65 more.
  EXPECT_NE(RunForTest(UnrollLoops, Loop(1000, body)).find("trip_count = 11}"), std::string::npos);
}

TEST(UnrollLoops, OtherBodiesStay) {
  const std::string text = Loop(10, "%e = reverse(%d) {dimensions = [0]} : tensor<4xf32>");
  EXPECT_NE(RunForTest(UnrollLoops, text).find("trip_count = 10}"), std::string::npos);
}

// However long the loop and its body, what stands in the program afterwards is at most twice what a kernel may hold.
TEST(UnrollLoops, GrowsNoFurtherThanItsBound) {
  const target::DeviceProfile profile;
  for (const int body_ops : {1, 2, 63, 127, 128, 129, 300}) {
    for (const int64_t count : {2, 3, 256, 257, 100000}) {
      std::string body;
      for (int i = 0; i + 1 < body_ops; ++i) {
        body += Format("%f{} = add(%{}, %half) : tensor<4xf32> ", i, i == 0 ? "d" : Format("f{}", i - 1));
      }
      body += Format("%e = multiply(%{}, %half) : tensor<4xf32>", body_ops > 1 ? Format("f{}", body_ops - 2) : "d");
      auto module = ParseForTest(Loop(count, body));
      const auto count_ops = [&] {
        int64_t ops = 0;
        ir::Walk(module->main()->body, [&](const ir::Op* op) { ops += ir::IsElementwise(op->code) ? 1 : 0; });
        return ops;
      };
      const int64_t before = count_ops();
      const auto result = UnrollLoops(*module, {profile});
      ASSERT_TRUE(result.ok());
      // The counter's addition is a part of the body.
      const bool fits_twice = 2 * (body_ops + 1) <= 256;
      EXPECT_EQ(result->changed, fits_twice) << body_ops << " " << count;
      EXPECT_LE(count_ops(), std::max<int64_t>(before, 2 * 256 + 8)) << body_ops << " " << count;
    }
  }
}

}  // namespace
}  // namespace dragoman::passes
