// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "element/reduce_combiner.h"
#include "lower/group_testing.h"
#include "lower/reduce/kinds.h"
#include "lower/reduce/reduce_plan.h"

namespace dragoman::kernel {
namespace {

struct ReduceCase {
  Dims dims;
  std::vector<int64_t> reduced;
};

std::string TypeOf(const Dims& dims, std::string_view dtype) {
  std::string text = "tensor<";
  for (const int64_t dim : dims) text += Format("{}x", dim);
  return text + std::string(dtype) + ">";
}

std::string ListOf(const std::vector<int64_t>& values) {
  std::string text;
  for (const int64_t value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

Dims KeptDims(const ReduceCase& c) {
  Dims kept;
  for (int64_t i = 0; i < static_cast<int64_t>(c.dims.size()); ++i) {
    if (std::count(c.reduced.begin(), c.reduced.end(), i) == 0) kept.push_back(c.dims[i]);
  }
  return kept;
}

std::string ReduceOf(const ReduceCase& c, std::string_view dtype, std::string_view op, std::string_view init) {
  const std::string element = TypeOf({}, dtype);
  return Format(
      "(%0: {0}) {{ %1 = constant() {{value = dense<{1}>}} : {2} %2 = reduce(%0, %1) {{dimensions = {3}}} : "
      "{4} (%3: {2}, %4: {2}) {{ %5 = {5}(%3, %4) : {2} return(%5) }} return(%2) }}",
      TypeOf(c.dims, dtype), init, element, ListOf(c.reduced), TypeOf(KeptDims(c), dtype), op);
}

// The reduction of `values` by plain loops, in row-major order.
template <typename Combine>
Numbers ReferenceReduce(const ReduceCase& c, const Numbers& values, Number init, Combine combine) {
  const Dims kept = KeptDims(c);
  Numbers results(NumElements(kept), init);
  ForEachIndex(c.dims, [&](const Dims& at) {
    Dims where;
    for (int64_t i = 0; i < static_cast<int64_t>(at.size()); ++i) {
      if (std::count(c.reduced.begin(), c.reduced.end(), i) == 0) where.push_back(at[i]);
    }
    Number& result = results[LinearAt(kept, where)];
    result = combine(result, values[LinearAt(c.dims, at)]);
  });
  return results;
}

const std::vector<ReduceCase> kReduceCases = {
    {{7}, {0}},
    {{4096}, {0}},
    {{100003}, {0}},
    {{6, 5}, {1}},
    {{6, 5}, {0}},
    {{3, 1000}, {1}},
    {{300, 128}, {1}},
    {{1000, 3}, {0}},
    {{513, 64}, {0}},
    {{2, 33, 40}, {1}},
    {{4, 6, 5, 8}, {0, 1, 2}},
    {{4, 6, 5, 8}, {0, 2, 3}},
    {{4, 6, 5, 8}, {1, 3}},
    {{4, 6, 5, 8}, {0, 2}},
    {{2, 1, 3, 1, 4, 2, 1, 2}, {2, 4}},
    {{4, 5}, {0, 1}},
    {{4, 5}, {}},
    {{0, 5}, {0}},
    {{5, 0}, {1}},
    {{1, 1}, {0, 1}},
    {{1, 9}, {0}},
    {{20000, 4}, {0}},
    {{4, 20000}, {1}},
    {{60000, 3}, {0}},
    {{40000, 2}, {0, 1}},
};

TEST(LowerReduce, SumsOverAnyDimensions) {
  for (const ReduceCase& c : kReduceCases) {
    SCOPED_TRACE(ToString(c.dims) + " over " + ListOf(c.reduced));
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      TestGroup test(ReduceOf(c, "f32", "add", "0"), fusion::GroupKind::kReduce);
      const Numbers in = test.SetRandomInputs()[0];
      test.Run(profile);
      const Numbers expected = ReferenceReduce(c, in, 0, [](Number a, Number b) { return a + b; });
      test.Expect(0, [&](const Dims& at) { return expected[LinearAt(test.output_type(0).dims, at)]; });
    }
  }
}

TEST(LowerReduce, CombinesEveryTypeWithTheUsualOperations) {
  const struct {
    const char* op;
    const char* init;
    Number start;
    Number (*combine)(Number, Number);
  } operations[] = {
      {"add", "0", 0, [](Number a, Number b) { return a + b; }},
      {"add", "5", 5, [](Number a, Number b) { return a + b; }},
      {"maximum", "1", 1, [](Number a, Number b) { return a.real() < b.real() ? b : a; }},
      {"minimum", "2", 2, [](Number a, Number b) { return a.real() < b.real() ? a : b; }},
  };
  for (const char* dtype : {"f32", "bf16", "f16", "si32", "ui32", "si8", "si64", "f64"}) {
    for (const auto& operation : operations) {
      for (const ReduceCase& c : {ReduceCase{{12, 70}, {1}}, ReduceCase{{70, 12}, {0}}}) {
        SCOPED_TRACE(Format("{} {}", dtype, operation.op));
        for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
          TestGroup test(ReduceOf(c, dtype, operation.op, operation.init), fusion::GroupKind::kReduce);
          const Numbers in = test.SetRandomInputs()[0];
          test.Run(profile);
          Numbers expected = ReferenceReduce(c, in, operation.start, operation.combine);
          test.Expect(
              0,
              [&](const Dims& at) {
                const double value = expected[LinearAt(test.output_type(0).dims, at)].real();
                return dtype == std::string("si8") ? Number(static_cast<int8_t>(static_cast<int>(value)))
                                                   : Number(value);
              },
              dtype == std::string("bf16") ? 0.004 : 0);
        }
      }
    }
  }
}

TEST(LowerReduce, ComplexSumsAndBooleans) {
  for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
    for (const ReduceCase& c : {ReduceCase{{6, 50}, {1}}, ReduceCase{{50, 6}, {0}}, ReduceCase{{9000}, {0}}}) {
      TestGroup sum(ReduceOf(c, "c64", "add", "(0, 0)"), fusion::GroupKind::kReduce);
      const Numbers in = sum.SetRandomInputs()[0];
      sum.Run(profile);
      const Numbers expected = ReferenceReduce(c, in, 0, [](Number a, Number b) { return a + b; });
      sum.Expect(0, [&](const Dims& at) { return expected[LinearAt(sum.output_type(0).dims, at)]; });

      TestGroup any(ReduceOf(c, "i1", "or", "false"), fusion::GroupKind::kReduce);
      const Numbers bits = any.SetRandomInputs(7)[0];
      any.Run(profile);
      const Numbers any_expected =
          ReferenceReduce(c, bits, 0, [](Number a, Number b) { return Number(a != 0.0 || b != 0.0); });
      any.Expect(0, [&](const Dims& at) { return any_expected[LinearAt(any.output_type(0).dims, at)]; });
    }
  }
}

TEST(LowerReduce, NarrowFloatsAccumulateInSinglePrecision) {
  // 4096 ones: a bf16 accumulator stops at 256.
  TestGroup test(ReduceOf(ReduceCase{{2, 4096}, {1}}, "bf16", "add", "0"), fusion::GroupKind::kReduce);
  test.SetInput(0, Numbers(8192, 1.0));
  test.Run(ScalarProfile());
  test.Expect(0, [](const Dims&) { return Number(4096); });
}

TEST(LowerReduce, FewLargeResultsTakeTwoPasses) {
  TestGroup test(ReduceOf(ReduceCase{{1 << 20}, {0}}, "f32", "add", "0"), fusion::GroupKind::kReduce);
  const StatusOr<LoweredGroup> lowered = test.Lower(VectorProfile());
  ASSERT_TRUE(lowered.ok());
  EXPECT_EQ(lowered->dispatches.size(), 2u);
  EXPECT_EQ(lowered->temporaries.size(), 1u);
  EXPECT_GT(lowered->dispatches[0].workgroups, 16);
}

enum class Positions { kGiven, kCounted };

std::string ArgMaxOf(const ReduceCase& c, bool has_epilogue, Positions positions = Positions::kGiven) {
  const std::string in = TypeOf(c.dims, "f32"), index = TypeOf(c.dims, "si32");
  const std::string out = TypeOf(KeptDims(c), "f32"), out_index = TypeOf(KeptDims(c), "si32");
  std::string body = Format(
      "(%0: {0}{5} %a = constant() {{value = dense<0xff800000>}} : tensor<f32> %b = constant() {{value = "
      "dense<0>}} : tensor<si32> %r, %s = reduce(%0, %i, %a, %b) {{dimensions = {2}}} : {3}, {4} (%lv: tensor<f32>, "
      "%li: tensor<si32>, %rv: tensor<f32>, %ri: tensor<si32>) {{ %gt = compare(%lv, %rv) {{comparison_direction = 3, "
      "compare_type = 1}} : tensor<i1> %nan = compare(%lv, %lv) {{comparison_direction = 1, compare_type = 1}} : "
      "tensor<i1> %pick = or(%gt, %nan) : tensor<i1> %eq = compare(%lv, %rv) {{comparison_direction = 0, compare_type "
      "= 1}} : tensor<i1> %lt = compare(%li, %ri) {{comparison_direction = 5, compare_type = 3}} : tensor<i1> %tie = "
      "and(%eq, %lt) : tensor<i1> %picki = or(%pick, %tie) : tensor<i1> %v = select(%pick, %lv, %rv) : tensor<f32> "
      "%x = select(%picki, %li, %ri) : tensor<si32> return(%v, %x) }} ",
      in, index, ListOf(c.reduced), out, out_index,
      positions == Positions::kGiven ? Format(", %i: {}) {{", index)
                                     : Format(") {{ %i = iota() {{iota_dimension = {}}} : {}", c.reduced[0], index));
  if (!has_epilogue) return body + "return(%r, %s) }";
  return body + Format("%n = negate(%s) : {} return(%s, %n) }}", out_index);
}

TEST(LowerReduce, ArgMaxFindsTheFirstAndPropagatesNan) {
  for (const ReduceCase& c :
       {ReduceCase{{9, 700}, {1}}, ReduceCase{{700, 9}, {0}}, ReduceCase{{30000}, {0}}, ReduceCase{{3, 5}, {1}}}) {
    SCOPED_TRACE(ToString(c.dims));
    const std::vector<target::DeviceProfile> profiles = TestProfilesThatShuffleToo();
    for (size_t i = 0; i < 2 * profiles.size(); ++i) {
      const target::DeviceProfile& profile = profiles[i / 2];
      const Positions given = i % 2 == 0 ? Positions::kGiven : Positions::kCounted;
      TestGroup test(ArgMaxOf(c, false, given), fusion::GroupKind::kReduce);
      const ir::Op* reduces[] = {test.group.hero};
      EXPECT_EQ(Combiner(reduces).is_ordered(), given == Positions::kGiven);
      Numbers values = RandomNumbers(test.input_type(0), 3);
      values[values.size() / 3] = std::nan("");
      values[values.size() / 2] = std::nan("");
      test.SetInput(0, values);
      const int64_t axis = c.reduced[0];
      Numbers positions;
      ForEachIndex(c.dims, [&](const Dims& at) { positions.push_back(static_cast<double>(at[axis])); });
      if (given == Positions::kGiven) test.SetInput(1, positions);
      test.Run(profile);
      const auto best_of = [&](const Dims& kept) {
        double best = -INFINITY;
        int64_t best_at = 0;
        for (int64_t i = 0; i < c.dims[axis]; ++i) {
          Dims at = kept;
          at.insert(at.begin() + axis, i);
          const double value = values[LinearAt(c.dims, at)].real();
          if (std::isnan(best)) break;
          if (value > best || std::isnan(value)) {
            best = value;
            best_at = i;
          }
        }
        return std::pair(best, best_at);
      };
      test.Expect(0, [&](const Dims& at) { return Number(best_of(at).first); });
      test.Expect(1, [&](const Dims& at) { return Number(static_cast<double>(best_of(at).second)); });
    }
  }
}

// Maps x -> a x + b in turn, modulo 2^32: associative, but not commutative.
TEST(LowerReduce, KeepsTheOrderWhereItMatters) {
  for (const auto& [rows, length] : {std::pair<int64_t, int64_t>{3, 37}, {2, 100}, {2, 1024}, {5, 5000}}) {
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      SCOPED_TRACE(Format("{} rows of {}, subgroups of {}", rows, length, profile.subgroup_size));
      TestGroup test(
          Format("(%0: tensor<{0}x{1}xsi32>, %1: tensor<{0}x{1}xsi32>) {{ %one = constant() {{value = "
                 "dense<1>}} : tensor<si32> %zero = constant() {{value = dense<0>}} : tensor<si32> %a, %b = "
                 "reduce(%0, %1, %one, %zero) {{dimensions = [1]}} : tensor<{0}xsi32>, tensor<{0}xsi32> (%la: "
                 "tensor<si32>, %lb: tensor<si32>, %ra: tensor<si32>, %rb: tensor<si32>) {{ %x = "
                 "multiply(%la, %ra) : tensor<si32> %y = multiply(%lb, %ra) : tensor<si32> %z = add(%y, %rb) "
                 ": tensor<si32> return(%x, %z) }} return(%a, %b) }}",
                 rows, length),
          fusion::GroupKind::kReduce);
      Numbers a, b;
      for (int64_t i = 0; i < rows * length; ++i) {
        a.emplace_back(static_cast<double>(i * 7 % 11 - 5) * 2 + 1);
        b.emplace_back(static_cast<double>(i * 5 % 23 - 11));
      }
      test.SetInput(0, a);
      test.SetInput(1, b);
      test.Run(profile);
      const auto map_of = [&, length = length](int64_t row) {
        std::pair<uint32_t, uint32_t> map(1, 0);
        for (int64_t i = row * length; i < (row + 1) * length; ++i) {
          const auto by = static_cast<uint32_t>(static_cast<int32_t>(a[i].real()));
          map = {map.first * by, map.second * by + static_cast<uint32_t>(static_cast<int32_t>(b[i].real()))};
        }
        return std::pair<Number, Number>(static_cast<int32_t>(map.first), static_cast<int32_t>(map.second));
      };
      test.Expect(0, [&](const Dims& at) { return map_of(at[0]).first; });
      test.Expect(1, [&](const Dims& at) { return map_of(at[0]).second; });
    }
  }
}

