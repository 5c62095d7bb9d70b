// SPDX-License-Identifier: Apache-2.0
// Every movement op through loop kernels, with scalar and with vector accesses.
#include "element/elemental.h"

#include <gtest/gtest.h>

#include "lower/group_testing.h"
#include "lower/stream/kinds.h"

namespace dragoman::kernel {
namespace {

// Lowers and runs `body` for each profile, then checks output 0 with expected(inputs, index).
template <typename Function>
void CheckElemental(const std::string& body, Function expected) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    SCOPED_TRACE(profile.unrolling_is_costly ? "scalar" : "vector");
    TestGroup test(body);
    if (test.module == nullptr) return;
    const std::vector<Numbers> inputs = test.SetRandomInputs();
    test.Run(profile);
    test.Expect(0, [&](const Dims& at) { return expected(inputs, at); });
  }
}

TEST(Elemental, AddsSameShapes) {
  for (const char* dims : {"7x", "8x", "3x5x", "4x8x", "1x", "", "2x1x4x1x2x1x3x2x"}) {
    const std::string type = std::string("tensor<") + dims + "f32>";
    TestGroup shape("(%0: " + type + ", %1: " + type + ") { %2 = add(%0, %1) : " + type + " return(%2) }");
    const Dims extents = shape.output_type(0).dims;
    CheckElemental(
        "(%0: " + type + ", %1: " + type + ") { %2 = add(%0, %1) : " + type + " return(%2) }",
        [&](const auto& in, const Dims& at) { return in[0][LinearAt(extents, at)] + in[1][LinearAt(extents, at)]; });
  }
}

TEST(Elemental, AddsEveryElementType) {
  for (const char* dtype :
       {"si8", "ui8", "si16", "ui16", "si32", "ui32", "si64", "ui64", "f16", "bf16", "f32", "f64", "c64", "f8E4M3FN"}) {
    SCOPED_TRACE(dtype);
    const std::string type = std::string("tensor<12x") + dtype + ">";
    CheckElemental("(%0: " + type + ", %1: " + type + ") { %2 = add(%0, %1) : " + type + " return(%2) }",
                   [&](const auto& in, const Dims& at) { return in[0][at[0]] + in[1][at[0]]; });
  }
}

TEST(Elemental, SelectsWithScalarPredicate) {
  CheckElemental(
      "(%0: tensor<i1>, %1: tensor<6xf32>, %2: tensor<6xf32>) { "
      "%3 = select(%0, %1, %2) : tensor<6xf32> return(%3) }",
      [&](const auto& in, const Dims& at) { return in[0][0] != 0.0 ? in[1][at[0]] : in[2][at[0]]; });
}

TEST(Elemental, ComparesToBooleans) {
  CheckElemental(
      "(%0: tensor<9xsi32>, %1: tensor<9xsi32>) { %2 = compare(%0, %1) {comparison_direction = 5, compare_type = 3} "
      ": tensor<9xi1> return(%2) }",
      [&](const auto& in, const Dims& at) { return Number(in[0][at[0]].real() < in[1][at[0]].real()); });
}

