// SPDX-License-Identifier: Apache-2.0
#include "reference/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/format.h"
#include "ir/text.h"

namespace dragoman::reference {
namespace {

// Runs the body of a main without parameters; its results as text.
std::vector<std::string> ResultsOf(const std::string& body, const std::string& other_functions = "") {
  auto module = ir::Parse("module @m\nfunc public @main() {\n" + body + "\n}\n" + other_functions);
  if (!module.ok()) return {module.status().message()};
  if (const Status verified = ir::Verify(**module); !verified.ok()) return {verified.message()};
  const auto results = Evaluate(**module, "main", {});
  if (!results.ok()) return {results.status().message()};
  std::vector<std::string> texts;
  for (const Literal& result : *results) texts.push_back(ir::PrintLiteral(result));
  return texts;
}

using Texts = std::vector<std::string>;

constexpr const char* kAdd = R"( (%a: tensor<f32>, %b: tensor<f32>) {
  %sum = add(%a, %b) : tensor<f32>
  return(%sum)
})";

TEST(Evaluator, ReduceSumsInWideArithmetic) {
  // One by one in f32 the ones would be lost.
  EXPECT_EQ(ResultsOf(std::string(R"(
    %x = constant() {value = dense<[16777216, 1, 1, 1, 1]>} : tensor<5xf32>
    %z = constant() {value = dense<0>} : tensor<f32>
    %r = reduce(%x, %z) {dimensions = [0]} : tensor<f32>)") +
                      kAdd + "return(%r)"),
            (Texts{"dense<16777220>"}));
}

TEST(Evaluator, ReduceCombinesPairsTogether) {
  // Largest value and its index, captured constants and all.
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[1, 5, 2, 9, 3, 9]>} : tensor<2x3xf32>
    %i = iota() {iota_dimension = 1} : tensor<2x3xsi32>
    %z = constant() {value = dense<-1>} : tensor<f32>
    %n = constant() {value = dense<0>} : tensor<si32>
    %v, %k = reduce(%x, %i, %z, %n) {dimensions = [1]} : tensor<2xf32>, tensor<2xsi32>
      (%a: tensor<f32>, %ai: tensor<si32>, %b: tensor<f32>, %bi: tensor<si32>) {
        %keep = compare(%a, %b) {comparison_direction = 2, compare_type = 1} : tensor<i1>
        %value = select(%keep, %a, %b) : tensor<f32>
        %index = select(%keep, %ai, %bi) : tensor<si32>
        return(%value, %index)
      }
    return(%v, %k))"),
            (Texts{"dense<[5, 9]>", "dense<[1, 0]>"}));
}

TEST(Evaluator, ScanIsInclusiveInBothDirections) {
  const std::string input = R"(
    %x = constant() {value = dense<[1, 2, 3, 4]>} : tensor<4xf32>
    %z = constant() {value = dense<10>} : tensor<f32>
    %r = scan(%x, %z) {dimension = 0, is_reverse = )";
  EXPECT_EQ(ResultsOf(input + "0} : tensor<4xf32>" + kAdd + "return(%r)"), (Texts{"dense<[11, 13, 16, 20]>"}));
  EXPECT_EQ(ResultsOf(input + "1} : tensor<4xf32>" + kAdd + "return(%r)"), (Texts{"dense<[20, 19, 17, 14]>"}));
}

TEST(Evaluator, ReduceWindowSkipsPaddingAndHoles) {
  EXPECT_EQ(ResultsOf(std::string(R"(
    %x = constant() {value = dense<[1, 2, 3]>} : tensor<3xf32>
    %z = constant() {value = dense<100>} : tensor<f32>
    %r = reduce_window(%x, %z) {window_dimensions = [2], window_strides = [1], base_dilations = [2],
      window_dilations = [3], padding = [1, 1]} : tensor<4xf32>)") +
                      kAdd + "return(%r)"),
            // Positions of the dilated and padded input: _ 1 _ 2 _ 3 _.
            (Texts{"dense<[102, 101, 103, 102]>"}));
}

