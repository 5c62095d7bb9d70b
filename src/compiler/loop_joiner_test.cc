// SPDX-License-Identifier: Apache-2.0
#include "compiler/loop_joiner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/format.h"
#include "compiler/compiler.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

using program::StepKind;

target::DeviceProfile ProfileOf(const std::string& device) {
  const auto profile = target::LoadProfile(Format("tests/profiles/{}.json", device));
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  return *profile;
}

program::Program Compiled(const std::string& text, const target::DeviceProfile& profile) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  auto program = CompileModule(*std::move(module), profile, {});
  EXPECT_TRUE(program.ok()) << program.status().message();
  return *std::move(program);
}

// A recurrence of `rows` rows over `count` steps, with a result of each.
std::string Recurrence(int count, int rows) {
  return Format(R"((%h0: tensor<{1}x16xf32>, %u: tensor<16x16xf32>, %out: tensor<{0}x{1}x16xf32>) {{
    %zero = constant() {{value = dense<0>}} : tensor<si32>
    %one = constant() {{value = dense<1>}} : tensor<si32>
    %n = constant() {{value = dense<{0}>}} : tensor<si32>
    %i, %h, %all = while(%zero, %h0, %out) {{trip_count = {0}}} : tensor<si32>, tensor<{1}x16xf32>, tensor<{0}x{1}x16xf32>
      (%a: tensor<si32>, %b: tensor<{1}x16xf32>, %c: tensor<{0}x{1}x16xf32>) {{
      %go = compare(%a, %n) {{comparison_direction = 5, compare_type = 0}} : tensor<i1>
      return(%go)
    }} (%t: tensor<si32>, %hp: tensor<{1}x16xf32>, %rows: tensor<{0}x{1}x16xf32>) {{
      %hu = dot_general(%hp, %u) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1],
        rhs_contracting_dimensions = [0], precision = 0}} : tensor<{1}x16xf32>
      %hn = tanh(%hu) : tensor<{1}x16xf32>
      %row = reshape(%hn) : tensor<1x{1}x16xf32>
      %next = dynamic_update_slice(%rows, %row, %t, %zero, %zero) : tensor<{0}x{1}x16xf32>
      %k = add(%t, %one) : tensor<si32>
      return(%k, %hn, %next)
    }}
    return(%h, %all)
  }})",
                count, rows);
}

int CountDispatches(const std::vector<program::Step>& steps) {
  int count = 0;
  for (const program::Step& step : steps) {
    if (step.kind == StepKind::kDispatch) ++count;
    const int rounds = step.kind == StepKind::kRepeat ? static_cast<int>(step.count) : 1;
    for (const auto& body : step.bodies) count += rounds * CountDispatches(body);
  }
  return count;
}

TEST(LoopJoiner, MakesOneDispatchOfASmallRecurrence) {
  const program::Program joined = Compiled(Recurrence(100, 4), ProfileOf("lavapipe"));
  EXPECT_LT(CountDispatches(joined.steps), 10) << program::Print(joined);
}

TEST(LoopJoiner, LeavesGpusAlone) {
  const program::Program program = Compiled(Recurrence(100, 4), ProfileOf("navi31"));
  EXPECT_GE(CountDispatches(program.steps), 100) << program::Print(program);
}

// One thread would do what all of them share.
TEST(LoopJoiner, LeavesRoundsThatAreWorthADispatch) {
  const program::Program program = Compiled(Recurrence(100, 4096), ProfileOf("lavapipe"));
  EXPECT_GE(CountDispatches(program.steps), 100) << program::Print(program);
}

TEST(LoopJoiner, StaysBelowTheDevicesLimitOfIterations) {
  target::DeviceProfile profile = ProfileOf("lavapipe");
  profile.max_loop_iterations = 1000;
  const program::Program program = Compiled(Recurrence(500, 4), profile);  // each with loops over 16 elements
  EXPECT_GT(CountDispatches(program.steps), 5) << program::Print(program);
  EXPECT_LT(CountDispatches(program.steps), 200) << program::Print(program);
}

TEST(LoopJoiner, DropsTheKernelsThatItJoined) {
  const program::Program joined = Compiled(Recurrence(100, 4), ProfileOf("lavapipe"));
  std::vector<bool> is_used(joined.kernels.size(), false);
  const std::function<void(const std::vector<program::Step>&)> mark = [&](const std::vector<program::Step>& steps) {
    for (const program::Step& step : steps) {
      if (step.kind == StepKind::kDispatch) is_used.at(step.kernel) = true;
      for (const auto& body : step.bodies) mark(body);
    }
  };
  mark(joined.steps);
  EXPECT_EQ(std::count(is_used.begin(), is_used.end(), false), 0);
}

}  // namespace
}  // namespace dragoman::compiler
