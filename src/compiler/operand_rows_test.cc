// SPDX-License-Identifier: Apache-2.0
// Few rows that are normalised before a product: every workgroup of its kernel computes them.
#include "fusion/operand_rows.h"

#include <gtest/gtest.h>

#include "compiler/interpret_testing.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

struct Case {
  int64_t rows = 8;
  int64_t columns = 128;
  int64_t others = 96;
  const char* type = "f32";
  bool along_k = false;      // the other operand's layout
  bool centred = false;      // a mean first, and a scale of each column
  bool is_right = false;     // which operand is normalised
  bool rounds_once = false;  // scaled rows, as kernels round those of bf16 (docs/adr/0045)
};

std::string Sum(const std::string& out, const std::string& in, int64_t rows) {
  return Format(
      "%{0} = reduce(%{1}, %zero) {{dimensions = [1]}} : tensor<{2}xf32> (%{0}l: tensor<f32>, %{0}r: tensor<f32>) {{ "
      "%{0}x = add(%{0}l, %{0}r) : tensor<f32> return(%{0}x) }} ",
      out, in, rows);
}

// A residual sum, which is a result too; its rows over their root mean square; a product; a result of the residual's
// rows again. `more` comes before the end.
std::string TextOf(const Case& c, const std::string& more = "", const std::string& results = "") {
  const std::string full = Format("tensor<{}x{}xf32>", c.rows, c.columns);
  const std::string narrow = Format("tensor<{}x{}x{}>", c.rows, c.columns, c.type);
  const auto spread = [&](const std::string& out, const std::string& in) {
    return Format("%{} = broadcast_in_dim(%{}) {{broadcast_dimensions = [0]}} : {} ", out, in, full);
  };
  std::string text = Format("(%a: {0}, %b: {0}, %w: tensor<{1}x{2}x{3}>, %g: tensor<{4}x{3}>) {{ ", narrow,
                            c.along_k ? c.others : c.columns, c.along_k ? c.columns : c.others, c.type, c.columns);
  text += "%zero = constant() {value = dense<0>} : tensor<f32> ";
  text +=
      Format("%n = constant() {{value = dense<{}>}} : tensor<{}xf32> ", 1.0 / static_cast<double>(c.columns), c.rows);
  text += Format("%e = constant() {{value = dense<0.5>}} : tensor<{}xf32> ", c.rows);
  text += Format("%h = add(%a, %b) : {} %f = convert(%h) : {} ", narrow, full);
  if (c.centred) {
    text += Sum("t", "f", c.rows) + Format("%mean = multiply(%t, %n) : tensor<{}xf32> ", c.rows) +
            spread("means", "mean") + Format("%x = subtract(%f, %means) : {} ", full);
  } else {
    text += Format("%x = negate(%f) : {} ", full);
  }
  text += Format("%xx = multiply(%x, %x) : {} ", full) + Sum("s", "xx", c.rows);
  text += Format("%v = multiply(%s, %n) : tensor<{0}xf32> %ve = add(%v, %e) : tensor<{0}xf32> ", c.rows);
  text += Format("%r = rsqrt(%ve) : tensor<{}xf32> ", c.rows) + spread("rs", "r");
  text += Format("%yf = multiply(%x, %rs) : {} %y0 = convert(%yf) : {} ", full, narrow);
  text += Format("%gs = broadcast_in_dim(%g) {{broadcast_dimensions = [1]}} : {0} ", narrow);
  if (!c.centred) {
    text += Format("%y = negate(%y0) : {} ", narrow);
  } else if (c.rounds_once) {
    text += Format("%gf = convert(%gs) : {0} %yg = multiply(%yf, %gf) : {0} %y = convert(%yg) : {1} ", full, narrow);
  } else {
    text += Format("%y = multiply(%y0, %gs) : {} ", narrow);
  }
  const Dims out = c.is_right ? Dims{c.others, c.rows} : Dims{c.rows, c.others};
  text += Format(
      "%d = dot_general({}) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = "
      "[{}], rhs_contracting_dimensions = [{}], precision = 0}} : tensor<{}x{}x{}> ",
      c.is_right ? "%w, %y" : "%y, %w", c.is_right ? (c.along_k ? 1 : 0) : 1, c.is_right ? 1 : (c.along_k ? 1 : 0),
      out[0], out[1], c.type);
  return text + more + Format("%z = tanh(%d) : tensor<{}x{}x{}> return(%z, %h{}) }}", out[0], out[1], c.type, results);
}

