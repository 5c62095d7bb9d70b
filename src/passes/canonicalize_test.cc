// SPDX-License-Identifier: Apache-2.0
#include "passes/canonicalize.h"

#include "base/format.h"
#include "passes/eliminate_dead_code.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

// Canonicalizes, drops what is dead, and gives main's body, one op a line. The meaning must stay.
std::string Canonical(std::string_view parameters, std::string_view body) {
  const std::string text = Format("module @m\nfunc public @main({}) {{ {} }}", parameters, body);
  SCOPED_TRACE(text);
  ExpectSameMeaning(Canonicalize, text);
  auto module = ParseForTest(text);
  const target::DeviceProfile profile;
  EXPECT_TRUE(Canonicalize(*module, {profile}).ok());
  const auto again = Canonicalize(*module, {profile});
  EXPECT_TRUE(again.ok() && !again->changed) << ir::Print(*module);
  EXPECT_TRUE(EliminateDeadCode(*module, {profile}).ok());
  std::string printed = ir::Print(*module);
  printed = printed.substr(printed.find("{\n") + 2);
  std::string lines;
  for (size_t at = 0; at < printed.size() && printed[at] != '}'; at = printed.find('\n', at) + 1) {
    lines += printed.substr(at + 2, printed.find('\n', at) - at - 1);
  }
  return lines;
}

TEST(Canonicalize, ChainsOfBroadcastsAndReshapesAreOneBroadcast) {
  EXPECT_EQ(Canonical("%x: tensor<f32>", R"(
    %a = broadcast_in_dim(%x) {broadcast_dimensions = []} : tensor<1xf32>
    %b = reshape(%a) : tensor<1x1xf32>
    %c = broadcast_in_dim(%b) {broadcast_dimensions = [0, 2]} : tensor<4x2x3xf32>
    return(%c))"),
            "%1 = broadcast_in_dim(%0) {broadcast_dimensions = []} : tensor<4x2x3xf32>\nreturn(%1)\n");
  EXPECT_EQ(Canonical("%x: tensor<4x3xf32>", R"(
    %a = reshape(%x) : tensor<4x1x3xf32>
    %b = broadcast_in_dim(%a) {broadcast_dimensions = [0, 1, 2]} : tensor<4x2x3xf32>
    return(%b))"),
            "%1 = broadcast_in_dim(%0) {broadcast_dimensions = [0, 2]} : tensor<4x2x3xf32>\nreturn(%1)\n");
  EXPECT_EQ(Canonical("%x: tensor<3xf32>", R"(
    %a = broadcast_in_dim(%x) {broadcast_dimensions = [1]} : tensor<2x3xf32>
    %b = reshape(%a) : tensor<2x1x3x1xf32>
    %c = transpose(%b) {permutation = [2, 3, 0, 1]} : tensor<3x1x2x1xf32>
    return(%c))"),
            "%1 = broadcast_in_dim(%0) {broadcast_dimensions = [0]} : tensor<3x1x2x1xf32>\nreturn(%1)\n");
}

TEST(Canonicalize, SplatsStaySplatsWhateverMovesThem) {
  EXPECT_EQ(Canonical("", R"(
    %x = constant() {value = dense<1.5>} : tensor<f32>
    %a = broadcast_in_dim(%x) {broadcast_dimensions = []} : tensor<6x4xf32>
    %b = reshape(%a) : tensor<4x6xf32>
    %c = transpose(%b) {permutation = [1, 0]} : tensor<6x4xf32>
    %d = slice(%c) {start_indices = [0, 1], limit_indices = [6, 3], strides = [2, 1]} : tensor<3x2xf32>
    %e = pad(%d, %x) {edge_padding_low = [1, 0], edge_padding_high = [0, 5], interior_padding = [0, 0]} : tensor<4x7xf32>
    %f = concatenate(%e, %e) {dimension = 0} : tensor<8x7xf32>
    %g = reverse(%f) {dimensions = [0]} : tensor<8x7xf32>
    return(%g))"),
            "%0 = constant() {value = dense<1.5>} : tensor<8x7xf32>\nreturn(%0)\n");
  EXPECT_EQ(Canonical("", R"(
    %x = constant() {value = dense<[3, 3, 3]>} : tensor<3xsi32>
    return(%x))"),
            "%0 = constant() {value = dense<3>} : tensor<3xsi32>\nreturn(%0)\n");
}