TEST(LowerReduce, ProducersAndConsumersShareTheKernel) {
  for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
    for (const ReduceCase& c : {ReduceCase{{24, 36}, {1}}, ReduceCase{{24, 36}, {0}}}) {
      const std::string in = TypeOf(c.dims, "f32"), out = TypeOf(KeptDims(c), "f32");
      const int64_t n = NumElements(KeptDims(c));
      TestGroup test(
          Format(
              "(%0: {0}, %1: tensor<36xf32>, %2: {1}) {{ %3 = broadcast_in_dim(%1) {{broadcast_dimensions = [1]}} : "
              "{0} %4 = multiply(%0, %3) : {0} %z = constant() {{value = dense<0>}} : tensor<f32> %5 = reduce(%4, %z) "
              "{{dimensions = {2}}} : {1} (%a: tensor<f32>, %b: tensor<f32>) {{ %c = add(%a, %b) : tensor<f32> "
              "return(%c) }} %6 = add(%5, %2) : {1} %7 = reshape(%6) : tensor<2x{3}xf32> return(%5, %7) }}",
              in, out, ListOf(c.reduced), n / 2),
          fusion::GroupKind::kReduce);
      const std::vector<Numbers> values = test.SetRandomInputs();
      test.Run(profile);
      Numbers products;
      for (size_t i = 0; i < values[0].size(); ++i) products.push_back(values[0][i] * values[1][i % 36]);
      const Numbers sums = ReferenceReduce(c, products, 0, [](Number a, Number b) { return a + b; });
      test.Expect(0, [&](const Dims& at) { return sums[at[0]]; });
      test.Expect(1, [&](const Dims& at) {
        const int64_t i = at[0] * (n / 2) + at[1];
        return sums[i] + values[2][i];
      });
    }
  }
}

