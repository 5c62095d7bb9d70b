// SPDX-License-Identifier: Apache-2.0
#include <complex>

#include "base/format.h"
#include "passes/decompose.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

using Complex = std::complex<double>;

Complex At(const ir::Literal& literal, int64_t i) {
  return {reference::ElementAsDouble(literal, i),
          IsComplex(literal.type().dtype) ? reference::ElementAsDouble(literal, i, true) : 0};
}

// A V = V W with orthonormal V and ascending W, of the Hermitian matrix in one triangle; the other holds anything.
void ExpectEigenvectors(const ir::Literal& matrix, const std::vector<ir::Literal>& results, bool is_lower,
                        double tolerance) {
  const int64_t n = matrix.type().dims.back();
  for (int64_t first = 0; first < matrix.type().num_elements(); first += n * n) {
    const auto a = [&](int64_t i, int64_t j) {
      if (i == j) return Complex(At(matrix, first + i * n + i).real());
      return (i > j) == is_lower ? At(matrix, first + i * n + j) : std::conj(At(matrix, first + j * n + i));
    };
    const auto v = [&](int64_t i, int64_t j) { return At(results[0], first + i * n + j); };
    const auto w = [&](int64_t j) { return At(results[1], first / n + j); };
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        Complex product = 0, inner = 0;
        for (int64_t k = 0; k < n; ++k) product += a(i, k) * v(k, j);
        for (int64_t k = 0; k < n; ++k) inner += std::conj(v(k, i)) * v(k, j);
        EXPECT_LE(std::abs(product - v(i, j) * w(j)), tolerance * static_cast<double>(n)) << i << " " << j;
        EXPECT_LE(std::abs(inner - (i == j ? 1.0 : 0.0)), tolerance * static_cast<double>(n)) << i << " " << j;
      }
      if (i > 0) {
        EXPECT_GE(w(i).real(), w(i - 1).real());
      }
    }
  }
}

TEST(DecomposeEigh, GivesEigenvectorsOfEverySizeAndType) {
  constexpr struct {
    const char* dtype;
    const char* real;
    double tolerance;
  } kTypes[] = {{"f32", "f32", 2e-6}, {"f64", "f64", 1e-14}, {"c64", "f32", 2e-6}};
  for (const auto& [dtype, real, tolerance] : kTypes) {
    for (const int n : {1, 2, 3, 4, 7, 12, 70}) {
      const bool is_lower = n % 2 == 0;
      auto module = ParseForTest(Format(R"(module @m
func public @main(%a: tensor<2x{0}x{0}x{1}>) {{
  %v, %w = custom_call(%a) {{call_target_name = "Eigh", backend_config = "{3},1,15,0.000001", has_side_effect = 0}} : tensor<2x{0}x{0}x{1}>, tensor<2x{0}x{2}>
  return(%v, %w)
}})",
                                        n, dtype, real, is_lower ? 1 : 0));
      ASSERT_NE(module, nullptr);
      SCOPED_TRACE(Format("{} {}", dtype, n));
      std::mt19937 random(n);
      const std::vector<ir::Literal> inputs = {RandomLiteral(module->main()->body.arguments[0]->type, random)};
      const auto meant = reference::Evaluate(*module, "main", inputs);
      ASSERT_TRUE(meant.ok()) << meant.status().message();
      ExpectEigenvectors(inputs[0], *meant, is_lower, tolerance);
      const target::DeviceProfile profile;
      const auto result = Decompose(*module, {profile});
      ASSERT_TRUE(result.ok() && result->changed);
      const auto results = reference::Evaluate(*module, "main", inputs);
      ASSERT_TRUE(results.ok()) << results.status().message();
      ExpectEigenvectors(inputs[0], *results, is_lower, tolerance);
    }
  }
}

}  // namespace
}  // namespace dragoman::passes