TEST(Canonicalize, MovementsThatUndoEachOtherVanish) {
  EXPECT_EQ(Canonical("%x: tensor<2x3x4xf32>", R"(
    %a = transpose(%x) {permutation = [2, 0, 1]} : tensor<4x2x3xf32>
    %b = transpose(%a) {permutation = [1, 2, 0]} : tensor<2x3x4xf32>
    %c = reshape(%b) : tensor<6x4xf32>
    %d = reshape(%c) : tensor<2x3x4xf32>
    %e = reverse(%d) {dimensions = [0, 2]} : tensor<2x3x4xf32>
    %f = reverse(%e) {dimensions = [2, 0]} : tensor<2x3x4xf32>
    return(%f))"),
            "return(%0)\n");
}

TEST(Canonicalize, SlicesReachThroughSlicesAndConcatenations) {
  EXPECT_EQ(Canonical("%x: tensor<20xf32>", R"(
    %a = slice(%x) {start_indices = [1], limit_indices = [18], strides = [3]} : tensor<6xf32>
    %b = slice(%a) {start_indices = [1], limit_indices = [6], strides = [2]} : tensor<3xf32>
    return(%b))"),
            "%1 = slice(%0) {start_indices = [4], limit_indices = [17], strides = [6]} : tensor<3xf32>\nreturn(%1)\n");
  EXPECT_EQ(Canonical("%x: tensor<2x3xf32>, %y: tensor<2x4xf32>", R"(
    %a = concatenate(%x, %y) {dimension = 1} : tensor<2x7xf32>
    %b = slice(%a) {start_indices = [0, 3], limit_indices = [2, 7], strides = [1, 1]} : tensor<2x4xf32>
    %c = slice(%a) {start_indices = [1, 1], limit_indices = [2, 3], strides = [1, 1]} : tensor<1x2xf32>
    return(%b, %c))"),
            "%2 = slice(%0) {start_indices = [1, 1], limit_indices = [2, 3], strides = [1, 1]} : tensor<1x2xf32>\n"
            "return(%1, %2)\n");
}

TEST(Canonicalize, NeutralOperandsVanish) {
  EXPECT_EQ(Canonical("%x: tensor<3xf32>, %p: tensor<3xi1>, %i: tensor<3xsi32>", R"(
    %zero = constant() {value = dense<0>} : tensor<3xf32>
    %one = constant() {value = dense<1>} : tensor<3xf32>
    %true = constant() {value = dense<true>} : tensor<3xi1>
    %izero = constant() {value = dense<0>} : tensor<3xsi32>
    %a = add(%x, %zero) : tensor<3xf32>
    %b = multiply(%one, %a) : tensor<3xf32>
    %c = divide(%b, %one) : tensor<3xf32>
    %d = subtract(%c, %zero) : tensor<3xf32>
    %e = select(%true, %d, %zero) : tensor<3xf32>
    %f = and(%p, %true) : tensor<3xi1>
    %g = not(%f) : tensor<3xi1>
    %h = not(%g) : tensor<3xi1>
    %j = shift_left(%i, %izero) : tensor<3xsi32>
    return(%e, %h, %j))"),
            "return(%0, %1, %2)\n");
}

TEST(Canonicalize, ZeroTimesAFloatIsKeptForItsNaNs) {
  const std::string body = Canonical("%x: tensor<3xf32>, %i: tensor<3xsi32>, %one: tensor<3xsi32>", R"(
    %zero = constant() {value = dense<0>} : tensor<3xf32>
    %izero = constant() {value = dense<0>} : tensor<3xsi32>
    %a = multiply(%x, %zero) : tensor<3xf32>
    %b = multiply(%i, %izero) : tensor<3xsi32>
    return(%a, %b))");
  EXPECT_NE(body.find("multiply(%0"), std::string::npos) << body;
  EXPECT_EQ(body.find("multiply(%1"), std::string::npos) << body;
}

