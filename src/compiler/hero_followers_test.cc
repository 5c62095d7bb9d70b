// SPDX-License-Identifier: Apache-2.0
// Every kind of kernel followed by everything that keeps the position of elements: what fusion puts behind a hero, its
// lowering takes.
#include <gtest/gtest.h>

#include "compiler/compiler.h"
#include "compiler/interpret_testing.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

struct Hero {
  const char* name;
  const char* text;  // parameters, and ops up to %h of tensor<4x16xf32>
  bool has_loops;    // decomposed into loops: not for the interpreter
};
constexpr const char* kAdder = "(%p: tensor<f32>, %q: tensor<f32>) { %r = add(%p, %q) : tensor<f32> return(%r) } ";
constexpr Hero kHeroes[] = {
    {"loop", "(%a: tensor<4x16xf32>, %z: tensor<f32>) { %h = exponential(%a) : tensor<4x16xf32> ", false},
    {"transpose",
     "(%a: tensor<16x4xf32>, %z: tensor<f32>) { %h = transpose(%a) {permutation = [1, 0]} : tensor<4x16xf32> ", false},
    {"dot",
     "(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %z: tensor<f32>) { %h = dot_general(%a, %b) {lhs_batching_dimensions "
     "= "
     "[], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision "
     "= 0} "
     ": tensor<4x16xf32> ",
     false},
    {"convolution",
     "(%a: tensor<4x1x8xf32>, %b: tensor<1x8x16xf32>, %z: tensor<f32>) { %c = convolution(%a, %b) {window_strides = "
     "[1], "
     "padding = [0, 0], lhs_dilation = [1], rhs_dilation = [1], window_reversal = [0], input_batch_dimension = 0, "
     "input_feature_dimension = 2, input_spatial_dimensions = [1], kernel_input_feature_dimension = 1, "
     "kernel_output_feature_dimension = 2, kernel_spatial_dimensions = [0], output_batch_dimension = 0, "
     "output_feature_dimension = 2, output_spatial_dimensions = [1], feature_group_count = 1, batch_group_count = 1, "
     "precision = 0} : tensor<4x1x16xf32> %h = reshape(%c) : tensor<4x16xf32> ",
     false},
    {"reduce",
     "(%a: tensor<4x16x40xf32>, %z: tensor<f32>) { %h = reduce(%a, %z) {dimensions = [2]} : tensor<4x16xf32> ADDER",
     false},
    {"row",
     "(%a: tensor<4x16xf32>, %z: tensor<f32>) { %e = exponential(%a) : tensor<4x16xf32> %s = reduce(%e, %z) "
     "{dimensions = "
     "[1]} : tensor<4xf32> ADDER %t = broadcast_in_dim(%s) {broadcast_dimensions = [0]} : tensor<4x16xf32> %h = "
     "divide(%e, "
     "%t) : tensor<4x16xf32> ",
     false},
    {"reduce_window",
     "(%a: tensor<4x18xf32>, %z: tensor<f32>) { %h = reduce_window(%a, %z) {window_dimensions = [1, 3], window_strides "
     "= "
     "[1, 1], base_dilations = [1, 1], window_dilations = [1, 1], padding = [0, 0, 0, 0]} : tensor<4x16xf32> ADDER",
     false},
    {"scan",
     "(%a: tensor<4x16xf32>, %z: tensor<f32>) { %h = scan(%a, %z) {dimension = 1, is_reverse = 0} : tensor<4x16xf32> "
     "ADDER",
     false},
    {"sort",
     "(%a: tensor<4x16xf32>, %z: tensor<f32>) { %h = sort(%a) {dimension = 1, is_stable = 1} : tensor<4x16xf32> (%p: "
     "tensor<f32>, %q: tensor<f32>) { %r = compare(%p, %q) {comparison_direction = 5, compare_type = 1} : tensor<i1> "
     "return(%r) } ",
     false},
    {"scatter",
     "(%a: tensor<4x16xf32>, %i: tensor<2x1xsi32>, %u: tensor<2x16xf32>, %z: tensor<f32>) { %h = scatter(%a, %i, %u) "
     "{update_window_dims = [1], inserted_window_dims = [0], input_batching_dims = [], scatter_indices_batching_dims = "
     "[], "
     "scatter_dims_to_operand_dims = [0], index_vector_dim = 1, indices_are_sorted = 0, unique_indices = 0} : "
     "tensor<4x16xf32> ADDER",
     false},
    {"dynamic_update_slice",
     "(%a: tensor<4x16xf32>, %u: tensor<2x16xf32>, %i: tensor<si32>, %z: tensor<f32>) { %h = dynamic_update_slice(%a, "
     "%u, "
     "%i, %i) : tensor<4x16xf32> ",
     false},
    {"select_and_scatter",
     "(%a: tensor<4x16xf32>, %s: tensor<4x8xf32>, %z: tensor<f32>) { %h = select_and_scatter(%a, %s, %z) "
     "{window_dimensions = [1, 2], window_strides = [1, 2], padding = [0, 0, 0, 0]} : tensor<4x16xf32> (%l: "
     "tensor<f32>, "
     "%m: tensor<f32>) { %n = compare(%l, %m) {comparison_direction = 2, compare_type = 1} : tensor<i1> return(%n) } "
     "ADDER",
     false},
    {"triangular_solve",
     "(%a: tensor<4x4xf32>, %b: tensor<4x16xf32>, %z: tensor<f32>) { %h = triangular_solve(%a, %b) {left_side = 1, "
     "lower = "
     "1, unit_diagonal = 1, transpose_a = 1} : tensor<4x16xf32> ",
     true},
    {"cholesky",
     "(%a: tensor<8x8xf32>, %z: tensor<f32>) { %c = cholesky(%a) {lower = 1} : tensor<8x8xf32> %h = reshape(%c) : "
     "tensor<4x16xf32> ",
     true},
    {"fft",
     "(%a: tensor<4x16xc64>, %z: tensor<f32>) { %f = fft(%a) {fft_type = 0, fft_length = [16]} : tensor<4x16xc64> %h = "
     "real(%f) : tensor<4x16xf32> ",
     true},
};

