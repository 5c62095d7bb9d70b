// SPDX-License-Identifier: Apache-2.0
// The evaluator has its own, independent meaning of these ops; decomposing must not change what it says.
#include "passes/decompose.h"

#include <array>

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

constexpr double kF32 = 1e-5;
constexpr double kF64 = 1e-12;

// Ops of the code that are left are on small real matrices, in the form that has a kernel.
void ExpectDecomposed(const std::string& text, ir::OpCode code, double tolerance,
                      const target::DeviceProfile& profile = {}) {
  SCOPED_TRACE(text);
  ExpectSameMeaning(Decompose, text, tolerance, profile);
  auto module = ParseForTest(text);
  ASSERT_TRUE(Decompose(*module, {profile}).ok());
  ir::Walk(module->main()->body, [code](const ir::Op* op) {
    if (op->code != code) return;
    const TensorType& matrix = op->operands[0]->type;
    EXPECT_TRUE(code == ir::OpCode::kCholesky || code == ir::OpCode::kTriangularSolve);
    EXPECT_LE(matrix.dims.back(), 32);
    EXPECT_FALSE(IsComplex(matrix.dtype));
    if (code != ir::OpCode::kTriangularSolve) return;
    EXPECT_EQ(op->attributes.Int(ir::AttrKey::kLeftSide), 1);
    EXPECT_EQ(op->attributes.Int(ir::AttrKey::kTransposeA), 1);
  });
}

TEST(Decompose, QrOfTallWideAndStackedMatrices) {
  constexpr struct {
    const char* type;
    const char* taus;
    double tolerance;
  } kCases[] = {{"tensor<5x3xf32>", "tensor<3xf32>", kF32}, {"tensor<3x5xf32>", "tensor<3xf32>", kF32},
                {"tensor<4x4xf64>", "tensor<4xf64>", kF64}, {"tensor<2x3x6x4xf32>", "tensor<2x3x4xf32>", kF32},
                {"tensor<1x1xf32>", "tensor<1xf32>", kF32}, {"tensor<7x1xf64>", "tensor<1xf64>", kF64}};
  for (const auto& [type, taus, tolerance] : kCases) {
    ExpectDecomposed(Format(R"(module @m
func public @main(%a: {0}) {{
  %r, %t = custom_call(%a) {{call_target_name = "Qr", backend_config = "", has_side_effect = 0}} : {0}, {1}
  return(%r, %t)
}})",
                            type, taus),
                     ir::OpCode::kCustomCall, tolerance);
  }
}

TEST(Decompose, QrOfSeveralPanels) {
  for (const auto& [rows, columns, steps] : {std::tuple{40, 40, 40}, std::tuple{50, 35, 35}, std::tuple{35, 50, 35}}) {
    ExpectDecomposed(Format(R"(module @m
func public @main(%a: tensor<{0}x{1}xf64>) {{
  %r, %t = custom_call(%a) {{call_target_name = "Qr", backend_config = "", has_side_effect = 0}} : tensor<{0}x{1}xf64>, tensor<{2}xf64>
  %q = custom_call(%r, %t) {{call_target_name = "ProductOfElementaryHouseholderReflectors", backend_config = "", has_side_effect = 0}} : tensor<{0}x{1}xf64>
  return(%r, %t, %q)
}})",
                            rows, columns, steps),
                     ir::OpCode::kCustomCall, 1e-10);
  }
}

TEST(Decompose, LuOfEverySize) {
  for (const auto& [rows, columns, dtype, tolerance] :
       {std::tuple{1, 1, "f32", kF32}, std::tuple{4, 6, "f32", 1e-4}, std::tuple{6, 4, "c64", 1e-3},
        std::tuple{40, 40, "f64", 1e-9}, std::tuple{70, 33, "f64", 1e-9}, std::tuple{33, 50, "f64", 1e-9}}) {
    ExpectDecomposed(Format(R"(module @m
func public @main(%a: tensor<2x{0}x{1}x{2}>) {{
  %l, %p, %o = custom_call(%a) {{call_target_name = "LuDecomposition", backend_config = "", has_side_effect = 0}} : tensor<2x{0}x{1}x{2}>, tensor<2x{3}xsi32>, tensor<2x{0}xsi32>
  return(%l, %p, %o)
}})",
                            rows, columns, dtype, std::min(rows, columns)),
                     ir::OpCode::kCustomCall, tolerance);
  }
}

