// SPDX-License-Identifier: Apache-2.0
// The programs of arithmetic.h.
#include "cli/arithmetic.h"

namespace dragoman::cli {
namespace {

constexpr std::string_view kLongLoops = R"((%0: tensor<3x70001xf32>, %1: tensor<70001x3xf32>) {
  %2 = dot_general(%0, %1) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
    lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<3x3xf32>
  %3 = constant() {value = dense<0>} : tensor<f32>
  %4 = reduce(%1, %3) {dimensions = [0]} : tensor<3xf32> (%a: tensor<f32>, %b: tensor<f32>) {
    %s = add(%a, %b) : tensor<f32> return(%s) }
  %5 = reduce(%0, %3) {dimensions = [1]} : tensor<3xf32> (%c: tensor<f32>, %d: tensor<f32>) {
    %t = add(%c, %d) : tensor<f32> return(%t) }
  return(%2, %4, %5)
})";

constexpr std::string_view kWidened =
    R"((%0: tensor<400xsi32>, %1: tensor<400xsi32>, %2: tensor<400xi1>, %3: tensor<400xsi8>, %4: tensor<400xui32>) {
  %5 = convert(%0) : tensor<400xsi64>
  %6 = convert(%1) : tensor<400xsi64>
  %7 = select(%2, %5, %6) : tensor<400xsi64>
  %8 = constant() {value = dense<2>} : tensor<400xsi64>
  %9 = compare(%7, %8) {comparison_direction = 5, compare_type = 3} : tensor<400xi1>
  %10 = compare(%5, %8) {comparison_direction = 2, compare_type = 3} : tensor<400xi1>
  %11 = compare(%8, %7) {comparison_direction = 4, compare_type = 3} : tensor<400xi1>
  %12 = maximum(%7, %8) : tensor<400xsi64>
  %13 = abs(%7) : tensor<400xsi64>
  %14 = sign(%5) : tensor<400xsi64>
  %15 = convert(%3) : tensor<400xsi64>
  %16 = minimum(%15, %8) : tensor<400xsi64>
  %17 = compare(%15, %5) {comparison_direction = 5, compare_type = 3} : tensor<400xi1>
  %18 = convert(%4) : tensor<400xsi64>
  %19 = compare(%18, %8) {comparison_direction = 3, compare_type = 3} : tensor<400xi1>
  %20 = iota() {iota_dimension = 0} : tensor<400xsi64>
  %21 = compare(%20, %8) {comparison_direction = 2, compare_type = 3} : tensor<400xi1>
  return(%9, %10, %11, %12, %13, %14, %16, %17, %19, %21)
})";

constexpr std::string_view kZeroProducts = R"((%0: tensor<400xf32>) {
  %1 = constant() {value = dense<0>} : tensor<400xf32>
  %2 = multiply(%0, %1) : tensor<400xf32>
  %3 = divide(%1, %0) : tensor<400xf32>
  %4 = divide(%0, %1) : tensor<400xf32>
  return(%2, %3, %4)
})";

constexpr std::string_view kDivisions = R"((%0: tensor<400xf32>, %1: tensor<400xf32>) {
  %2 = divide(%0, %1) : tensor<400xf32>
  %3 = atan2(%0, %1) : tensor<400xf32>
  return(%2, %3)
})";

constexpr std::string_view kRemainders = R"((%0: tensor<400xf32>, %1: tensor<400xf32>, %2: tensor<400xsi32>,
    %3: tensor<400xsi32>, %4: tensor<400xsi64>, %5: tensor<400xsi64>) {
  %6 = remainder(%0, %1) : tensor<400xf32>
  %7 = remainder(%2, %3) : tensor<400xsi32>
  %8 = remainder(%4, %5) : tensor<400xsi64>
  return(%6, %7, %8)
})";

// Pairs of calls in one invocation, each followed by the addition of a constant.
constexpr std::string_view kLongDivisions = R"((%0: tensor<400xsi64>, %1: tensor<400xui64>, %2: tensor<400xsi64>) {
  %3 = constant() {value = dense<127>} : tensor<400xsi64>
  %4 = constant() {value = dense<3>} : tensor<400xui64>
  %5 = remainder(%0, %3) : tensor<400xsi64>
  %6 = add(%5, %3) : tensor<400xsi64>
  %7 = divide(%0, %2) : tensor<400xsi64>
  %8 = add(%7, %3) : tensor<400xsi64>
  %9 = divide(%1, %4) : tensor<400xui64>
  %10 = subtract(%9, %4) : tensor<400xui64>
  return(%6, %8, %10)
})";