std::string TextOf(const Hero& hero) {
  std::string text = hero.text;
  for (size_t at = text.find("ADDER"); at != std::string::npos; at = text.find("ADDER")) text.replace(at, 5, kAdder);
  return text;
}

struct Follower {
  std::string name;
  std::string text;  // of %h, ending in %y
  std::string type;  // of %y
};

std::string Operands(const std::string& first, int arity) {
  std::string text = first;
  for (int i = 1; i < arity; ++i) text += ", " + first;
  return text;
}

// Every scalar operation that takes f32 or si32, its operands %h or the bits of %h.
std::vector<Follower> ScalarFollowers() {
  std::vector<Follower> followers;
  for (const ScalarOpInfo& info : kScalarOpInfos) {
    const bool is_float = (info.domain & kOnFloat) != 0;
    if (!is_float && (info.domain & kOnInt) == 0) continue;
    const std::string bits = is_float ? "" : "%k = bitcast_convert(%h) : tensor<4x16xsi32> ";
    std::string operands = Operands(is_float ? "%h" : "%k", info.arity);
    std::string type = is_float ? "tensor<4x16xf32>" : "tensor<4x16xsi32>";
    std::string before, attributes;
    if (info.result == ScalarResult::kPred) type = "tensor<4x16xi1>";
    if (info.result == ScalarResult::kComplex) type = "tensor<4x16xc64>";
    if (info.name == "convert") type = "tensor<4x16xbf16>";
    if (info.name == "compare") attributes = " {comparison_direction = 5, compare_type = 1}";
    if (info.name == "reduce_precision") attributes = " {exponent_bits = 5, mantissa_bits = 10}";
    if (info.name == "select") {
      before = "%w = compare(%h, %h) {comparison_direction = 0, compare_type = 1} : tensor<4x16xi1> ";
      operands = "%w, %h, %h";
    }
    followers.push_back({std::string(info.name),
                         before + bits + Format("%y = {}({}){} : {} ", info.name, operands, attributes, type), type});
  }
  return followers;
}