TEST(Evaluator, SelectAndScatterSendsToTheFirstOfEquals) {
  EXPECT_EQ(ResultsOf(std::string(R"(
    %x = constant() {value = dense<[3, 3, 1, 4]>} : tensor<4xf32>
    %s = constant() {value = dense<[10, 20]>} : tensor<2xf32>
    %z = constant() {value = dense<0>} : tensor<f32>
    %r = select_and_scatter(%x, %s, %z) {window_dimensions = [2], window_strides = [2], padding = [0, 0]}
      : tensor<4xf32> (%c: tensor<f32>, %d: tensor<f32>) {
        %ge = compare(%c, %d) {comparison_direction = 2, compare_type = 1} : tensor<i1>
        return(%ge)
      })") + kAdd + "return(%r)"),
            (Texts{"dense<[10, 0, 0, 20]>"}));
}

TEST(Evaluator, SortIsStableAndMovesAllOperands) {
  EXPECT_EQ(ResultsOf(R"(
    %k = constant() {value = dense<[3, 1, 3, 1]>} : tensor<4xsi32>
    %v = constant() {value = dense<[0, 1, 2, 3]>} : tensor<4xsi32>
    %a, %b = sort(%k, %v) {dimension = 0, is_stable = 1} : tensor<4xsi32>, tensor<4xsi32>
      (%l: tensor<si32>, %r: tensor<si32>, %lv: tensor<si32>, %rv: tensor<si32>) {
        %gt = compare(%l, %r) {comparison_direction = 3, compare_type = 3} : tensor<i1>
        return(%gt)
      }
    return(%a, %b))"),
            (Texts{"dense<[3, 3, 1, 1]>", "dense<[0, 2, 1, 3]>"}));
}

TEST(Evaluator, GatherClampsAndScatterDropsWholeWindows) {
  const std::string input = R"(
    %x = constant() {value = dense<[0, 1, 2, 3, 4]>} : tensor<5xf32>
    %i = constant() {value = dense<[-3, 1, 4]>} : tensor<3x1xsi32>
  )";
  EXPECT_EQ(ResultsOf(input + R"(%r = gather(%x, %i) {offset_dims = [1], collapsed_slice_dims = [],
      operand_batching_dims = [], start_indices_batching_dims = [], start_index_map = [0], index_vector_dim = 1,
      slice_sizes = [2], indices_are_sorted = 0} : tensor<3x2xf32>
    return(%r))"),
            (Texts{"dense<[0, 1, 1, 2, 3, 4]>"}));
  EXPECT_EQ(ResultsOf(input + R"(
    %u = constant() {value = dense<[10, 20, 30, 40, 50, 60]>} : tensor<3x2xf32>
    %r = scatter(%x, %i, %u) {update_window_dims = [1], inserted_window_dims = [], input_batching_dims = [],
      scatter_indices_batching_dims = [], scatter_dims_to_operand_dims = [0], index_vector_dim = 1,
      indices_are_sorted = 0, unique_indices = 0} : tensor<5xf32>)" +
                      kAdd + "return(%r)"),
            (Texts{"dense<[0, 31, 42, 3, 4]>"}));
}

TEST(Evaluator, DynamicSlicesStayInside) {
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[0, 1, 2, 3, 4]>} : tensor<5xsi32>
    %big = constant() {value = dense<18446744073709551615>} : tensor<ui64>
    %low = constant() {value = dense<-7>} : tensor<si32>
    %u = constant() {value = dense<[8, 9]>} : tensor<2xsi32>
    %a = dynamic_slice(%x, %big) {slice_sizes = [2]} : tensor<2xsi32>
    %b = dynamic_update_slice(%x, %u, %low) : tensor<5xsi32>
    return(%a, %b))"),
            (Texts{"dense<[3, 4]>", "dense<[8, 9, 2, 3, 4]>"}));
}

TEST(Evaluator, PadInsertsAndCuts) {
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[1, 2, 3]>} : tensor<3xsi32>
    %z = constant() {value = dense<0>} : tensor<si32>
    %r = pad(%x, %z) {edge_padding_low = [-1], edge_padding_high = [2], interior_padding = [1]} : tensor<6xsi32>
    return(%r))"),
            (Texts{"dense<[0, 2, 0, 3, 0, 0]>"}));
}