constexpr std::string_view kNan = R"((%0: tensor<400xf32>, %1: tensor<400xf32>) {
  %2 = compare(%0, %0) {comparison_direction = 1, compare_type = 1} : tensor<400xi1>
  %3 = is_finite(%0) : tensor<400xi1>
  %4 = maximum(%0, %1) : tensor<400xf32>
  %5 = minimum(%0, %1) : tensor<400xf32>
  %6 = compare(%0, %1) {comparison_direction = 5, compare_type = 1} : tensor<400xi1>
  %7 = compare(%0, %1) {comparison_direction = 2, compare_type = 1} : tensor<400xi1>
  %8 = sign(%0) : tensor<400xf32>
  %9 = constant() {value = dense<0>} : tensor<400xf32>
  %10 = abs(%0) : tensor<400xf32>
  %11 = compare(%10, %9) {comparison_direction = 2, compare_type = 1} : tensor<400xi1>
  %12 = multiply(%0, %0) : tensor<400xf32>
  %13 = compare(%12, %9) {comparison_direction = 2, compare_type = 1} : tensor<400xi1>
  %14 = maximum(%0, %9) : tensor<400xf32>
  %15 = compare(%14, %9) {comparison_direction = 2, compare_type = 1} : tensor<400xi1>
  %16 = negate(%10) : tensor<400xf32>
  %17 = exponential(%16) : tensor<400xf32>
  %18 = compare(%17, %9) {comparison_direction = 2, compare_type = 1} : tensor<400xi1>
  return(%2, %3, %4, %5, %6, %7, %8, %11, %13, %15, %17, %18)
})";

constexpr std::string_view kLimits = R"((%0: tensor<400xf32>) {
  %1 = constant() {value = dense<1>} : tensor<400xf32>
  %2 = constant() {value = dense<-1>} : tensor<400xf32>
  %3 = tanh(%0) : tensor<400xf32>
  %4 = compare(%3, %1) {comparison_direction = 0, compare_type = 1} : tensor<400xi1>
  %5 = logistic(%0) : tensor<400xf32>
  %6 = compare(%5, %1) {comparison_direction = 0, compare_type = 1} : tensor<400xi1>
  %7 = exponential_minus_one(%0) : tensor<400xf32>
  %8 = compare(%7, %2) {comparison_direction = 0, compare_type = 1} : tensor<400xi1>
  return(%4, %6, %8)
})";

constexpr std::string_view kFunctions = R"((%0: tensor<400xf32>, %1: tensor<400xf32>) {
  %2 = exponential(%0) : tensor<400xf32>
  %3 = exponential_minus_one(%0) : tensor<400xf32>
  %4 = log(%0) : tensor<400xf32>
  %5 = log_plus_one(%0) : tensor<400xf32>
  %6 = tanh(%0) : tensor<400xf32>
  %7 = logistic(%0) : tensor<400xf32>
  %8 = sine(%0) : tensor<400xf32>
  %9 = cosine(%0) : tensor<400xf32>
  %10 = sqrt(%0) : tensor<400xf32>
  %11 = rsqrt(%0) : tensor<400xf32>
  %12 = cbrt(%0) : tensor<400xf32>
  %13 = power(%0, %1) : tensor<400xf32>
  return(%2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13)
})";

constexpr std::string_view kWideFloats = R"((%0: tensor<400xf64>, %1: tensor<400xf64>) {
  %2 = multiply(%0, %1) : tensor<400xf64>
  %3 = divide(%0, %1) : tensor<400xf64>
  %4 = exponential(%0) : tensor<400xf64>
  %5 = log(%0) : tensor<400xf64>
  %6 = tanh(%0) : tensor<400xf64>
  %7 = sine(%0) : tensor<400xf64>
  %8 = sqrt(%0) : tensor<400xf64>
  %9 = compare(%0, %1) {comparison_direction = 5, compare_type = 1} : tensor<400xi1>
  %10 = convert(%0) : tensor<400xf32>
  return(%2, %3, %4, %5, %6, %7, %8, %9, %10)
})";