TEST(Decompose, HouseholderProducts) {
  constexpr struct {
    const char* type;
    const char* taus;
    double tolerance;
  } kCases[] = {{"tensor<5x3xf32>", "tensor<3xf32>", kF32},
                {"tensor<4x4xf64>", "tensor<4xf64>", kF64},
                {"tensor<5x5xf64>", "tensor<3xf64>", kF64},
                {"tensor<2x6x4xf32>", "tensor<2x4xf32>", kF32}};
  for (const auto& [type, taus, tolerance] : kCases) {
    ExpectDecomposed(Format(R"(module @m
func public @main(%a: {0}, %t: {1}) {{
  %q = custom_call(%a, %t) {{call_target_name = "ProductOfElementaryHouseholderReflectors", backend_config = "",
                            has_side_effect = 0}} : {0}
  return(%q)
}})",
                            type, taus),
                     ir::OpCode::kCustomCall, 10 * tolerance);
  }
}

TEST(Decompose, CholeskyOfPositiveDefiniteAndOtherMatrices) {
  for (const int lower : {0, 1}) {
    ExpectDecomposed(Format(R"(module @m
func public @main(%x: tensor<2x20x30xf64>, %bad: tensor<18x18xf64>) {{
  %a = dot_general(%x, %x) {{lhs_batching_dimensions = [0], rhs_batching_dimensions = [0],
    lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [2], precision = 2}} : tensor<2x20x20xf64>
  %l = cholesky(%a) {{lower = {0}}} : tensor<2x20x20xf64>
  %m = cholesky(%bad) {{lower = {0}}} : tensor<18x18xf64>
  return(%l, %m)
}})",
                            lower),
                     ir::OpCode::kCholesky, 1e-9);
  }
}

TEST(Decompose, CholeskyByBlocks) {
  for (const auto& [n, dtype, tolerance] :
       {std::tuple{17, "f64", kF64}, std::tuple{48, "f64", kF64}, std::tuple{150, "f64", 1e-10},
        std::tuple{130, "f32", 1e-3}, std::tuple{5, "c64", 1e-4}}) {
    ExpectDecomposed(
        Format(R"(module @m
func public @main(%x: tensor<{0}x{0}x{1}>) {{
  %r = iota() {{iota_dimension = 0}} : tensor<{0}x{0}xsi32>
  %c = iota() {{iota_dimension = 1}} : tensor<{0}x{0}xsi32>
  %d = compare(%r, %c) {{comparison_direction = 0, compare_type = 0}} : tensor<{0}x{0}xi1>
  %n = constant() {{value = dense<{2}>}} : tensor<{0}x{0}x{1}>
  %z = constant() {{value = dense<{3}>}} : tensor<{0}x{0}x{1}>
  %i = select(%d, %n, %z) : tensor<{0}x{0}x{1}>
  %t = transpose(%x) {{permutation = [1, 0]}} : tensor<{0}x{0}x{1}>
  %h = {4}
  %s = add(%x, {5}) : tensor<{0}x{0}x{1}>
  %a = add(%s, %i) : tensor<{0}x{0}x{1}>
  %l = cholesky(%a) {{lower = 1}} : tensor<{0}x{0}x{1}>
  return(%l)
}})",
               n, dtype, dtype[0] == 'c' ? Format("({}, 0)", 3 * n) : Format("{}", 3 * n),
               dtype[0] == 'c' ? "(0, 0)" : "0",
               dtype[0] == 'c' ? Format(R"(real(%t) : tensor<{0}x{0}xf32> %im = imag(%t) : tensor<{0}x{0}xf32>
  %neg = negate(%im) : tensor<{0}x{0}xf32> %hh = complex(%h, %neg) : tensor<{0}x{0}xc64>)",
                                        n)
                               : Format("add(%t, %z) : tensor<{0}x{0}x{1}>", n, dtype),
               dtype[0] == 'c' ? "%hh" : "%h"),
        ir::OpCode::kCholesky, tolerance);
  }
}