TEST(Evaluator, MovementKeepsSplats) {
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<7>} : tensor<si32>
    %b = broadcast_in_dim(%x) {broadcast_dimensions = []} : tensor<1000000x1000xsi32>
    %n = negate(%b) : tensor<1000000x1000xsi32>
    %t = transpose(%n) {permutation = [1, 0]} : tensor<1000x1000000xsi32>
    %s = slice(%t) {start_indices = [0, 0], limit_indices = [1, 2], strides = [1, 1]} : tensor<1x2xsi32>
    return(%s))"),
            (Texts{"dense<-7>"}));
}

TEST(Evaluator, BitcastSplitsLeastSignificantFirst) {
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[67305985, -1]>} : tensor<2xsi32>
    %b = bitcast_convert(%x) : tensor<2x4xui8>
    %w = bitcast_convert(%b) : tensor<2xsi32>
    %n = constant() {value = dense<[33, 2]>} : tensor<2xui8>
    %h = bitcast_convert(%n) : tensor<2x2xui4>
    return(%b, %w, %h))"),
            (Texts{"dense<[1, 2, 3, 4, 255, 255, 255, 255]>", "dense<[67305985, -1]>", "dense<[1, 2, 2, 0]>"}));
}

TEST(Evaluator, DotGeneralTakesDimensionsWhereverTheyAre) {
  EXPECT_EQ(ResultsOf(R"(
    %a = constant() {value = dense<[1, 2, 3, 4, 5, 6]>} : tensor<3x2xsi8>
    %b = constant() {value = dense<[100, 1, 0, 0, 100, 1]>} : tensor<2x3xsi8>
    %r = dot_general(%a, %b) {lhs_batching_dimensions = [1], rhs_batching_dimensions = [0],
      lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [1], precision = 0} : tensor<2xsi32>
    return(%r))"),
            (Texts{"dense<[103, 406]>"}));
}

TEST(Evaluator, ConvolutionKnowsGroupsDilationAndReversal) {
  const std::string shared = R"(window_strides = [1], window_reversal = [1], input_batch_dimension = 0,
      input_feature_dimension = 1, input_spatial_dimensions = [2], kernel_output_feature_dimension = 0,
      kernel_input_feature_dimension = 1, kernel_spatial_dimensions = [2], output_batch_dimension = 0,
      output_feature_dimension = 1, output_spatial_dimensions = [2], precision = 0, )";
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[1, 2, 3, 10, 20, 30]>} : tensor<1x2x3xf32>
    %k = constant() {value = dense<[1, 2, 3, 4]>} : tensor<2x1x2xf32>
    %r = convolution(%x, %k) {)" +
                      shared +
                      R"(padding = [1, 0], lhs_dilation = [1], rhs_dilation = [2],
      feature_group_count = 2, batch_group_count = 1} : tensor<1x2x2xf32>
    return(%r))"),
            // Taps two apart, the kernel backwards: r[p] = 2 x[p - 1] + 1 x[p + 1], and 4, 3 for the second group.
            (Texts{"dense<[2, 5, 60, 130]>"}));
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[1, 2, 3, 10, 20, 30]>} : tensor<2x1x3xf32>
    %k = constant() {value = dense<[1, 0, 0, 0, 0, 1]>} : tensor<2x1x3xf32>
    %r = convolution(%x, %k) {)" +
                      shared +
                      R"(padding = [0, 0], lhs_dilation = [1], rhs_dilation = [1],
      feature_group_count = 1, batch_group_count = 2} : tensor<1x2x1xf32>
    return(%r))"),
            (Texts{"dense<[3, 10]>"}));
}

