// SPDX-License-Identifier: Apache-2.0
#include "passes/distribute_loops.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

constexpr std::string_view kDot = R"(lhs_batching_dimensions = [], rhs_batching_dimensions = [],
      lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0)";

// h' = tanh(x_t W + h U), with its residuals collected: a recurrent layer, forward. `last` is the place written by
// iteration t.
std::string Forward(std::string_view place) {
  return Format(R"(module @m
func public @main(%x: tensor<6x2x3xf32>, %w: tensor<3x4xf32>, %u: tensor<4x4xf32>, %h0: tensor<2x4xf32>, %b: tensor<6x2x4xf32>) {{
  %zero = constant() {{value = dense<0>}} : tensor<si32>
  %one = constant() {{value = dense<1>}} : tensor<si32>
  %five = constant() {{value = dense<5>}} : tensor<si32>
  %six = constant() {{value = dense<6>}} : tensor<si32>
  %ones = constant() {{value = dense<1>}} : tensor<2x4xf32>
  %i, %h, %hs, %ps, %ds = while(%zero, %h0, %b, %b, %b) {{trip_count = 6}} : tensor<si32>, tensor<2x4xf32>, tensor<6x2x4xf32>,
    tensor<6x2x4xf32>, tensor<6x2x4xf32>
    (%a: tensor<si32>, %c: tensor<2x4xf32>, %d: tensor<6x2x4xf32>, %e: tensor<6x2x4xf32>, %f: tensor<6x2x4xf32>) {{
    %go = compare(%a, %six) {{comparison_direction = 5, compare_type = 0}} : tensor<i1>
    return(%go)
  }} (%t: tensor<si32>, %hp: tensor<2x4xf32>, %s0: tensor<6x2x4xf32>, %s1: tensor<6x2x4xf32>, %s2: tensor<6x2x4xf32>) {{
    %rev = subtract(%five, %t) : tensor<si32>
    %row = dynamic_slice(%x, {0}, %zero, %zero) {{slice_sizes = [1, 2, 3]}} : tensor<1x2x3xf32>
    %xt = reshape(%row) : tensor<2x3xf32>
    %xw = dot_general(%xt, %w) {{{1}}} : tensor<2x4xf32>
    %hu = dot_general(%hp, %u) {{{1}}} : tensor<2x4xf32>
    %z = add(%xw, %hu) : tensor<2x4xf32>
    %hn = tanh(%z) : tensor<2x4xf32>
    %sq = multiply(%hn, %hn) : tensor<2x4xf32>
    %der = subtract(%ones, %sq) : tensor<2x4xf32>
    %r0 = reshape(%hn) : tensor<1x2x4xf32>
    %r1 = reshape(%hp) : tensor<1x2x4xf32>
    %r2 = reshape(%der) : tensor<1x2x4xf32>
    %n0 = dynamic_update_slice(%s0, %r0, {0}, %zero, %zero) : tensor<6x2x4xf32>
    %n1 = dynamic_update_slice(%s1, %r1, {0}, %zero, %zero) : tensor<6x2x4xf32>
    %n2 = dynamic_update_slice(%s2, %r2, {0}, %zero, %zero) : tensor<6x2x4xf32>
    %next = add(%t, %one) : tensor<si32>
    return(%next, %hn, %n0, %n1, %n2)
  }}
  return(%i, %h, %hs, %ps, %ds)
}})",
                place, kDot);
}

std::string LoopOf(const std::string& printed) {
  const size_t start = printed.find("while(");
  return printed.substr(start, printed.find("\n  }\n", start) - start);
}