TEST(Canonicalize, ExactConvertsMeltAndRoundingOnesStay) {
  EXPECT_EQ(Canonical("%x: tensor<3xbf16>, %p: tensor<3xi1>, %u: tensor<3xui8>", R"(
    %a = convert(%x) : tensor<3xf32>
    %b = convert(%a) : tensor<3xbf16>
    %c = convert(%p) : tensor<3xsi32>
    %d = convert(%c) : tensor<3xf32>
    %e = convert(%u) : tensor<3xui32>
    %f = convert(%e) : tensor<3xui64>
    return(%b, %d, %f))"),
            "%3 = convert(%1) : tensor<3xf32>\n%4 = convert(%2) : tensor<3xui64>\nreturn(%0, %3, %4)\n");
  const std::string_view rounding = R"(module @m

func public @main(%0: tensor<3xf32>, %1: tensor<3xf16>, %2: tensor<3xsi32>) {
  %3 = convert(%0) : tensor<3xbf16>
  %4 = convert(%3) : tensor<3xf32>
  %5 = convert(%1) : tensor<3xbf16>
  %6 = convert(%5) : tensor<3xf32>
  %7 = convert(%2) : tensor<3xf32>
  %8 = convert(%7) : tensor<3xsi32>
  return(%4, %6, %8)
}
)";
  EXPECT_EQ(RunForTest(Canonicalize, rounding), rounding);
}

TEST(Canonicalize, BranchIndicesMadeOfBooleansAreTheBooleans) {
  EXPECT_EQ(Canonical("%p: tensor<i1>, %x: tensor<f32>, %y: tensor<f32>", R"(
    %zero = constant() {value = dense<0>} : tensor<si32>
    %i = convert(%p) : tensor<si32>
    %c = compare(%i, %zero) {comparison_direction = 0, compare_type = 0} : tensor<i1>
    %s = select(%c, %x, %y) : tensor<f32>
    return(%s))"),
            "%3 = select(%0, %2, %1) : tensor<f32>\nreturn(%3)\n");
}

TEST(Canonicalize, ScalarPredicatesAndBoundsAreSpread) {
  const std::string body = Canonical("%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>, %l: tensor<f32>", R"(
    %s = select(%p, %x, %y) : tensor<4xf32>
    %c = clamp(%l, %s, %y) : tensor<4xf32>
    return(%c))");
  EXPECT_NE(body.find("broadcast_in_dim(%0) {broadcast_dimensions = []} : tensor<4xi1>"), std::string::npos) << body;
  EXPECT_NE(body.find("broadcast_in_dim(%3) {broadcast_dimensions = []} : tensor<4xf32>"), std::string::npos) << body;
}

TEST(Canonicalize, KnownPlacesAreSlicesAndAreClamped) {
  EXPECT_EQ(Canonical("%x: tensor<5x4xf32>, %i: tensor<si32>", R"(
    %nine = constant() {value = dense<9>} : tensor<si32>
    %a = dynamic_slice(%x, %nine, %i) {slice_sizes = [2, 4]} : tensor<2x4xf32>
    return(%a))"),
            "%2 = slice(%0) {start_indices = [3, 0], limit_indices = [5, 4], strides = [1, 1]} : tensor<2x4xf32>\n"
            "return(%2)\n");
  EXPECT_EQ(Canonical("%x: tensor<5x4xf32>", R"(
    %k = constant() {value = dense<[2]>} : tensor<1xsi32>
    %a = gather(%x, %k) {offset_dims = [0], collapsed_slice_dims = [0], operand_batching_dims = [],
      start_indices_batching_dims = [], start_index_map = [0], index_vector_dim = 0, slice_sizes = [1, 4],
      indices_are_sorted = 1} : tensor<4xf32>
    return(%a))"),
            "%1 = slice(%0) {start_indices = [2, 0], limit_indices = [3, 4], strides = [1, 1]} : tensor<1x4xf32>\n"
            "%2 = reshape(%1) : tensor<4xf32>\nreturn(%2)\n");
}

constexpr char kScatter[] = R"(
    %r = scatter(%x, %k, %u) {{update_window_dims = [0], inserted_window_dims = [], input_batching_dims = [],
      scatter_indices_batching_dims = [], scatter_dims_to_operand_dims = [0], index_vector_dim = 0,
      indices_are_sorted = 1, unique_indices = 1}} : tensor<5xf32> (%a: tensor<f32>, %b: tensor<f32>) {{
      {}
      return(%c)
    }}
    return(%r))";