// Systems with a dominant diagonal: others amplify rounding.
std::string Solve(std::string_view dtype, const std::array<int64_t, 4>& attributes) {
  const auto [left, lower, unit, transpose] = attributes;
  return Format(R"(module @m
func public @main(%x: tensor<2x20x20x{6}>, %b: tensor<2x{4}x{5}x{6}>) {{
  %r = iota() {{iota_dimension = 1}} : tensor<2x20x20xsi32>
  %c = iota() {{iota_dimension = 2}} : tensor<2x20x20xsi32>
  %d = compare(%r, %c) {{comparison_direction = 0, compare_type = 0}} : tensor<2x20x20xi1>
  %n = constant() {{value = dense<{7}>}} : tensor<2x20x20x{6}>
  %s = constant() {{value = dense<{8}>}} : tensor<2x20x20x{6}>
  %y = multiply(%x, %s) : tensor<2x20x20x{6}>
  %a = select(%d, %n, %y) : tensor<2x20x20x{6}>
  %z = triangular_solve(%a, %b) {{left_side = {0}, lower = {1}, unit_diagonal = {2}, transpose_a = {3}}} :
    tensor<2x{4}x{5}x{6}>
  return(%z)
}})",
                left, lower, unit, transpose, left != 0 ? 20 : 4, left != 0 ? 4 : 20, dtype,
                dtype == "c64" ? "(3, 1)" : "3", dtype == "c64" ? "(0.1, 0)" : "0.1");
}

TEST(Decompose, TriangularSolvesOnEverySide) {
  for (const int64_t left : {0, 1}) {
    for (const int64_t lower : {0, 1}) {
      for (const int64_t unit : {0, 1}) {
        for (const int64_t transpose : {1, 2, 3}) {
          ExpectDecomposed(Solve("f64", {left, lower, unit, transpose}), ir::OpCode::kTriangularSolve, kF64);
          ExpectDecomposed(Solve("c64", {left, lower, unit, transpose}), ir::OpCode::kTriangularSolve, kF32);
        }
      }
    }
  }
}

// A device with long kernels for lines, and one with short ones.
std::vector<target::DeviceProfile> FourierProfiles() {
  target::DeviceProfile cpu;
  cpu.unrolling_is_costly = true;
  return {cpu, {}};
}

TEST(Decompose, TransformsOfSmoothAndPrimeLengths) {
  for (const target::DeviceProfile& profile : FourierProfiles()) {
    // One product or line, two factors, three factors, a prime product, a chirp, a prime and a smooth factor.
    for (const int64_t n : {1, 2, 5, 14, 64, 96, 4160, 127, 257, 272}) {
      ExpectDecomposed(Format(R"(module @m
func public @main(%x: tensor<2x{0}xc64>) {{
  %f = fft(%x) {{fft_type = 0, fft_length = [{0}]}} : tensor<2x{0}xc64>
  %i = fft(%x) {{fft_type = 1, fft_length = [{0}]}} : tensor<2x{0}xc64>
  return(%f, %i)
}})",
                              n),
                       ir::OpCode::kFft, 2e-4, profile);
    }
  }
}

TEST(Decompose, RealTransformsOfSeveralDimensions) {
  for (const target::DeviceProfile& profile : FourierProfiles()) {
    for (const int64_t n : {4, 7}) {
      ExpectDecomposed(Format(R"(module @m
func public @main(%x: tensor<3x5x{0}xf32>, %y: tensor<3x5x{1}xc64>) {{
  %f = fft(%x) {{fft_type = 2, fft_length = [5, {0}]}} : tensor<3x5x{1}xc64>
  %i = fft(%f) {{fft_type = 3, fft_length = [5, {0}]}} : tensor<3x5x{0}xf32>
  %g = fft(%f) {{fft_type = 0, fft_length = [3, 5, {1}]}} : tensor<3x5x{1}xc64>
  return(%f, %i, %g)
}})",
                              n, n / 2 + 1),
                       ir::OpCode::kFft, 1e-4, profile);
    }
  }
}

TEST(Decompose, RandomBitsOfEveryGeneratorAndType) {
  for (const int algorithm : {0, 1, 2}) {
    for (const char* type : {"tensor<5xui32>", "tensor<4x4xui32>", "tensor<3x5xui32>", "tensor<5x3xui64>",
                             "tensor<2x3x5xui16>", "tensor<7xui8>", "tensor<ui32>", "tensor<6xsi32>"}) {
      ExpectDecomposed(Format(R"(module @m
func public @main(%k: tensor<2xui64>) {{
  %big = constant() {{value = dense<[1311768467463790320, 18446744073709551614]>}} : tensor<2xui64>
  %s = add(%k, %big) : tensor<2xui64>
  %n, %b = rng_bit_generator(%s) {{rng_algorithm = {}}} : tensor<2xui64>, {}
  return(%n, %b)
}})",
                              algorithm, type),
                       ir::OpCode::kRngBitGenerator, 0);
    }
  }
}