int CountIn(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(DistributeLoops, ARecurrentLayerKeepsOnlyItsRecurrence) {
  for (const std::string_view place : {"%t", "%rev"}) {
    ExpectSameMeaning(DistributeLoops, Forward(place), 1e-6);
    const std::string printed = RunForTest(DistributeLoops, Forward(place));
    const std::string loop = LoopOf(printed);
    EXPECT_EQ(CountIn(loop, "dot_general("), 1) << printed;
    EXPECT_EQ(CountIn(loop, "dynamic_update_slice("), 1) << printed;
    EXPECT_EQ(CountIn(printed, "dot_general("), 2) << printed;
  }
}

// Sums of products and of rows over all iterations, the way gradients of weights and biases are made.
constexpr char kSums[] = R"(module @m
func public @main(%x: tensor<5x2x3xf32>, %g0: tensor<2x4xf32>, %u: tensor<4x4xf32>, %w0: tensor<3x4xf32>, %b0: tensor<4xf32>) {{
  %zero = constant() {{value = dense<0>}} : tensor<si32>
  %fzero = constant() {{value = dense<0>}} : tensor<f32>
  %one = constant() {{value = dense<1>}} : tensor<si32>
  %n = constant() {{value = dense<5>}} : tensor<si32>
  %i, %g, %w, %b = while(%zero, %g0, %w0, %b0) {{trip_count = 5}} : tensor<si32>, tensor<2x4xf32>, tensor<3x4xf32>, tensor<4xf32>
    (%a: tensor<si32>, %c: tensor<2x4xf32>, %d: tensor<3x4xf32>, %e: tensor<4xf32>) {{
    %go = compare(%a, %n) {{comparison_direction = 5, compare_type = 0}} : tensor<i1>
    return(%go)
  }} (%t: tensor<si32>, %gp: tensor<2x4xf32>, %wp: tensor<3x4xf32>, %bp: tensor<4xf32>) {{
    %row = dynamic_slice(%x, %t, %zero, %zero) {{slice_sizes = [1, 2, 3]}} : tensor<1x2x3xf32>
    %xt = reshape(%row) : tensor<2x3xf32>
    %dw = dot_general(%xt, %gp) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0],
      rhs_contracting_dimensions = [0], precision = 0}} : tensor<3x4xf32>
    %wn = add({0}) : tensor<3x4xf32>
    %db = reduce(%gp, %fzero) {{dimensions = [0]}} : tensor<4xf32> (%p: tensor<f32>, %q: tensor<f32>) {{
      %s = add(%p, %q) : tensor<f32>
      return(%s)
    }}
    %bn = add(%bp, %db) : tensor<4xf32>
    %gu = dot_general(%gp, %u) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1],
      rhs_contracting_dimensions = [1], precision = 0}} : tensor<2x4xf32>
    %gn = tanh(%gu) : tensor<2x4xf32>
    %next = add(%t, %one) : tensor<si32>
    return(%next, %gn, %wn, %bn)
  }}
  return(%i, %g, %w, %b)
}})";

TEST(DistributeLoops, SumsOverIterationsAreSumsOfWholes) {
  for (const std::string_view operands : {"%wp, %dw", "%dw, %wp"}) {
    const std::string text = Format(kSums, operands);
    ExpectSameMeaning(DistributeLoops, text, 1e-5);
    const std::string printed = RunForTest(DistributeLoops, text);
    EXPECT_NE(printed.find("lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]"),
              std::string::npos)
        << printed;
    EXPECT_NE(printed.find("reduce("), std::string::npos) << printed;
    EXPECT_EQ(CountIn(LoopOf(printed), "dot_general("), 1) << printed;
  }
}