TEST(Evaluator, FactorsAndSolves) {
  EXPECT_EQ(ResultsOf(R"(
    %a = constant() {value = dense<[4, 99, 2, 10]>} : tensor<2x2xf64>
    %l = cholesky(%a) {lower = 1} : tensor<2x2xf64>
    %b = constant() {value = dense<[8, 13]>} : tensor<2x1xf64>
    %x = triangular_solve(%l, %b) {left_side = 1, lower = 1, unit_diagonal = 0, transpose_a = 1} : tensor<2x1xf64>
    %bt = reshape(%b) : tensor<1x2xf64>
    %y = triangular_solve(%l, %bt) {left_side = 0, lower = 1, unit_diagonal = 1, transpose_a = 2} : tensor<1x2xf64>
    %bad = constant() {value = dense<[1, 0, 2, 1]>} : tensor<2x2xf64>
    %nan = cholesky(%bad) {lower = 0} : tensor<2x2xf64>
    %bad_lower = cholesky(%bad) {lower = 1} : tensor<2x2xf64>
    %corner = slice(%bad_lower) {start_indices = [0, 0], limit_indices = [1, 1], strides = [1, 1]} : tensor<1x1xf64>
    %is_nan = compare(%corner, %corner) {comparison_direction = 1, compare_type = 1} : tensor<1x1xi1>
    return(%l, %x, %y, %nan, %is_nan))"),
            (Texts{"dense<[2, 0, 1, 3]>", "dense<[4, 3]>", "dense<[8, 5]>", "dense<[1, 0, 0, 1]>", "dense<true>"}));
}

TEST(Evaluator, QrGivesTheMatrixBack) {
  auto module = ir::Parse(R"(module @m
func public @main(%a: tensor<4x3xf64>) {
  %packed, %taus = custom_call(%a) {call_target_name = "Qr", backend_config = "", has_side_effect = 0}
    : tensor<4x3xf64>, tensor<3xf64>
  %q = custom_call(%packed, %taus) {call_target_name = "ProductOfElementaryHouseholderReflectors",
    backend_config = "", has_side_effect = 0} : tensor<4x3xf64>
  return(%packed, %q)
})");
  ASSERT_TRUE(module.ok()) << module.status().message();
  const std::vector<double> a = {1, 2, 3, -4, 5, 6, 7, -8, 9, 0, 1, 2};
  const auto results = Evaluate(**module, "main", std::vector{LiteralFromDoubles({DType::kF64, {4, 3}}, a)});
  ASSERT_TRUE(results.ok()) << results.status().message();
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 3; ++j) {
      double product = 0;
      for (int k = 0; k <= j; ++k) {
        product += ElementAsDouble((*results)[1], 3 * i + k) * ElementAsDouble((*results)[0], 3 * k + j);
      }
      EXPECT_NEAR(product, a[3 * i + j], 1e-12);
    }
  }
}

TEST(Evaluator, FourierTransformsInvert) {
  auto module = ir::Parse(R"(module @m
func public @main(%x: tensor<3x5xf64>) {
  %s = fft(%x) {fft_type = 2, fft_length = [3, 5]} : tensor<3x3xc128>
  %y = fft(%s) {fft_type = 3, fft_length = [3, 5]} : tensor<3x5xf64>
  %c = convert(%x) : tensor<3x5xc128>
  %f = fft(%c) {fft_type = 0, fft_length = [5]} : tensor<3x5xc128>
  %i = fft(%f) {fft_type = 1, fft_length = [5]} : tensor<3x5xc128>
  return(%y, %i, %f)
})");
  ASSERT_TRUE(module.ok()) << module.status().message();
  std::vector<double> x(15);
  for (int i = 0; i < 15; ++i) x[i] = std::sin(i * i);
  const auto results = Evaluate(**module, "main", std::vector{LiteralFromDoubles({DType::kF64, {3, 5}}, x)});
  ASSERT_TRUE(results.ok()) << results.status().message();
  double sum = 0;
  for (int i = 0; i < 15; ++i) {
    EXPECT_NEAR(ElementAsDouble((*results)[0], i), x[i], 1e-12);
    EXPECT_NEAR(ElementAsDouble((*results)[1], i), x[i], 1e-12);
    if (i < 5) sum += x[i];
  }
  EXPECT_NEAR(ElementAsDouble((*results)[2], 0), sum, 1e-12);
}

