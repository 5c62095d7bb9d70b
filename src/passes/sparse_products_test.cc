// SPDX-License-Identifier: Apache-2.0
#include "passes/sparse_products.h"

#include <limits>

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// %w, 64 x 80 (or 80 x 64): like the weights that resize 64 pixels to 80, computed from two iotas.
std::string Weights(const std::string& dtype, bool is_turned = false) {
  const std::string shape = is_turned ? "80x64" : "64x80";
  return Format(
      "%k = iota() {{iota_dimension = {1}}} : tensor<{0}xf32> %n = iota() {{iota_dimension = {2}}} : tensor<{0}xf32> "
      "%r = constant() {{value = dense<0.8>}} : tensor<{0}xf32> %o = constant() {{value = dense<1>}} : tensor<{0}xf32> "
      "%z = constant() {{value = dense<0>}} : tensor<{0}xf32> %m = multiply(%n, %r) : tensor<{0}xf32> "
      "%d = subtract(%m, %k) : tensor<{0}xf32> %a = abs(%d) : tensor<{0}xf32> %s = subtract(%o, %a) : tensor<{0}xf32> "
      "%p = maximum(%s, %z) : tensor<{0}xf32> %w = convert(%p) : tensor<{0}x{3}> ",
      shape, is_turned ? 1 : 0, is_turned ? 0 : 1, dtype);
}

std::string Dot(const std::string& operands, int lhs, int rhs, const std::string& type) {
  return Format(
      "%y = dot_general({0}) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
      "lhs_contracting_dimensions = [{1}], rhs_contracting_dimensions = [{2}], precision = 2}} : tensor<{3}> ",
      operands, lhs, rhs, type);
}

std::string Main(const std::string& argument, const std::string& body) {
  return "module @m\nfunc public @main(%x: tensor<" + argument + ">) { " + body + "return(%y) }\n";
}

TEST(SparseProducts, SumsOfFewTermsKeepTheirMeaning) {
  ExpectSameMeaning(SparseProducts, Main("32x64x33xf32", Weights("f32") + Dot("%x, %w", 1, 0, "32x33x80xf32")), 1e-6);
  ExpectSameMeaning(SparseProducts, Main("1056x64xf32", Weights("f32", true) + Dot("%w, %x", 1, 1, "80x1056xf32")),
                    1e-6);
  ExpectSameMeaning(SparseProducts, Main("64x1056xbf16", Weights("bf16") + Dot("%x, %w", 0, 0, "1056x80xf32")), 1e-6);
  ExpectSameMeaning(SparseProducts, Main("64x1056xf16", Weights("f16") + Dot("%w, %x", 0, 0, "80x1056xf16")), 2e-3);
  ExpectSameMeaning(SparseProducts, Main("64x1056xf64", Weights("f64") + Dot("%w, %x", 0, 0, "80x1056xf64")), 1e-14);
}

TEST(SparseProducts, TransposesMoveBehindTheSums) {
  const std::string text = Main("32x33x64xf32", Weights("f32") +
                                                    "%t = transpose(%x) {permutation = [2, 1, 0]} : "
                                                    "tensor<64x33x32xf32> " +
                                                    Dot("%w, %t", 0, 0, "80x33x32xf32"));
  ExpectSameMeaning(SparseProducts, text, 1e-6);
  EXPECT_NE(RunForTest(SparseProducts, text).find("transpose(%"), std::string::npos);
  EXPECT_NE(RunForTest(SparseProducts, text).find("tensor<32x33x80xf32>"), std::string::npos);
}

TEST(SparseProducts, ZerosTimesInfinityAreNan) {
  auto module = ParseForTest(Main("1024x64xf32", Weights("f32") + Dot("%x, %w", 1, 0, "1024x80xf32")));
  ASSERT_NE(module, nullptr);
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<double> values(1024 * 64, 1.0);
  values[3 * 64 + 10] = inf;
  values[4 * 64 + 20] = std::numeric_limits<float>::quiet_NaN();
  values[5 * 64 + 30] = -inf;
  values[5 * 64 + 31] = -inf;
  const std::vector<ir::Literal> inputs = {reference::LiteralFromDoubles({DType::kF32, {1024, 64}}, values)};
  const auto before = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(before.ok());
  const auto result = SparseProducts(*module, {target::DeviceProfile()});
  ASSERT_TRUE(result.ok() && result->changed);
  const auto after = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(after.ok());
  ExpectNear((*after)[0], (*before)[0], 1e-6);
}

TEST(SparseProducts, OthersStay) {
  const auto is_kept = [](const std::string& text) {
    const std::string printed = RunForTest(SparseProducts, text);
    return printed.find("dot_general") != std::string::npos;
  };
  EXPECT_FALSE(is_kept(Main("1024x64xf32", Weights("f32") + Dot("%x, %w", 1, 0, "1024x80xf32"))));
  // Few rows; a matrix that depends on an argument; one of integers; one without zeros.
  EXPECT_TRUE(is_kept(Main("1023x64xf32", Weights("f32") + Dot("%x, %w", 1, 0, "1023x80xf32"))));
  EXPECT_TRUE(is_kept(Main("1024x64xf32", Dot("%x, %x", 0, 0, "64x64xf32"))));
  EXPECT_TRUE(is_kept(Main("1024x64xsi32", Weights("si32") + Dot("%x, %w", 1, 0, "1024x80xsi32"))));
  EXPECT_TRUE(is_kept(Main(
      "1024x64xf32", "%w = iota() {iota_dimension = 0} : tensor<64x80xf32> " + Dot("%x, %w", 1, 0, "1024x80xf32"))));
}

TEST(SparseProducts, AnIndexedTermCostsMoreOnACpu) {
  auto module = ParseForTest(Main("1024x64xf32", Weights("f32") + Dot("%x, %w", 1, 0, "1024x80xf32")));
  target::DeviceProfile profile;
  profile.type = target::DeviceType::kCpu;
  const auto result = SparseProducts(*module, {profile});
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->changed);
}

}  // namespace
}  // namespace dragoman::passes