// The gradient of a loop over the elements of a list, as TensorFlow writes it: a counter that goes down, the place read
// from the places that the loop before it wrote, the row added to zeros.
constexpr char kListGradient[] = R"(module @m
func public @main(%g0: tensor<2x4xf32>, %u: tensor<4x4xf32>, %given: tensor<5x2x4xf32>, %b: tensor<5x2x4xf32>, %w0: tensor<4x4xf32>) {{
  %zero = constant() {{value = dense<0>}} : tensor<si32>
  %zeros = constant() {{value = dense<0>}} : tensor<5x2x4xf32>
  %one = constant() {{value = dense<1>}} : tensor<si32>
  %n = constant() {{value = dense<5>}} : tensor<si32>
  %numbers = iota() {{iota_dimension = 0}} : tensor<5xsi32>
  %ones = constant() {{value = dense<1>}} : tensor<5xsi32>
  %scaled = multiply(%numbers, %ones) : tensor<5xsi32>
  %column = reshape(%scaled) : tensor<5x1xsi32>
  %places = reshape(%column) : tensor<5xsi32>
  %i, %g, %rows, %other, %w = while(%n, %g0, %{0}, %b, %w0) {{trip_count = 5}} : tensor<si32>, tensor<2x4xf32>, tensor<5x2x4xf32>,
    tensor<5x2x4xf32>, tensor<4x4xf32>
    (%a: tensor<si32>, %c: tensor<2x4xf32>, %d: tensor<5x2x4xf32>, %e: tensor<5x2x4xf32>, %f: tensor<4x4xf32>) {{
    %go = compare(%a, %zero) {{comparison_direction = 3, compare_type = 0}} : tensor<i1>
    return(%go)
  }} (%t: tensor<si32>, %gp: tensor<2x4xf32>, %rp: tensor<5x2x4xf32>, %bp: tensor<5x2x4xf32>, %wp: tensor<4x4xf32>) {{
    %next = subtract(%t, %one) : tensor<si32>
    %popped = dynamic_slice(%places, %next) {{slice_sizes = [1]}} : tensor<1xsi32>
    %place = reshape(%popped) : tensor<si32>
    %gu = dot_general(%gp, %u) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1],
      rhs_contracting_dimensions = [1], precision = 0}} : tensor<2x4xf32>
    %gn = tanh(%gu) : tensor<2x4xf32>
    %negated = negate(%gp) : tensor<2x4xf32>
    %row = reshape(%negated) : tensor<1x2x4xf32>
    %one_row = dynamic_update_slice(%zeros, %row, %place, %zero, %zero) : tensor<5x2x4xf32>
    %rn = add(%rp, %one_row) : tensor<5x2x4xf32>
    %residual = reshape(%gn) : tensor<1x2x4xf32>
    %bn = dynamic_update_slice(%bp, %residual, %place, %zero, %zero) : tensor<5x2x4xf32>
    %dw = dot_general(%gp, %gp) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0],
      rhs_contracting_dimensions = [0], precision = 0}} : tensor<4x4xf32>
    %wn = add(%wp, %dw) : tensor<4x4xf32>
    return(%next, %gn, %rn, %bn, %wn)
  }}
  return(%i, %g, %rows, %other, %w)
}})";

TEST(DistributeLoops, RowsAddedToZerosAreStacked) {
  const std::string text = Format(kListGradient, "zeros");
  ExpectSameMeaning(DistributeLoops, text, 1e-6);
  const std::string printed = RunForTest(DistributeLoops, text);
  EXPECT_EQ(CountIn(LoopOf(printed), "tensor<5x2x4xf32>"), 0) << printed;
  // What was not zeros before keeps its sums.
  const std::string other = Format(kListGradient, "given");
  ExpectSameMeaning(DistributeLoops, other, 1e-6);
}

TEST(DistributeLoops, AValueThatIsReadInTheLoopIsNoSum) {
  // The weights feed back into the recurrence.
  std::string text = Format(kSums, "%wp, %dw");
  const std::string from = "%gn = tanh(%gu) : tensor<2x4xf32>";
  text.replace(text.find(from), from.size(),
               R"(%k = slice(%wp) {start_indices = [0, 0], limit_indices = [2, 4], strides = [1, 1]} : tensor<2x4xf32>
    %gk = add(%gu, %k) : tensor<2x4xf32>
    %gn = tanh(%gk) : tensor<2x4xf32>)");
  const std::string printed = RunForTest(DistributeLoops, text);
  EXPECT_EQ(CountIn(LoopOf(printed), "dot_general("), 2) << printed;
}