std::unique_ptr<ir::Module> ModuleOf(const std::string& text) {
  auto module = ir::Parse("module @m func public @main" + text);
  EXPECT_TRUE(module.ok()) << module.status().message() << text;
  if (!module.ok()) return nullptr;
  EXPECT_TRUE(ir::Verify(**module).ok()) << ir::Verify(**module).message();
  return *std::move(module);
}

target::DeviceProfile Recorded(const char* name) {
  auto profile = target::LoadProfile(Format("tests/profiles/{}.json", name));
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  return *profile;
}

bool IsComputed(const std::string& text, const target::DeviceProfile& profile) {
  const auto module = ModuleOf(text);
  const auto plan = fusion::PlanBlock(module->main()->body, {profile});
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return std::ranges::any_of(plan->groups, [](const fusion::Group& group) {
    if (group.kind != fusion::GroupKind::kDot) return false;
    return std::ranges::any_of(group.hero->operands,
                               [&](const ir::Value* operand) { return fusion::IsComputedByRows(group, operand); });
  });
}

TEST(OperandRows, AreComputedByTheProductsOfFewRows) {
  for (const char* name : {"h100", "navi31", "dg2", "adreno740"}) {
    SCOPED_TRACE(name);
    for (const Case& c : {Case{}, Case{.rows = 1, .columns = 1024, .others = 4096},
                          Case{.type = "bf16", .centred = true}, Case{.along_k = true}, Case{.is_right = true}}) {
      EXPECT_TRUE(IsComputed(TextOf(c), Recorded(name)));
    }
  }
}

TEST(OperandRows, AreLeftToAKernelWhereThatIsQuicker) {
  const target::DeviceProfile gpu = Recorded("h100");
  EXPECT_FALSE(IsComputed(TextOf({.rows = 64}), gpu)) << "products of many rows share tiles";
  EXPECT_FALSE(IsComputed(TextOf({.columns = 4096}), gpu)) << "more than shared memory holds";
  EXPECT_FALSE(IsComputed(TextOf({.columns = 1024, .others = 200000}), gpu)) << "too often";
  EXPECT_FALSE(IsComputed(TextOf({.columns = 126}), gpu)) << "no whole runs";
  EXPECT_FALSE(IsComputed(TextOf({}), Recorded("lavapipe"))) << "a CPU waits for no dispatch";
}

TEST(OperandRows, AreLeftToAKernelWhereOthersReadThem) {
  const target::DeviceProfile gpu = Recorded("h100");
  EXPECT_FALSE(IsComputed(TextOf({}, "", ", %s"), gpu)) << "the reduction is a result";
  EXPECT_FALSE(IsComputed(TextOf({}, "%q = tanh(%y) : tensor<8x128xf32> ", ", %q"), gpu));
}

TEST(OperandRows, GiveWhatTheEvaluatorGives) {
  std::vector<target::DeviceProfile> profiles = {kernel::VectorProfile()};
  for (const char* name : {"h100", "navi31", "dg2", "adreno740"}) profiles.push_back(Recorded(name));
  for (const target::DeviceProfile& profile : profiles) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      for (const Case& c :
           {Case{}, Case{.rows = 1, .columns = 1024, .others = 65}, Case{.rows = 3, .centred = true},
            Case{.rows = 5, .columns = 260, .along_k = true, .centred = true},
            Case{.rows = 7, .columns = 72, .others = 70}, Case{.rows = 2, .others = 67, .is_right = true},
            Case{.rows = 8, .columns = 512, .others = 64, .along_k = true, .is_right = true}}) {
        Case typed = c;
        typed.type = type;
        SCOPED_TRACE(Format("{} x {} x {} {}", c.rows, c.columns, c.others, type));
        const std::string text = TextOf(typed);
        EXPECT_TRUE(IsComputed(text, profile));
        typed.rounds_once = type[0] == 'b';
        ExpectInterpretsAs(*ModuleOf(text), *ModuleOf(TextOf(typed)), profile, 5,
                           type[0] == 'b'   ? 3e-2
                           : type[1] == '1' ? 4e-3
                                            : 1e-4);
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::compiler
