// SPDX-License-Identifier: Apache-2.0
// A query's attention over a cache that it updates runs as one dispatch, where each of its workgroups may go on alone.
#include "compiler/join_shares.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compiler/program_interpreter_testing.h"
#include "ir/text.h"
#include "reference/evaluator.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

constexpr int kBatch = 2, kHeads = 4, kLength = 512, kDepth = 64;

// `query` is what the scores are computed from: [2, 4, 64].
std::string Attention(const std::string& query, const std::string& keys) {
  return Format(R"(module @m
func public @main(%q: tensor<2x4x64xf32>, %n: tensor<2x1x4x64xf32>, %c: tensor<2x512x4x64xf32>, %v: tensor<2x512x4x64xf32>, %at: tensor<si32>) {{
  %zero = constant() {{value = dense<0>}} : tensor<f32>
  %low = constant() {{value = dense<0xff800000>}} : tensor<f32>
  %i = constant() {{value = dense<0>}} : tensor<si32>
  %k = dynamic_update_slice(%c, %n, %i, %at, %i, %i) : tensor<2x512x4x64xf32>
  %s = dot_general({}, {}) {{lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [3], precision = 0}} : tensor<2x4x512xf32>
  %m = reduce(%s, %low) {{dimensions = [2]}} : tensor<2x4xf32> (%a: tensor<f32>, %b: tensor<f32>) {{
    %r = maximum(%a, %b) : tensor<f32>
    return(%r)
  }}
  %mm = broadcast_in_dim(%m) {{broadcast_dimensions = [0, 1]}} : tensor<2x4x512xf32>
  %d = subtract(%s, %mm) : tensor<2x4x512xf32>
  %e = exponential(%d) : tensor<2x4x512xf32>
  %l = reduce(%e, %zero) {{dimensions = [2]}} : tensor<2x4xf32> (%x: tensor<f32>, %y: tensor<f32>) {{
    %t = add(%x, %y) : tensor<f32>
    return(%t)
  }}
  %ll = broadcast_in_dim(%l) {{broadcast_dimensions = [0, 1]}} : tensor<2x4x512xf32>
  %p = divide(%e, %ll) : tensor<2x4x512xf32>
  %o = dot_general(%p, %v) {{lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1], precision = 0}} : tensor<2x4x64xf32>
  return(%o, %k)
}}
)",
                query, keys);
}

target::DeviceProfile SmallGpu(const char* name, int compute_units) {
  auto profile = target::LoadProfile(Format("tests/profiles/{}.json", name));
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  profile->compute_units = compute_units;
  return *profile;
}

ir::Literal Numbers(const Dims& dims, double step) {
  const TensorType type{DType::kF32, dims};
  std::vector<double> values;
  for (int64_t i = 0; i < type.num_elements(); ++i) values.push_back(std::sin(step * static_cast<double>(i)));
  return reference::LiteralFromDoubles(type, values);
}

// Compiles the text, and returns how many dispatches gave what the evaluator gives.
size_t Check(const std::string& text, const target::DeviceProfile& profile) {
  const std::vector<ir::Literal> inputs = {
      Numbers({kBatch, kHeads, kDepth}, 0.7), Numbers({kBatch, 1, kHeads, kDepth}, 0.3),
      Numbers({kBatch, kLength, kHeads, kDepth}, 0.11), Numbers({kBatch, kLength, kHeads, kDepth}, 0.13),
      reference::LiteralFromInts({DType::kS32, {}}, std::vector<int64_t>{77})};
  const auto module = ir::Parse(text);
  if (!module.ok()) {
    ADD_FAILURE() << module.status().message();
    return 0;
  }
  const auto expected = reference::Evaluate(**module, "main", inputs);
  EXPECT_TRUE(expected.ok()) << expected.status().message();
  const auto compiled = CompileForInterpreter(*ir::Parse(text), profile, true);
  EXPECT_TRUE(compiled.ok()) << compiled.status().message();
  std::vector<Bytes> parameters;
  for (const ir::Literal& input : inputs) parameters.push_back(input.Dense());
  for (const bool backwards : {false, true}) {
    const auto outputs =
        ProgramInterpreter(*compiled, {.subgroup_size = profile.subgroup_size}, backwards).Run(parameters);
    EXPECT_TRUE(outputs.ok()) << outputs.status().message();
    for (size_t i = 0; i < expected->size(); ++i) {
      const ir::Literal actual((*expected)[i].type(), (*outputs)[i]);
      for (int64_t j = 0; j < actual.type().num_elements(); ++j) {
        const double got = reference::ElementAsDouble(actual, j);
        const double want = reference::ElementAsDouble((*expected)[i], j);
        if (std::abs(got - want) <= 1e-5) continue;
        ADD_FAILURE() << "result " << i << ", element " << j << " is " << got << ", expected " << want;
        break;
      }
    }
  }
  return compiled->program.steps.size();
}

TEST(JoinShares, RunsAttentionOfAQueryInOneDispatch) {
  for (const char* name : {"h100", "navi31", "dg2", "adreno740"}) {
    SCOPED_TRACE(name);
    // The copy of the cache, which is no donated parameter, and the rest.
    EXPECT_EQ(Check(Attention("%q", "%k"), SmallGpu(name, 8)), 2u);
  }
}

TEST(JoinShares, LeavesADeviceOfManyUnitsItsWorkgroups) {
  EXPECT_GT(Check(Attention("%q", "%k"), SmallGpu("h100", 132)), 2u);
}

// The scores of one head need what the update of another has written.
TEST(JoinShares, WaitsForOtherWorkgroups) {
  std::string text = Attention("%q", "%turned");
  const std::string update = "%k = dynamic_update_slice(%c, %n, %i, %at, %i, %i) : tensor<2x512x4x64xf32>";
  text.replace(text.find(update), update.size(),
               update + "\n  %turned = reverse(%k) {dimensions = [2]} : tensor<2x512x4x64xf32>");
  EXPECT_GT(Check(text, SmallGpu("h100", 8)), 2u);
}

// An update reads, beside its place, what it writes over.
TEST(JoinShares, LeavesWhatIsWrittenOverToItsReaders) {
  std::string text = Attention("%q", "%c");
  EXPECT_GE(Check(text, SmallGpu("h100", 8)), 2u);
}

}  // namespace
}  // namespace dragoman::compiler