// Sum and largest square of the same elements, and an epilogue of both.
TEST(LowerReduce, SiblingsShareTheReads) {
  for (const ReduceCase& c :
       {ReduceCase{{24, 36}, {1}}, ReduceCase{{24, 36}, {0}}, ReduceCase{{50000, 4}, {0}}, ReduceCase{{70000}, {0}}}) {
    SCOPED_TRACE(ToString(c.dims));
    for (const target::DeviceProfile& profile : TestProfilesThatShuffleToo()) {
      const std::string in = TypeOf(c.dims, "f32"), out = TypeOf(KeptDims(c), "f32");
      TestGroup test(
          Format("(%0: {0}) {{ %z = constant() {{value = dense<0>}} : tensor<f32> %q = multiply(%0, %0) : {0} %s = "
                 "reduce(%0, %z) {{dimensions = {2}}} : {1} (%a: tensor<f32>, %b: tensor<f32>) {{ %c = add(%a, %b) : "
                 "tensor<f32> return(%c) }} %m = reduce(%q, %z) {{dimensions = {2}}} : {1} (%d: tensor<f32>, %e: "
                 "tensor<f32>) {{ %f = maximum(%d, %e) : tensor<f32> return(%f) }} %x = subtract(%s, %m) : {1} "
                 "return(%s, %m, %x) }}",
                 in, out, ListOf(c.reduced)),
          fusion::GroupKind::kReduce);
      const Numbers values = test.SetRandomInputs()[0];
      const LoweredGroup lowered = test.Run(profile);
      for (const Dispatch& dispatch : lowered.dispatches) {
        int64_t loads = 0;
        for (const Argument& argument : dispatch.arguments) loads += argument.value == test.group.inputs[0];
        EXPECT_LE(loads, 1);
      }
      const Numbers sums = ReferenceReduce(c, values, 0, [](Number a, Number b) { return a + b; });
      const Numbers squares =
          ReferenceReduce(c, values, 0, [](Number a, Number b) { return std::max(a.real(), b.real() * b.real()); });
      const auto at_output = [&](const Dims& at) { return LinearAt(test.output_type(0).dims, at); };
      test.Expect(0, [&](const Dims& at) { return sums[at_output(at)]; });
      test.Expect(1, [&](const Dims& at) { return squares[at_output(at)]; });
      test.Expect(2, [&](const Dims& at) { return sums[at_output(at)] - squares[at_output(at)]; });
    }
  }
}

TEST(LowerReduce, RegionsMayCaptureValues) {
  TestGroup test(
      "(%0: tensor<4x9xf32>, %1: tensor<f32>) { %z = constant() {value = dense<0>} : tensor<f32> %2 = reduce(%0, %z) "
      "{dimensions = [1]} : tensor<4xf32> (%a: tensor<f32>, %b: tensor<f32>) { %m = maximum(%a, %b) : tensor<f32> %k = "
      "maximum(%m, %1) : tensor<f32> return(%k) } return(%2) }",
      fusion::GroupKind::kReduce);
  const std::vector<Numbers> in = test.SetRandomInputs();
  test.Run(VectorProfile());
  test.Expect(0, [&](const Dims& at) {
    double best = std::max(0.0, in[1][0].real());
    for (int i = 0; i < 9; ++i) best = std::max(best, in[0][at[0] * 9 + i].real());
    return Number(best);
  });
}

}  // namespace
}  // namespace dragoman::kernel
