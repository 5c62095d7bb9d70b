// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "lower/group_testing.h"
#include "lower/reduce/kinds.h"
#include "lower/reduce/row_plan.h"

namespace dragoman::kernel {
namespace {

// Row reduction named `out` of `in`, [rows, length] → [rows].
std::string Reduce(const std::string& out, const std::string& in, const std::string& op, int64_t rows,
                   const std::string& init) {
  return Format(
      "%{0} = reduce(%{1}, %{4}) {{dimensions = [1]}} : tensor<{3}xf32> (%{0}l: tensor<f32>, %{0}r: "
      "tensor<f32>) {{ %{0}x = {2}(%{0}l, %{0}r) : tensor<f32> return(%{0}x) }} ",
      out, in, op, rows, init);
}

std::string Spread(const std::string& out, const std::string& in, int64_t rows, int64_t length) {
  return Format("%{0} = broadcast_in_dim(%{1}) {{broadcast_dimensions = [0]}} : tensor<{2}x{3}xf32> ", out, in, rows,
                length);
}

std::string Constants() {
  return "%zero = constant() {value = dense<0>} : tensor<f32> %low = constant() {value = dense<0xff800000>} : "
         "tensor<f32> ";
}

// softmax(x) and the sum of exponentials of each row.
std::string Softmax(int64_t rows, int64_t length) {
  const std::string full = Format("tensor<{}x{}xf32>", rows, length);
  return Format("(%0: {}) {{ ", full) + Constants() + Reduce("max", "0", "maximum", rows, "low") +
         Spread("maxs", "max", rows, length) +
         Format("%d = subtract(%0, %maxs) : {0} %e = exponential(%d) : {0} ", full) +
         Reduce("sum", "e", "add", rows, "zero") + Spread("sums", "sum", rows, length) +
         Format("%y = divide(%e, %sums) : {} return(%y, %sum) }}", full);
}

const std::pair<int64_t, int64_t> kShapes[] = {{5, 7},    {3, 8},     {64, 10},  {9, 128}, {2, 1000},
                                               {4, 4096}, {1, 30000}, {300, 33}, {1, 3},   {70, 1}};

TEST(LowerRow, Softmax) {
  for (const auto& shape : kShapes) {
    const auto rows = shape.first, length = shape.second;
    SCOPED_TRACE(Format("{} rows of {}", rows, length));
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      if (length == 1) continue;
      TestGroup test(Softmax(rows, length), fusion::GroupKind::kRow);
      const Numbers in = test.SetRandomInputs()[0];
      const LoweredGroup lowered = test.Run(profile);
      EXPECT_EQ(lowered.dispatches.size(), 1u);
      Numbers sums;
      std::vector<double> maxima;
      for (int64_t r = 0; r < rows; ++r) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < length; ++i) max = std::max(max, in[r * length + i].real());
        for (int64_t i = 0; i < length; ++i) sum += std::exp(in[r * length + i].real() - max);
        sums.push_back(sum);
        maxima.push_back(max);
      }
      test.Expect(
          0,
          [&](const Dims& at) {
            return Number(std::exp(in[at[0] * length + at[1]].real() - maxima[at[0]])) / sums[at[0]];
          },
          1e-5);
      test.Expect(
          1, [&](const Dims& at) { return sums[at[0]]; }, 1e-5);
    }
  }
}