TEST(Elemental, BroadcastsAlongEachDimension) {
  CheckElemental(
      "(%0: tensor<8xf32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = [1]} : tensor<3x8xf32> return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][at[1]]; });
  CheckElemental(
      "(%0: tensor<3xf32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = [0]} : tensor<3x8xf32> return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][at[0]]; });
  CheckElemental(
      "(%0: tensor<3x1xf32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = [0, 2]} : tensor<3x2x4xf32> "
      "return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][at[0]]; });
  CheckElemental(
      "(%0: tensor<f32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = []} : tensor<5xf32> return(%1) }",
      [](const auto& in, const Dims&) { return in[0][0]; });
  CheckElemental(
      "(%0: tensor<2x3xf32>) { %1 = broadcast_in_dim(%0) {broadcast_dimensions = [1, 0]} : tensor<3x2xf32> "
      "return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][at[1] * 3 + at[0]]; });
}

TEST(Elemental, AddsBiasToRows) {
  CheckElemental(
      "(%0: tensor<6x8xf32>, %1: tensor<8xf32>) { %2 = broadcast_in_dim(%1) {broadcast_dimensions = [1]} : "
      "tensor<6x8xf32> %3 = add(%0, %2) : tensor<6x8xf32> return(%3) }",
      [](const auto& in, const Dims& at) { return in[0][at[0] * 8 + at[1]] + in[1][at[1]]; });
}

TEST(Elemental, ReshapesSplitMergeAndMix) {
  CheckElemental(
      "(%0: tensor<4x6xf32>) { %1 = transpose(%0) {permutation = [1, 0]} : tensor<6x4xf32> "
      "%2 = reshape(%1) : tensor<2x12xf32> return(%2) }",
      [](const auto& in, const Dims& at) {
        const int64_t linear = at[0] * 12 + at[1];
        return in[0][linear % 4 * 6 + linear / 4];
      });
  CheckElemental(
      "(%0: tensor<4x6xf32>) { %1 = reshape(%0) : tensor<2x2x1x6xf32> "
      "%2 = reverse(%1) {dimensions = [0, 3]} : tensor<2x2x1x6xf32> %3 = reshape(%2) : tensor<24xf32> return(%3) }",
      [](const auto& in, const Dims& at) {
        const int64_t a = at[0] / 12, b = at[0] / 6 % 2, c = at[0] % 6;
        return in[0][(1 - a) * 12 + b * 6 + (5 - c)];
      });
}

TEST(Elemental, TransposesRankFive) {
  CheckElemental(
      "(%0: tensor<2x3x4x1x5xsi32>) { %1 = transpose(%0) {permutation = [4, 2, 0, 3, 1]} : tensor<5x4x2x1x3xsi32> "
      "return(%1) }",
      [](const auto& in, const Dims& at) {
        return in[0][LinearAt({2, 3, 4, 1, 5}, {at[2], at[4], at[1], at[3], at[0]})];
      });
}

TEST(Elemental, SlicesWithStrides) {
  CheckElemental(
      "(%0: tensor<9x16xf32>) { %1 = slice(%0) {start_indices = [1, 4], limit_indices = [8, 12], strides = [3, 1]} "
      ": tensor<3x8xf32> return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][(1 + 3 * at[0]) * 16 + 4 + at[1]]; });
  CheckElemental(
      "(%0: tensor<9x16xf32>) { %1 = slice(%0) {start_indices = [0, 1], limit_indices = [9, 16], strides = [1, 2]} "
      ": tensor<9x8xf32> return(%1) }",
      [](const auto& in, const Dims& at) { return in[0][at[0] * 16 + 1 + 2 * at[1]]; });
}

TEST(Elemental, PadsAllWays) {
  struct Case {
    Dims extents;
    Dims low, high, interior;
  };
  const Case cases[] = {{{3, 4}, {1, 0}, {2, 0}, {0, 0}},    {{3, 4}, {0, 4}, {0, 4}, {0, 0}},
                        {{3, 4}, {1, 3}, {0, 2}, {0, 1}},    {{5, 8}, {-1, 0}, {-2, 0}, {0, 0}},
                        {{5, 8}, {-1, -3}, {3, -1}, {1, 2}}, {{1, 4}, {1, -4}, {1, 8}, {3, 0}},
                        {{0, 4}, {1, 0}, {1, 0}, {0, 0}},    {{4, 16}, {0, 8}, {0, 0}, {0, 0}}};
  for (const Case& c : cases) {
    Dims out;
    for (int i = 0; i < 2; ++i) {
      out.push_back(c.low[i] + c.high[i] + c.extents[i] + std::max<int64_t>(c.extents[i] - 1, 0) * c.interior[i]);
    }
    const std::string result = Format("tensor<{}x{}xf32>", out[0], out[1]);
    const std::string attributes =
        Format("edge_padding_low = [{}, {}], edge_padding_high = [{}, {}], interior_padding = [{}, {}]", c.low[0],
               c.low[1], c.high[0], c.high[1], c.interior[0], c.interior[1]);
    SCOPED_TRACE(attributes);
    CheckElemental(Format("(%0: tensor<{}x{}xf32>, %1: tensor<f32>) {{ %2 = pad(%0, %1) {{{}}} : {} return(%2) }}",
                          c.extents[0], c.extents[1], attributes, result),
                   [&](const auto& in, const Dims& at) {
                     Dims source(2);
                     for (int i = 0; i < 2; ++i) {
                       const int64_t shifted = at[i] - c.low[i];
                       source[i] = shifted / (c.interior[i] + 1);
                       const bool is_real =
                           shifted >= 0 && shifted % (c.interior[i] + 1) == 0 && source[i] < c.extents[i];
                       if (!is_real) return in[1][0];
                     }
                     return in[0][LinearAt(c.extents, source)];
                   });
  }
}

TEST(Elemental, ConcatenatesManyAndEmptyOperands) {
  CheckElemental(
      "(%0: tensor<2x4xf32>, %1: tensor<0x4xf32>, %2: tensor<1x4xf32>, %3: tensor<5x4xf32>) { "
      "%4 = concatenate(%0, %1, %2, %3) {dimension = 0} : tensor<8x4xf32> return(%4) }",
      [](const auto& in, const Dims& at) {
        if (at[0] < 2) return in[0][at[0] * 4 + at[1]];
        if (at[0] < 3) return in[2][at[1]];
        return in[3][(at[0] - 3) * 4 + at[1]];
      });
  CheckElemental(
      "(%0: tensor<3x4xc64>, %1: tensor<3x8xc64>, %2: tensor<3x3xc64>) { "
      "%3 = concatenate(%0, %1, %2) {dimension = 1} : tensor<3x15xc64> return(%3) }",
      [](const auto& in, const Dims& at) {
        if (at[1] < 4) return in[0][at[0] * 4 + at[1]];
        if (at[1] < 12) return in[1][at[0] * 8 + at[1] - 4];
        return in[2][at[0] * 3 + at[1] - 12];
      });
  CheckElemental(
      "(%0: tensor<3x4xi1>, %1: tensor<3x8xi1>) { "
      "%2 = concatenate(%0, %1) {dimension = 1} : tensor<3x12xi1> return(%2) }",
      [](const auto& in, const Dims& at) {
        return at[1] < 4 ? in[0][at[0] * 4 + at[1]] : in[1][at[0] * 8 + at[1] - 4];
      });
}

TEST(Elemental, IotaInEveryType) {
  for (const char* dtype : {"si32", "ui8", "si64", "ui64", "f32", "bf16", "f16", "c64"}) {
    SCOPED_TRACE(dtype);
    for (int dim = 0; dim < 2; ++dim) {
      CheckElemental(Format("() {{ %0 = iota() {{iota_dimension = {}}} : tensor<5x8x{}> return(%0) }}", dim, dtype),
                     [&](const auto&, const Dims& at) { return Number(static_cast<double>(at[dim])); });
    }
  }
  CheckElemental("() { %0 = iota() {iota_dimension = 0} : tensor<300xui8> return(%0) }",
                 [&](const auto&, const Dims& at) { return Number(static_cast<double>(at[0] % 256)); });
}

TEST(Elemental, ConstantsSplatAndSmall) {
  CheckElemental("() { %0 = constant() {value = dense<2.5>} : tensor<8xf32> return(%0) }",
                 [](const auto&, const Dims&) { return Number(2.5); });
  CheckElemental("() { %0 = constant() {value = dense<[1, -2, 3, 4]>} : tensor<2x2xsi32> return(%0) }",
                 [](const auto&, const Dims& at) {
                   const double values[] = {1, -2, 3, 4};
                   return Number(values[at[0] * 2 + at[1]]);
                 });
  CheckElemental("() { %0 = constant() {value = dense<[(1, 2), (3, -4)]>} : tensor<2xc64> return(%0) }",
                 [](const auto&, const Dims& at) { return at[0] == 0 ? Number(1, 2) : Number(3, -4); });
}

TEST(Elemental, DynamicSliceClampsStarts) {
  for (const char* dtype : {"si32", "ui32", "si8", "si64", "ui64"}) {
    for (const double start : {-3.0, 0.0, 2.0, 100.0}) {
      SCOPED_TRACE(dtype);
      if (start < 0 && dtype[0] == 'u') continue;
      for (const target::DeviceProfile& profile : TestProfiles()) {
        TestGroup test(
            Format("(%0: tensor<6x8xf32>, %1: tensor<{0}>, %2: tensor<{0}>) {{ %3 = dynamic_slice(%0, %1, "
                   "%2) {{slice_sizes = [2, 8]}} : tensor<2x8xf32> return(%3) }}",
                   dtype));
        const std::vector<Numbers> in = test.SetRandomInputs();
        test.SetInput(1, {start});
        test.SetInput(2, {start});
        test.Run(profile);
        const int64_t offset = std::clamp<int64_t>(static_cast<int64_t>(start), 0, 4);
        test.Expect(0, [&](const Dims& at) { return in[0][(at[0] + offset) * 8 + at[1]]; });
      }
    }
  }
}

TEST(Elemental, GathersRowsWithClampedIndices) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    TestGroup test(
        "(%0: tensor<5x8xf32>, %1: tensor<3x1xsi32>) { %2 = gather(%0, %1) {offset_dims = [1], collapsed_slice_dims = "
        "[0], operand_batching_dims = [], start_indices_batching_dims = [], start_index_map = [0], index_vector_dim = "
        "1, slice_sizes = [1, 8], indices_are_sorted = 0} : tensor<3x8xf32> return(%2) }");
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.SetInput(1, {-1, 3, 9});
    test.Run(profile);
    const int64_t rows[] = {0, 3, 4};
    test.Expect(0, [&](const Dims& at) { return in[0][rows[at[0]] * 8 + at[1]]; });
  }
}

TEST(Elemental, GathersWithBatchingDimsAndWindows) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    TestGroup test(
        "(%0: tensor<4x6x3xf32>, %1: tensor<2x3xui32>) { %2 = gather(%0, %1) {offset_dims = [0], collapsed_slice_dims "
        "= [0], operand_batching_dims = [2], start_indices_batching_dims = [1], start_index_map = [1, 0], "
        "index_vector_dim = 0, slice_sizes = [1, 2, 1], indices_are_sorted = 0} : tensor<2x3xf32> return(%2) }");
    const std::vector<Numbers> in = test.SetRandomInputs();
    const Numbers starts = {4, 9, 1, 3, 0, 7};
    test.SetInput(1, starts);
    test.Run(profile);
    test.Expect(0, [&](const Dims& at) {
      const int64_t batch = at[1];
      const int64_t second = std::min<int64_t>(static_cast<int64_t>(starts[batch].real()), 4);
      const int64_t first = std::min<int64_t>(static_cast<int64_t>(starts[3 + batch].real()), 3);
      return in[0][LinearAt({4, 6, 3}, {first, second + at[0], batch})];
    });
  }
}

TEST(Elemental, BitcastsKeepBits) {
  CheckElemental(
      "(%0: tensor<4xf32>) { %1 = bitcast_convert(%0) : tensor<4xui32> %2 = bitcast_convert(%1) : tensor<4xf32> "
      "return(%2) }",
      [](const auto& in, const Dims& at) { return in[0][at[0]]; });
  for (const char* dtype : {"bf16", "f16"}) {
    CheckElemental(
        Format("(%0: tensor<8x{0}>) {{ %1 = bitcast_convert(%0) : tensor<8xui16> %2 = add(%1, %1) : tensor<8xui16> "
               "%3 = subtract(%2, %1) : tensor<8xui16> %4 = bitcast_convert(%3) : tensor<8x{0}> return(%4) }}",
               dtype),
        [](const auto& in, const Dims& at) { return in[0][at[0]]; });
  }
  for (const char* dtype : {"f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ", "f8E3M4", "f8E4M3B11FNUZ"}) {
    SCOPED_TRACE(dtype);
    CheckElemental(Format("(%0: tensor<7x{0}>) {{ %1 = bitcast_convert(%0) : tensor<7xui8> %2 = bitcast_convert(%1) : "
                          "tensor<7x{0}> %3 = convert(%2) : tensor<7xf32> return(%3) }}",
                          dtype),
                   [](const auto& in, const Dims& at) { return in[0][at[0]]; });
  }
}

TEST(Elemental, BitcastsEveryTinyFloatPattern) {
  for (const DType dtype : {DType::kF8E4M3FN, DType::kF8E5M2, DType::kF8E4M3FNUZ, DType::kF8E5M2FNUZ, DType::kF8E3M4,
                            DType::kF8E4M3B11FNUZ, DType::kF8E4M3, DType::kF8E8M0FNU}) {
    SCOPED_TRACE(Name(dtype));
    TestGroup test(
        Format("(%0: tensor<256xui8>) {{ %1 = bitcast_convert(%0) : tensor<256x{0}> %2 = convert(%1) : "
               "tensor<256xf32> %3 = bitcast_convert(%1) : tensor<256xui8> return(%2, %3) }}",
               Name(dtype)));
    Numbers bits;
    for (int i = 0; i < 256; ++i) bits.push_back(i);
    test.SetInput(0, bits);
    test.Run(VectorProfile());
    test.Expect(0, [&](const Dims& at) { return Number(DecodeSmallFloat(dtype, static_cast<uint32_t>(at[0]))); });
    const Numbers back = test.Output(1);
    for (int i = 0; i < 256; ++i) {
      if (!std::isnan(DecodeSmallFloat(dtype, static_cast<uint32_t>(i)))) EXPECT_EQ(back[i], bits[i]);
    }
  }
}

TEST(Elemental, BitcastsJoinAndSplitElements) {
  CheckElemental("(%0: tensor<3x2xui32>) { %1 = bitcast_convert(%0) : tensor<3xui64> return(%1) }",
                 [](const auto& in, const Dims& at) { return in[0][at[0] * 2] + in[0][at[0] * 2 + 1] * 4294967296.0; });
  CheckElemental("(%0: tensor<3x4xui8>) { %1 = bitcast_convert(%0) : tensor<3xui32> return(%1) }",
                 [](const auto& in, const Dims& at) {
                   double sum = 0;
                   for (int k = 3; k >= 0; --k) sum = sum * 256 + in[0][at[0] * 4 + k].real();
                   return Number(sum);
                 });
  CheckElemental("(%0: tensor<3xsi32>) { %1 = bitcast_convert(%0) : tensor<3x4xsi8> return(%1) }",
                 [](const auto& in, const Dims& at) {
                   const auto bits = static_cast<uint32_t>(static_cast<int32_t>(in[0][at[0]].real()));
                   return Number(static_cast<int8_t>(bits >> (8 * at[1])));
                 });
}

TEST(Elemental, ReducesFewElementsInPlace) {
  CheckElemental(
      "(%0: tensor<6x3xf32>) { %1 = constant() {value = dense<0>} : tensor<f32> %2 = reduce(%0, %1) {dimensions = "
      "[1]} : tensor<6xf32> (%3: tensor<f32>, %4: tensor<f32>) { %5 = add(%3, %4) : tensor<f32> return(%5) } "
      "%6 = negate(%2) : tensor<6xf32> return(%6) }",
      [](const auto& in, const Dims& at) { return -(in[0][at[0] * 3] + in[0][at[0] * 3 + 1] + in[0][at[0] * 3 + 2]); });
}

TEST(Elemental, SharedValuesAreEmittedOnce) {
  // A chain in which every value is used twice doubles at each step unless it is remembered.
  std::string body = "(%0: tensor<64xf32>) { ";
  std::string last = "%0";
  for (int i = 1; i <= 60; ++i) {
    body += Format("%{0} = add({1}, {1}) : tensor<64xf32> %{2} = multiply(%{0}, {1}) : tensor<64xf32> ", 2 * i, last,
                   2 * i + 1);
    last = Format("%{}", 2 * i + 1);
  }
  TestGroup test(body + "return(" + last + ") }");
  StatusOr<LoweredGroup> lowered = LowerLoop(test.group, {ScalarProfile()});
  ASSERT_TRUE(lowered.ok());
  EXPECT_LT(lowered->dispatches[0].kernel.value_types.size(), 200u);
}

TEST(Elemental, LongChainsDoNotOverflowTheStack) {
  std::string body = "(%0: tensor<4xf32>) { ";
  for (int i = 1; i <= 20000; ++i) body += Format("%{} = negate(%{}) : tensor<4xf32> ", i, i - 1);
  TestGroup test(body + "return(%20000) }");
  EXPECT_TRUE(LowerLoop(test.group, {ScalarProfile()}).ok());
}

TEST(Elemental, ChainsOfConcatenationsStopBeforeTheyExplode) {
  std::string body = "(%0: tensor<4xf32>) { ";
  for (int i = 0; i < 40; ++i) {
    body += Format(
        "%{0} = slice(%{1}) {{start_indices = [0], limit_indices = [2], strides = [1]}} : tensor<2xf32> "
        "%{2} = slice(%{1}) {{start_indices = [2], limit_indices = [4], strides = [1]}} : tensor<2xf32> "
        "%{3} = concatenate(%{2}, %{0}) {{dimension = 0}} : tensor<4xf32> ",
        3 * i + 1, 3 * i, 3 * i + 2, 3 * i + 3);
  }
  TestGroup test(body + "return(%120) }");
  const StatusOr<LoweredGroup> lowered = LowerLoop(test.group, {ScalarProfile()});
  if (!lowered.ok()) EXPECT_EQ(lowered.status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dragoman::kernel