constexpr std::string_view kIntegerProgram = R"((%0: tensor<400xsi32>, %1: tensor<400xsi32>, %2: tensor<400xsi64>,
    %3: tensor<400xsi64>, %4: tensor<400xui32>, %5: tensor<400xui32>) {
  %6 = multiply(%0, %1) : tensor<400xsi32>
  %7 = divide(%0, %1) : tensor<400xsi32>
  %8 = shift_left(%0, %1) : tensor<400xsi32>
  %9 = shift_right_arithmetic(%0, %1) : tensor<400xsi32>
  %10 = count_leading_zeros(%0) : tensor<400xsi32>
  %11 = popcnt(%2) : tensor<400xsi64>
  %12 = multiply(%2, %3) : tensor<400xsi64>
  %13 = divide(%2, %3) : tensor<400xsi64>
  %14 = shift_right_logical(%2, %3) : tensor<400xsi64>
  %15 = divide(%4, %5) : tensor<400xui32>
  %16 = remainder(%4, %5) : tensor<400xui32>
  %17 = compare(%4, %5) {comparison_direction = 5, compare_type = 4} : tensor<400xi1>
  return(%6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17)
})";

constexpr std::string_view kNarrow = R"((%0: tensor<400xsi8>, %1: tensor<400xsi8>, %2: tensor<400xui8>,
    %3: tensor<400xui8>, %4: tensor<400xsi16>, %5: tensor<400xsi16>, %6: tensor<400xf16>, %7: tensor<400xf16>,
    %8: tensor<400xbf16>, %9: tensor<400xbf16>) {
  %10 = add(%0, %1) : tensor<400xsi8>
  %11 = multiply(%2, %3) : tensor<400xui8>
  %12 = subtract(%4, %5) : tensor<400xsi16>
  %13 = multiply(%6, %7) : tensor<400xf16>
  %14 = add(%8, %9) : tensor<400xbf16>
  %15 = compare(%0, %1) {comparison_direction = 5, compare_type = 3} : tensor<400xi1>
  return(%10, %11, %12, %13, %14, %15)
})";

constexpr std::string_view kConversions = R"((%0: tensor<400xf32>, %1: tensor<400xsi64>, %2: tensor<400xui64>) {
  %3 = convert(%0) : tensor<400xsi32>
  %4 = convert(%0) : tensor<400xui8>
  %5 = convert(%0) : tensor<400xui32>
  %6 = convert(%0) : tensor<400xsi64>
  %7 = convert(%0) : tensor<400xf16>
  %8 = convert(%0) : tensor<400xbf16>
  %9 = convert(%0) : tensor<400xf8E4M3FN>
  %10 = convert(%1) : tensor<400xf32>
  %11 = convert(%2) : tensor<400xf32>
  %12 = convert(%1) : tensor<400xsi16>
  %13 = convert(%12) : tensor<400xf16>
  %14 = convert(%13) : tensor<400xf32>
  return(%3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %14)
})";

constexpr std::string_view kPooling = R"((%0: tensor<52x13x13x2xf32>, %1: tensor<52x6x6x2xf32>) {
  %2 = constant() {value = dense<0>} : tensor<f32>
  %3 = select_and_scatter(%0, %1, %2) {window_dimensions = [1, 3, 3, 1], window_strides = [1, 2, 2, 1],
    padding = [0, 0, 0, 0, 0, 0, 0, 0]} : tensor<52x13x13x2xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = compare(%a, %b) {comparison_direction = 2, compare_type = 1} : tensor<i1> return(%c)
    } (%d: tensor<f32>, %e: tensor<f32>) { %f = add(%d, %e) : tensor<f32> return(%f) }
  %4 = constant() {value = dense<0xff800000>} : tensor<f32>
  %5 = reduce_window(%0, %4) {window_dimensions = [1, 3, 3, 1], window_strides = [1, 2, 2, 1],
    base_dilations = [1, 1, 1, 1], window_dilations = [1, 1, 1, 1], padding = [0, 0, 0, 0, 0, 0, 0, 0]}
    : tensor<52x6x6x2xf32> (%g: tensor<f32>, %h: tensor<f32>) { %i = maximum(%g, %h) : tensor<f32> return(%i) }
  return(%3, %5)
})";