// (x - mean) * rsqrt(variance) * scale, with both sums in one phase.
TEST(LowerRow, NormalisesWithTwoSumsInOnePhase) {
  for (const auto& shape : kShapes) {
    const auto rows = shape.first, length = shape.second;
    SCOPED_TRACE(Format("{} rows of {}", rows, length));
    if (length == 1) continue;
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      const std::string full = Format("tensor<{}x{}xf32>", rows, length);
      const std::string row = Format("tensor<{}xf32>", rows);
      TestGroup test(
          Format("(%0: {}, %scale: tensor<{}xf32>) {{ ", full, length) + Constants() +
              Reduce("s", "0", "add", rows, "zero") + Format("%q = multiply(%0, %0) : {} ", full) +
              Reduce("t", "q", "add", rows, "zero") +
              Format("%n = constant() {{value = dense<{1}>}} : {0} %m = divide(%s, %n) : {0} %mm = multiply(%m, %m) : "
                     "{0} %tn = divide(%t, %n) : {0} %v = subtract(%tn, %mm) : {0} %one = constant() {{value = "
                     "dense<1>}} : {0} %v1 = add(%v, %one) : {0} %r = rsqrt(%v1) : {0} ",
                     row, length) +
              Spread("ms", "m", rows, length) + Spread("rs", "r", rows, length) +
              Format("%c = subtract(%0, %ms) : {0} %y = multiply(%c, %rs) : {0} %sc = broadcast_in_dim(%scale) "
                     "{{broadcast_dimensions = [1]}} : {0} %z = multiply(%y, %sc) : {0} return(%z, %m) }}",
                     full),
          fusion::GroupKind::kRow);
      const StatusOr<RowPhases> phases = FindRowPhases(test.group);
      ASSERT_TRUE(phases.ok());
      EXPECT_EQ(phases->phases.size(), 1u);
      const std::vector<Numbers> in = test.SetRandomInputs();
      test.Run(profile);
      const auto moments = [&](int64_t r) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < length; ++i) {
          sum += in[0][r * length + i].real();
          squares += std::pow(in[0][r * length + i].real(), 2);
        }
        const double mean = sum / length;
        return std::pair(mean, squares / length - mean * mean);
      };
      test.Expect(
          0,
          [&](const Dims& at) {
            const auto [mean, variance] = moments(at[0]);
            return (in[0][at[0] * length + at[1]] - mean) / std::sqrt(variance + 1) * in[1][at[1]];
          },
          1e-4);
      test.Expect(
          1, [&](const Dims& at) { return Number(moments(at[0]).first); }, 1e-5);
    }
  }
}

TEST(LowerRow, RowsOfHigherRank) {
  for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
    TestGroup test(
        "(%0: tensor<2x3x4x5xf32>, %1: tensor<2x4x5xf32>) { %z = constant() {value = dense<0>} : tensor<f32> %b = "
        "broadcast_in_dim(%1) {broadcast_dimensions = [0, 2, 3]} : tensor<2x3x4x5xf32> %p = multiply(%0, %b) : "
        "tensor<2x3x4x5xf32> %s = reduce(%p, %z) {dimensions = [2, 3]} : tensor<2x3xf32> (%l: tensor<f32>, %r: "
        "tensor<f32>) { %a = add(%l, %r) : tensor<f32> return(%a) } %k = reshape(%s) : tensor<2x3x1x1xf32> %w = "
        "broadcast_in_dim(%k) {broadcast_dimensions = [0, 1, 2, 3]} : tensor<2x3x4x5xf32> %y = subtract(%p, %w) : "
        "tensor<2x3x4x5xf32> return(%y, %s) }",
        fusion::GroupKind::kRow);
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.Run(profile);
    const auto product = [&](int64_t a, int64_t b, int64_t i) {
      return in[0][(a * 3 + b) * 20 + i] * in[1][a * 20 + i];
    };
    const auto sum = [&](int64_t a, int64_t b) {
      Number total = 0;
      for (int i = 0; i < 20; ++i) total += product(a, b, i);
      return total;
    };
    test.Expect(
        0, [&](const Dims& at) { return product(at[0], at[1], at[2] * 5 + at[3]) - sum(at[0], at[1]); }, 1e-6);
    test.Expect(
        1, [&](const Dims& at) { return sum(at[0], at[1]); }, 1e-6);
  }
}