TEST(DistributeLoops, CarriesThatPassValuesOnAreFollowed) {
  // b is a of the iteration before, c is b of the one before that; all are collected.
  const std::string_view text = R"(module @m
func public @main(%a0: tensor<3xf32>, %b0: tensor<3xf32>, %c0: tensor<3xf32>, %s: tensor<7x3xf32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %one = constant() {value = dense<1>} : tensor<si32>
  %n = constant() {value = dense<7>} : tensor<si32>
  %i, %a, %b, %c, %p, %q, %r = while(%zero, %a0, %b0, %c0, %s, %s, %s) {trip_count = 7} : tensor<si32>, tensor<3xf32>,
    tensor<3xf32>, tensor<3xf32>, tensor<7x3xf32>, tensor<7x3xf32>, tensor<7x3xf32>
    (%k: tensor<si32>, %d: tensor<3xf32>, %e: tensor<3xf32>, %f: tensor<3xf32>, %s0: tensor<7x3xf32>, %s1: tensor<7x3xf32>,
     %s2: tensor<7x3xf32>) {
    %go = compare(%k, %n) {comparison_direction = 5, compare_type = 0} : tensor<i1>
    return(%go)
  } (%t: tensor<si32>, %av: tensor<3xf32>, %bv: tensor<3xf32>, %cv: tensor<3xf32>, %t0: tensor<7x3xf32>,
     %t1: tensor<7x3xf32>, %t2: tensor<7x3xf32>) {
    %sum = add(%av, %cv) : tensor<3xf32>
    %an = tanh(%sum) : tensor<3xf32>
    %r0 = reshape(%bv) : tensor<1x3xf32>
    %r1 = reshape(%cv) : tensor<1x3xf32>
    %neg = negate(%sum) : tensor<3xf32>
    %r2 = reshape(%neg) : tensor<1x3xf32>
    %n0 = dynamic_update_slice(%t0, %r0, %t, %zero) : tensor<7x3xf32>
    %n1 = dynamic_update_slice(%t1, %r1, %t, %zero) : tensor<7x3xf32>
    %n2 = dynamic_update_slice(%t2, %r2, %t, %zero) : tensor<7x3xf32>
    %next = add(%t, %one) : tensor<si32>
    return(%next, %an, %av, %bv, %n0, %n1, %n2)
  }
  return(%i, %a, %b, %c, %p, %q, %r)
})";
  ExpectSameMeaning(DistributeLoops, text, 0);
  EXPECT_EQ(CountIn(LoopOf(RunForTest(DistributeLoops, text)), "dynamic_update_slice("), 1);
}

TEST(DistributeLoops, ALoopThatWouldKeepItsProductsIsLeftAlone) {
  // The sort is collected, so what it is computed from would stay, and the next loop would look like this one.
  const std::string text = R"(module @m
func public @main(%a0: tensor<4xf32>, %w: tensor<4x4xf32>, %s: tensor<7x4xf32>) {
  %zero = constant() {value = dense<0>} : tensor<si32>
  %one = constant() {value = dense<1>} : tensor<si32>
  %n = constant() {value = dense<7>} : tensor<si32>
  %i, %a, %p = while(%zero, %a0, %s) {trip_count = 7} : tensor<si32>, tensor<4xf32>, tensor<7x4xf32>
    (%k: tensor<si32>, %d: tensor<4xf32>, %s0: tensor<7x4xf32>) {
    %go = compare(%k, %n) {comparison_direction = 5, compare_type = 0} : tensor<i1>
    return(%go)
  } (%t: tensor<si32>, %av: tensor<4xf32>, %t0: tensor<7x4xf32>) {
    %an = tanh(%av) : tensor<4xf32>
    %x = dot_general(%av, %w) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0], precision = 2} : tensor<4xf32>
    %y = dot_general(%x, %w) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0], precision = 2} : tensor<4xf32>
    %z = sort(%y) {dimension = 0, is_stable = 1} : tensor<4xf32> (%l: tensor<f32>, %r: tensor<f32>) {
      %less = compare(%l, %r) {comparison_direction = 5, compare_type = 1} : tensor<i1>
      return(%less)
    }
    %row = reshape(%z) : tensor<1x4xf32>
    %rows = dynamic_update_slice(%t0, %row, %t, %zero) : tensor<7x4xf32>
    %next = add(%t, %one) : tensor<si32>
    return(%next, %an, %rows)
  }
  return(%i, %a, %p)
})";
  EXPECT_EQ(CountIn(LoopOf(RunForTest(DistributeLoops, text)), "dot_general("), 2);
}

}  // namespace
}  // namespace dragoman::passes