std::vector<Follower> MovingFollowers() {
  return {
      {"reshape", "%y = reshape(%h) : tensor<8x8xf32> ", ""},
      {"bitcast", "%y = bitcast_convert(%h) : tensor<4x16xsi32> ", ""},
      {"bits", "%k = bitcast_convert(%h) : tensor<4x16xsi32> %y = not(%k) : tensor<4x16xsi32> ", ""},
      {"narrow bits", "%k = bitcast_convert(%h) : tensor<4x16x2xsi16> %y = not(%k) : tensor<4x16x2xsi16> ", ""},
      {"unit dims", "%y = broadcast_in_dim(%h) {broadcast_dimensions = [0, 2]} : tensor<4x1x16xf32> ", ""},
      {"unit dims, negated",
       "%k = broadcast_in_dim(%h) {broadcast_dimensions = [1, 2]} : tensor<1x4x16xf32> %y = negate(%k) : "
       "tensor<1x4x16xf32> ",
       ""},
      {"swapped",
       "%x = reshape(%h) : tensor<8x8xf32> %k = broadcast_in_dim(%x) {broadcast_dimensions = [1, 0]} : tensor<8x8xf32> "
       "%y = "
       "negate(%k) : tensor<8x8xf32> ",
       ""},
      {"transpose", "%k = transpose(%h) {permutation = [1, 0]} : tensor<16x4xf32> %y = negate(%k) : tensor<16x4xf32> ",
       ""},
      {"barrier", "%y = optimization_barrier(%h) : tensor<4x16xf32> ", ""},
  };
}

std::unique_ptr<ir::Module> ModuleOf(const Hero& hero, const Follower& follower) {
  auto module = ir::Parse("module @m func public @main" + TextOf(hero) + follower.text + "return(%y) }");
  EXPECT_TRUE(module.ok()) << hero.name << ", " << follower.name << ": " << module.status().message();
  if (!module.ok()) return nullptr;
  const Status verified = ir::Verify(**module);
  EXPECT_TRUE(verified.ok()) << hero.name << ", " << follower.name << ": " << verified.message();
  return verified.ok() ? *std::move(module) : nullptr;
}

TEST(HeroFollowers, CompileBehindEveryHero) {
  std::vector<Follower> followers = ScalarFollowers();
  for (Follower& follower : MovingFollowers()) followers.push_back(std::move(follower));
  EXPECT_GE(followers.size(), 50u);
  for (const char* device : {"lavapipe", "navi31"}) {
    const auto profile = target::LoadProfile(Format("tests/profiles/{}.json", device));
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    for (const Hero& hero : kHeroes) {
      for (const Follower& follower : followers) {
        auto module = ModuleOf(hero, follower);
        ASSERT_NE(module, nullptr);
        const auto program = CompileModule(std::move(module), *profile, {});
        EXPECT_TRUE(program.ok()) << hero.name << ", " << follower.name << ": " << program.status().message();
      }
    }
  }
}

TEST(HeroFollowers, ThatMoveNothingOrSomethingComputeWhatTheEvaluatorSays) {
  for (const target::DeviceProfile& profile : kernel::TestProfiles()) {
    for (const Hero& hero : kHeroes) {
      if (hero.has_loops) continue;
      for (const Follower& follower : MovingFollowers()) {
        SCOPED_TRACE(Format("{}, {}", hero.name, follower.name));
        const bool shows_bits = follower.name.find("bit") != std::string::npos;
        const std::string_view name = hero.name;
        // Sums in another order differ in their last bits.
        if (shows_bits && name != "transpose" && name != "sort" && name != "dynamic_update_slice") continue;
        const auto module = ModuleOf(hero, follower);
        ASSERT_NE(module, nullptr);
        ExpectInterpretsRight(*module, profile, 3, 1e-4);
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::compiler