TEST(Evaluator, GeneratorsGiveThePublishedWords) {
  // The known answers of Random123 for a zero key and counter, and StableHLO's example of THREE_FRY.
  const std::string zero = "%s = constant() {value = dense<0>} : tensor<2xui64>\n";
  EXPECT_EQ(
      ResultsOf(zero + R"(%a, %r = rng_bit_generator(%s) {rng_algorithm = 2} : tensor<2xui64>, tensor<4xui32>
    return(%r, %a))"),
      (Texts{Format("dense<[{}, {}, {}, {}]>", 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), "dense<[0, 1]>"}));
  EXPECT_EQ(ResultsOf(zero + R"(%a, %r = rng_bit_generator(%s) {rng_algorithm = 1} : tensor<2xui64>, tensor<2xui32>
    return(%r, %a))"),
            (Texts{Format("dense<[{}, {}]>", 0x6b200159u, 0x99ba4efeu), "dense<[0, 1]>"}));
  EXPECT_EQ(ResultsOf(R"(%s = constant() {value = dense<[1, 2]>} : tensor<2xui64>
    %a, %r = rng_bit_generator(%s) {rng_algorithm = 1} : tensor<2xui64>, tensor<2x2xui64>
    return(%r, %a))"),
            (Texts{"dense<[9236835810183407956, 16087790271692313299, 18212823393184779219, 2658481902456610144]>",
                   "dense<[1, 6]>"}));
}

TEST(Evaluator, ControlFlowSeesOuterValues) {
  EXPECT_EQ(ResultsOf(R"(
    %i = constant() {value = dense<0>} : tensor<si32>
    %n = constant() {value = dense<5>} : tensor<si32>
    %one = constant() {value = dense<1>} : tensor<si32>
    %k, %f = while(%i, %one) : tensor<si32>, tensor<si32> (%a: tensor<si32>, %b: tensor<si32>) {
      %lt = compare(%a, %n) {comparison_direction = 5, compare_type = 3} : tensor<i1>
      return(%lt)
    } (%c: tensor<si32>, %d: tensor<si32>) {
      %next = add(%c, %one) : tensor<si32>
      %product = call(%d, %next) {callee = "times"} : tensor<si32>
      return(%next, %product)
    }
    %high = constant() {value = dense<9>} : tensor<si32>
    %r = case(%high) : tensor<si32> () {
      return(%one)
    } () {
      return(%f)
    }
    return(%k, %r))",
                      R"(func @times(%a: tensor<si32>, %b: tensor<si32>) {
      %p = multiply(%a, %b) : tensor<si32>
      return(%p)
    })"),
            (Texts{"dense<5>", "dense<120>"}));
}

TEST(Evaluator, RunsRegionsThatAreNoPlainScalarPrograms) {
  // A region with a reshape runs op by op.
  EXPECT_EQ(ResultsOf(R"(
    %x = constant() {value = dense<[1, 2, 3]>} : tensor<3xf32>
    %z = constant() {value = dense<0>} : tensor<f32>
    %r = reduce(%x, %z) {dimensions = [0]} : tensor<f32> (%a: tensor<f32>, %b: tensor<f32>) {
      %v = reshape(%b) : tensor<1xf32>
      %w = reshape(%v) : tensor<f32>
      %s = add(%a, %w) : tensor<f32>
      return(%s)
    }
    return(%r))"),
            (Texts{"dense<6>"}));
}

TEST(Evaluator, EmptyTensorsAreFine) {
  EXPECT_EQ(ResultsOf(std::string(R"(
    %x = constant() {value = dense<[]>} : tensor<0x3xf32>
    %z = constant() {value = dense<4>} : tensor<f32>
    %n = negate(%x) : tensor<0x3xf32>
    %r = reduce(%n, %z) {dimensions = [0]} : tensor<3xf32>)") +
                      kAdd + "return(%r)"),
            (Texts{"dense<[4, 4, 4]>"}));
}

TEST(Evaluator, SaysWhatItDoesNotEvaluate) {
  const Texts texts = ResultsOf(R"(
    %x = constant() {value = dense<1>} : tensor<f32>
    %r = custom_call(%x) {call_target_name = "mystery", backend_config = "", has_side_effect = 0} : tensor<f32>
    return(%r))");
  EXPECT_EQ(texts, (Texts{"The custom call mystery is not evaluated."}));
}

TEST(Evaluator, RefusesInputsOfOtherTypes) {
  auto module = ir::Parse("module @m\nfunc public @main(%x: tensor<2xf32>) {\nreturn(%x)\n}\n");
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(Evaluate(**module, "main", {}).status().code(), StatusCode::kInvalidArgument);
  const std::vector<double> values = {1, 2};
  const Literal wrong = LiteralFromDoubles({DType::kF64, {2}}, values);
  EXPECT_EQ(Evaluate(**module, "main", std::vector{wrong}).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dragoman::reference