// The greatest number of each row with its position, a NaN before all numbers, and what the number is less than.
std::string ArgMax(int64_t rows, int64_t length) {
  const std::string full = Format("tensor<{}x{}xf32>", rows, length);
  return Format("(%0: {}) {{ ", full) + Constants() +
         Format(
             "%i = iota() {{iota_dimension = 1}} : tensor<{0}x{1}xsi32> %first = constant() {{value = dense<0>}} : "
             "tensor<si32> %m, %at = reduce(%0, %i, %low, %first) {{dimensions = [1]}} : tensor<{0}xf32>, "
             "tensor<{0}xsi32> (%lv: tensor<f32>, %li: tensor<si32>, %rv: tensor<f32>, %ri: tensor<si32>) {{ %gt = "
             "compare(%lv, %rv) {{comparison_direction = 3, compare_type = 1}} : tensor<i1> %nan = compare(%lv, %lv) "
             "{{comparison_direction = 1, compare_type = 1}} : tensor<i1> %pick = or(%gt, %nan) : tensor<i1> %eq = "
             "compare(%lv, %rv) {{comparison_direction = 0, compare_type = 1}} : tensor<i1> %lt = compare(%li, %ri) "
             "{{comparison_direction = 5, compare_type = 3}} : tensor<i1> %tie = and(%eq, %lt) : tensor<i1> %picki = "
             "or(%pick, %tie) : tensor<i1> %v = select(%pick, %lv, %rv) : tensor<f32> %x = select(%picki, %li, %ri) : "
             "tensor<si32> return(%v, %x) }} ",
             rows, length) +
         Spread("ms", "m", rows, length) + Format("%y = subtract(%0, %ms) : {} return(%y, %at) }}", full);
}

TEST(LowerRow, ArgMaxFindsTheFirst) {
  for (const auto& shape : kShapes) {
    const auto rows = shape.first, length = shape.second;
    SCOPED_TRACE(Format("{} rows of {}", rows, length));
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      if (length == 1) continue;
      TestGroup test(ArgMax(rows, length), fusion::GroupKind::kRow);
      Numbers in = RandomNumbers(test.input_type(0), 1);
      // NaN in every other row, else the greatest number: three of them, far from each other.
      for (int64_t r = 0; r < rows; ++r) {
        const double greatest = r % 2 == 0 ? std::nan("") : 1e6;
        in[r * length + length / 3] = in[r * length + (length - 1) / 2] = in[r * length + length - 1] = greatest;
      }
      test.SetInput(0, in);
      test.Run(profile);
      test.Expect(1, [&](const Dims&) { return Number(static_cast<double>(length / 3)); });
    }
  }
}

TEST(LowerRow, ShortRowsStayInRegistersLongOnesDoNot) {
  const TestGroup short_rows(Softmax(64, 1024), fusion::GroupKind::kRow);
  const TestGroup long_rows(Softmax(64, 1 << 20), fusion::GroupKind::kRow);
  EXPECT_GT(ChooseRow(short_rows.group, *FindRowPhases(short_rows.group), VectorProfile()).resident_loads, 0);
  EXPECT_EQ(ChooseRow(short_rows.group, *FindRowPhases(short_rows.group), ScalarProfile()).resident_loads, 0);
  EXPECT_EQ(ChooseRow(long_rows.group, *FindRowPhases(long_rows.group), VectorProfile()).resident_loads, 0);
}

// Registers hold what a phase has and a later one asks for again; the more that is, the more invocations share a row.
TEST(LowerRow, RowsOfWhichMoreIsHeldTakeMoreInvocations) {
  const std::string full = "tensor<64x8192xf32>", usual = Softmax(64, 8192);
  const std::string more = usual.substr(0, usual.find("return(%y, %sum)")) +
                           Format("%m = multiply(%0, %d) : {0} %z = add(%y, %m) : {0} return(%z) }}", full);
  for (const auto& [body, held, fellows] : {std::tuple{usual, 1, 256}, {more, 3, 512}}) {
    const TestGroup test(body, fusion::GroupKind::kRow);
    const RowPhases phases = *FindRowPhases(test.group);
    EXPECT_EQ(phases.held_values, held);
    const RowPlan plan = ChooseRow(test.group, phases, VectorProfile());
    EXPECT_EQ(plan.reduce.fellows, fellows) << plan.reason;
    EXPECT_EQ(plan.resident_loads, 8192 / 4 / fellows);
  }
}

TEST(LowerRow, ZeroRowsGiveNoDispatch) {
  const TestGroup test(Softmax(0, 8), fusion::GroupKind::kRow);
  const StatusOr<LoweredGroup> lowered = test.Lower(VectorProfile());
  ASSERT_TRUE(lowered.ok());
  EXPECT_TRUE(lowered->dispatches.empty());
}

}  // namespace
}  // namespace dragoman::kernel