TEST(Canonicalize, ScattersOfOneKnownWindowAreUpdates) {
  const std::string parameters = "%x: tensor<5xf32>, %u: tensor<2xf32>";
  const std::string inside = "%k = constant() {value = dense<[3]>} : tensor<1xsi32>";
  const std::string add = Canonical(parameters, inside + Format(kScatter, "%c = add(%a, %b) : tensor<f32>"));
  EXPECT_NE(add.find("dynamic_update_slice"), std::string::npos) << add;
  EXPECT_EQ(add.find("scatter("), std::string::npos) << add;
  // The last window that fits starts at 3; from 4 on, scatter drops it where an update would be clamped.
  const std::string outside = "%k = constant() {value = dense<[4]>} : tensor<1xsi32>";
  const std::string text = Format("module @m\nfunc public @main({}) {{ {} {} }}", parameters, outside,
                                  Format(kScatter, "%c = multiply(%a, %b) : tensor<f32>"));
  EXPECT_NE(RunForTest(Canonicalize, text).find("scatter("), std::string::npos);
}

TEST(Canonicalize, ReductionsOfOneElementOrNoneAreElementwise) {
  EXPECT_EQ(Canonical("%x: tensor<4x1xf32>", R"(
    %zero = constant() {value = dense<0>} : tensor<f32>
    %a = reduce(%x, %zero) {dimensions = [1]} : tensor<4xf32> (%p: tensor<f32>, %q: tensor<f32>) {
      %s = add(%p, %q) : tensor<f32>
      return(%s)
    }
    %b = reduce(%a, %zero) {dimensions = []} : tensor<4xf32> (%p2: tensor<f32>, %q2: tensor<f32>) {
      %s2 = add(%p2, %q2) : tensor<f32>
      return(%s2)
    }
    return(%b))"),
            "%1 = reshape(%0) : tensor<4xf32>\nreturn(%1)\n");
  EXPECT_EQ(Canonical("%x: tensor<4x0xf32>, %v: tensor<f32>", R"(
    %a = reduce(%x, %v) {dimensions = [1]} : tensor<4xf32> (%p: tensor<f32>, %q: tensor<f32>) {
      %s = maximum(%p, %q) : tensor<f32>
      return(%s)
    }
    return(%a))"),
            "%2 = broadcast_in_dim(%1) {broadcast_dimensions = []} : tensor<4xf32>\nreturn(%2)\n");
}

TEST(Canonicalize, ASumWithWhatIsNegatedIsADifference) {
  for (const char* sum : {"%x, %n", "%n, %x"}) {
    EXPECT_EQ(Canonical("%x: tensor<4xbf16>, %y: tensor<4xbf16>",
                        Format("%n = negate(%y) : tensor<4xbf16> %s = add({}) : tensor<4xbf16> return(%s)", sum)),
              "%2 = subtract(%0, %1) : tensor<4xbf16>\nreturn(%2)\n");
  }
}

TEST(Canonicalize, ResultsWithoutElementsAreConstants) {
  EXPECT_EQ(Canonical("%x: tensor<0x3xf32>, %y: tensor<2x3xf32>", R"(
    %a = negate(%x) : tensor<0x3xf32>
    %b = concatenate(%a, %y, %x) {dimension = 0} : tensor<2x3xf32>
    return(%b))"),
            "return(%1)\n");
}

TEST(Canonicalize, ACaseOfKnownIndexIsItsBranchAndTheLastWhenOutOfRange) {
  EXPECT_EQ(Canonical("%x: tensor<f32>", R"(
    %nine = constant() {value = dense<-1>} : tensor<si32>
    %a = case(%nine) : tensor<f32> () {
      return(%x)
    } () {
      %n = negate(%x) : tensor<f32>
      return(%n)
    }
    return(%a))"),
            "%1 = negate(%0) : tensor<f32>\nreturn(%1)\n");
}

TEST(Canonicalize, ALoopThatRunsOnceIsItsBody) {
  EXPECT_EQ(Canonical("%x: tensor<f32>", R"(
    %zero = constant() {value = dense<0>} : tensor<si32>
    %one = constant() {value = dense<1>} : tensor<si32>
    %i, %r = while(%zero, %x) {trip_count = 1} : tensor<si32>, tensor<f32> (%a: tensor<si32>, %b: tensor<f32>) {
      %go = compare(%a, %one) {comparison_direction = 5, compare_type = 0} : tensor<i1>
      return(%go)
    } (%c: tensor<si32>, %d: tensor<f32>) {
      %n = add(%c, %one) : tensor<si32>
      %m = negate(%d) : tensor<f32>
      return(%n, %m)
    }
    return(%r))"),
            "%1 = negate(%0) : tensor<f32>\nreturn(%1)\n");
}

}  // namespace
}  // namespace dragoman::passes