TEST(Decompose, ApproximateTopKIsExact) {
  const std::string text = R"(module @m
func @gt(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<si32>, %d: tensor<si32>) {
  %e = compare(%a, %b) {comparison_direction = 3, compare_type = 1} : tensor<i1>
  return(%e)
}
func public @main(%x: tensor<4x16xf32>) {
  %low = constant() {value = dense<0xff800000>} : tensor<f32>
  %none = constant() {value = dense<-1>} : tensor<si32>
  %i = iota() {iota_dimension = 1} : tensor<4x16xsi32>
  %v, %j = custom_call(%x, %i, %low, %none) {call_target_name = "ApproxTopK", backend_config = "{reduction_dim = 1, top_k = 3}",
    has_side_effect = 0, called_computations = "gt"} : tensor<4x3xf32>, tensor<4x3xsi32>
  return(%v, %j)
})";
  auto module = ParseForTest(text);
  const target::DeviceProfile profile;
  ASSERT_TRUE(Decompose(*module, {profile}).ok());
  ASSERT_TRUE(ir::Verify(*module).ok());
  std::mt19937 random(3);
  const std::vector<ir::Literal> inputs = {RandomLiteral({DType::kF32, {4, 16}}, random)};
  const auto results = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(results.ok()) << results.status().message();
  for (int64_t row = 0; row < 4; ++row) {
    std::vector<double> values;
    for (int64_t i = 0; i < 16; ++i) values.push_back(reference::ElementAsDouble(inputs[0], row * 16 + i));
    std::sort(values.rbegin(), values.rend());
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_EQ(reference::ElementAsDouble((*results)[0], row * 3 + k), values[k]);
      const int64_t place = reference::ElementAsInt((*results)[1], row * 3 + k);
      EXPECT_EQ(reference::ElementAsDouble(inputs[0], row * 16 + place), values[k]);
    }
  }
}

// Of the sizes that people compute with: loops, and as few ops as of small ones.
TEST(Decompose, LargeOnesAreFewOps) {
  const struct {
    std::string_view op, parameters, result;
    size_t most_ops;
  } rows[] = {
      {"cholesky(%a) {lower = 1}", "%a: tensor<4096x4096xf32>", "4096x4096xf32", 400},
      {"cholesky(%a) {lower = 0}", "%a: tensor<1000x1000xf64>", "1000x1000xf64", 400},
      {"triangular_solve(%a, %b) {left_side = 1, lower = 1, unit_diagonal = 0, transpose_a = 1}",
       "%a: tensor<4096x4096xf32>, %b: tensor<4096x1024xf32>", "4096x1024xf32", 400},
      {"fft(%a) {fft_type = 0, fft_length = [1048576]}", "%a: tensor<1048576xc64>", "1048576xc64", 400},
      {"fft(%a) {fft_type = 0, fft_length = [50257]}", "%a: tensor<50257xc64>", "50257xc64", 400},
      {"fft(%a) {fft_type = 2, fft_length = [512, 512]}", "%a: tensor<3x512x512xf32>", "3x512x257xc64", 400},
      {"custom_call(%a) {call_target_name = \"Qr\", backend_config = \"\", has_side_effect = 0}",
       "%a: tensor<4096x1024xf32>", "4096x1024xf32>, tensor<1024xf32", 400},
  };
  for (const auto& row : rows) {
    auto module = ParseForTest(Format("module @m\nfunc public @main({0}) {{ %r{3} = {1} : tensor<{2}> return(%r) }}",
                                      row.parameters, row.op, row.result, row.op.starts_with("custom") ? ", %t" : ""));
    ASSERT_NE(module, nullptr) << row.op;
    const target::DeviceProfile profile;
    const auto result = Decompose(*module, {profile});
    ASSERT_TRUE(result.ok() && result->changed) << row.op;
    size_t ops = 0;
    ir::Walk(module->main()->body, [&](const ir::Op*) { ++ops; });
    EXPECT_LE(ops, row.most_ops) << row.op;
    EXPECT_TRUE(ir::Verify(*module).ok()) << row.op;
  }
}

}  // namespace
}  // namespace dragoman::passes