constexpr std::string_view kOrder = R"((%0: tensor<3000xsi32>, %1: tensor<5000xsi32>, %2: tensor<400x1xsi32>,
    %3: tensor<400xsi32>, %4: tensor<64xsi32>) {
  %5 = iota() {iota_dimension = 0} : tensor<3000xsi32>
  %6, %7 = sort(%0, %5) {dimension = 0, is_stable = 1} : tensor<3000xsi32>, tensor<3000xsi32>
    (%l: tensor<si32>, %r: tensor<si32>, %lv: tensor<si32>, %rv: tensor<si32>) {
      %lt = compare(%l, %r) {comparison_direction = 5, compare_type = 3} : tensor<i1> return(%lt) }
  %8 = constant() {value = dense<0>} : tensor<si32>
  %9 = scan(%1, %8) {dimension = 0, is_reverse = 0} : tensor<5000xsi32> (%a: tensor<si32>, %b: tensor<si32>) {
    %c = add(%a, %b) : tensor<si32> return(%c) }
  %10 = scatter(%4, %2, %3) {update_window_dims = [], inserted_window_dims = [0], input_batching_dims = [],
    scatter_indices_batching_dims = [], scatter_dims_to_operand_dims = [0], index_vector_dim = 1,
    indices_are_sorted = 0, unique_indices = 0} : tensor<64xsi32> (%d: tensor<si32>, %e: tensor<si32>) {
    %f = add(%d, %e) : tensor<si32> return(%f) }
  %11 = gather(%1, %2) {offset_dims = [], collapsed_slice_dims = [0], operand_batching_dims = [],
    start_indices_batching_dims = [], start_index_map = [0], index_vector_dim = 1, slice_sizes = [1],
    indices_are_sorted = 0} : tensor<400xsi32>
  return(%6, %7, %9, %10, %11)
})";

constexpr std::string_view kReductions = R"((%0: tensor<37x200xf32>, %1: tensor<20x20xf32>, %2: tensor<37x200xsi8>) {
  %3 = constant() {value = dense<0>} : tensor<f32>
  %4 = constant() {value = dense<0xff800000>} : tensor<f32>
  %5 = reduce(%0, %3) {dimensions = [0, 1]} : tensor<f32> (%a: tensor<f32>, %b: tensor<f32>) {
    %c = add(%a, %b) : tensor<f32> return(%c) }
  %6 = reduce(%1, %4) {dimensions = [1]} : tensor<20xf32> (%d: tensor<f32>, %e: tensor<f32>) {
    %f = maximum(%d, %e) : tensor<f32> return(%f) }
  %7 = constant() {value = dense<0>} : tensor<si8>
  %8 = reduce(%2, %7) {dimensions = [0]} : tensor<200xsi8> (%g: tensor<si8>, %h: tensor<si8>) {
    %i = add(%g, %h) : tensor<si8> return(%i) }
  return(%5, %6, %8)
})";

constexpr Trap kTraps[] = {
    {"loops of more than 65,535 iterations", kLongLoops},
    {"comparisons of integers widened to 64 bits", kWidened},
    {"products and quotients with zero", kZeroProducts},
    {"divisions by numbers beyond 2^126", kDivisions, 1e-6},
    {"remainders of negative numbers", kRemainders},
    {"pairs of divisions of 64-bit integers", kLongDivisions},
    {"NaN in comparisons, minimum and maximum", kNan, 2e-6},
    {"functions at their limits", kLimits},
    {"functions", kFunctions, 2e-6},
    {"64-bit floats", kWideFloats, 1e-14},
    {"integers", kIntegerProgram},
    {"types narrower than 32 bits", kNarrow},
    {"conversions", kConversions},
    {"pooling and its gradient", kPooling},
    {"sort, scan, scatter and gather", kOrder},
    {"reductions", kReductions},
};

}  // namespace

std::span<const Trap> Traps() { return kTraps; }

}  // namespace dragoman::cli
