// SPDX-License-Identifier: Apache-2.0
#include "element/reduce_combiner.h"

#include <gtest/gtest.h>

#include "element/launch.h"
#include "lower/group_testing.h"

namespace dragoman::kernel {
namespace {

std::string ReduceBody(const std::string& dtype, const std::string& region, const std::string& init) {
  return Format(
      "(%0: tensor<6x{0}>) {{ %i = constant() {{value = dense<{2}>}} : tensor<{0}> %r = reduce(%0, %i) {{dimensions = "
      "[0]}} : tensor<{0}> (%a: tensor<{0}>, %b: tensor<{0}>) {{ {1} }} return(%r) }}",
      dtype, region, init);
}
std::string Combine(const std::string& op, const std::string& dtype, const std::string& operands = "%a, %b") {
  return Format("%c = {}({}) : tensor<{}> return(%c)", op, operands, dtype);
}
const char* ZeroOf(const std::string& dtype) { return dtype[0] == 'c' ? "(0, 0)" : dtype == "i1" ? "false" : "0"; }

struct CombinerTest {
  TestGroup test;
  Combiner combiner;
  CombinerTest(const std::string& body)
      : test(body, fusion::GroupKind::kReduce),
        combiner(*test.group.hero->regions[0], InitialValues(*test.group.hero)) {}
};

TEST(ReduceCombiner, CarriesSumsOfNarrowFloatsInSinglePrecision) {
  const struct {
    const char* dtype;
    const char* op;
    DType accumulator;
    int bytes;        // with arithmetic on f16
    int plain_bytes;  // without
  } rows[] = {{"f32", "add", DType::kF32, 4, 4},         {"bf16", "add", DType::kF32, 4, 4},
              {"bf16", "multiply", DType::kF32, 4, 4},   {"bf16", "maximum", DType::kBF16, 4, 4},
              {"f16", "add", DType::kF32, 4, 4},         {"f16", "minimum", DType::kF16, 2, 4},
              {"f8E5M2", "add", DType::kF32, 4, 4},      {"f64", "add", DType::kF64, 8, 8},
              {"si8", "add", DType::kS8, 4, 4},          {"ui64", "multiply", DType::kU64, 8, 8},
              {"i1", "or", DType::kPred, 4, 4},          {"c64", "add", DType::kC64, 8, 8},
              {"c128", "multiply", DType::kC128, 16, 16}};
  for (const auto& row : rows) {
    SCOPED_TRACE(Format("{} of {}", row.op, row.dtype));
    const CombinerTest c(ReduceBody(row.dtype, Combine(row.op, row.dtype), ZeroOf(row.dtype)));
    ASSERT_EQ(c.combiner.num_values(), 1);
    EXPECT_EQ(c.combiner.accumulator(0), row.accumulator);
    target::DeviceProfile profile = VectorProfile();
    EXPECT_EQ(c.combiner.SharedBytes(profile), row.bytes);
    EXPECT_EQ(c.combiner.MachineTypes(profile).size(), IsComplex(row.accumulator) ? 2u : 1u);
    profile.float16 = false;
    EXPECT_EQ(c.combiner.SharedBytes(profile), row.plain_bytes);
  }
}

TEST(ReduceCombiner, KnowsWhichRegionsTakeTheirElementsInAnyOrder) {
  const std::string two = "%d = add(%a, %b) : tensor<f32> %c = add(%d, %a) : tensor<f32> return(%c)";
  const struct {
    std::string region;
    bool is_ordered;
  } rows[] = {{Combine("add", "f32"), false},
              {Combine("add", "f32", "%b, %a"), false},
              {Combine("maximum", "f32"), false},
              {Combine("add", "f32", "%a, %a"), true},
              {Combine("subtract", "f32"), true},
              {Combine("divide", "f32"), true},
              {two, true},
              {"return(%a)", true},
              {"%d = add(%a, %b) : tensor<f32> return(%b)", true}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.region);
    EXPECT_EQ(CombinerTest(ReduceBody("f32", row.region, "0")).combiner.is_ordered(), row.is_ordered);
  }
}

// Start, then Lift and Combine of some of six elements, then Finish.
Number Combined(CombinerTest& c, int count, const target::DeviceProfile& profile) {
  Builder b(profile);
  Elemental elemental(b, c.test.group);
  const ir::Value* result = c.test.group.hero->result();
  b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] {
    Elemental::Scope scope(elemental);
    auto sum = c.combiner.Start(elemental);
    ASSERT_TRUE(sum.ok()) << sum.status().message();
    for (int i = 0; i < count; ++i) {
      const Scalar element = elemental.Load(c.test.group.inputs[0], Index::FromLinear(b.I32(i)));
      const auto lifted = c.combiner.Lift(elemental, std::vector<Scalar>{element});
      ASSERT_TRUE(lifted.ok());
      sum = c.combiner.Combine(elemental, *sum, *lifted);
      ASSERT_TRUE(sum.ok());
    }
    const auto finished = c.combiner.Finish(elemental, *sum);
    ASSERT_TRUE(finished.ok());
    elemental.Store(result, Index::FromLinear(b.I32(0)), (*finished)[0]);
  });
  LoweredGroup lowered;
  lowered.dispatches.push_back(FinishDispatch(std::move(b), elemental, 8, 1, "combine"));
  const Status run = RunLoweredGroup(lowered, c.test.memory);
  EXPECT_TRUE(run.ok()) << run.message();
  return c.test.Output(0)[0];
}

// An identity changes nothing, and an initial value comes in once: with no elements it is the result.
TEST(ReduceCombiner, BeginsWithAnIdentityAndAddsTheInitialValueOnce) {
  const struct {
    const char* op;
    const char* init;
    double (*combine)(double, double);
  } rows[] = {{"add", "5", [](double a, double b) { return a + b; }},
              {"multiply", "3", [](double a, double b) { return a * b; }},
              {"maximum", "1", [](double a, double b) { return std::max(a, b); }},
              {"minimum", "2", [](double a, double b) { return std::min(a, b); }}};
  const std::vector<double> values = {2, 1, 3, 2, 1, 3};
  for (const char* dtype : {"si8", "ui8", "si16", "ui16", "si32", "ui32", "si64", "ui64", "f32", "f64", "f16", "bf16",
                            "f8E4M3FN", "f8E5M2"}) {
    for (const auto& row : rows) {
      for (const int count : {0, 1, 3}) {
        for (const bool has_f16 : {false, true}) {
          SCOPED_TRACE(Format("{} of {} {}", row.op, count, dtype));
          CombinerTest c(ReduceBody(dtype, Combine(row.op, dtype), row.init));
          c.test.SetInput(0, Numbers(values.begin(), values.end()));
          target::DeviceProfile profile = VectorProfile();
          profile.float16 = has_f16;
          double expected = std::stod(row.init);
          for (int i = 0; i < count; ++i) expected = row.combine(expected, values[i]);
          std::byte rounded[16];
          EncodeElement(*DTypeFromName(dtype), expected, rounded);
          EXPECT_EQ(Combined(c, count, profile), DecodeElement(*DTypeFromName(dtype), rounded));
        }
      }
    }
  }
}

TEST(ReduceCombiner, KeepsExtremesOfEveryType) {
  const struct {
    const char* dtype;
    const char* least;
    const char* most;
  } rows[] = {{"si8", "-128", "127"},
              {"ui8", "0", "255"},
              {"si16", "-32768", "32767"},
              {"ui16", "0", "65535"},
              {"si32", "-2147483648", "2147483647"},
              {"ui32", "0", "4294967295"},
              {"f16", "0xfc00", "0x7c00"},
              {"bf16", "0xff80", "0x7f80"},
              {"f32", "0xff800000", "0x7f800000"}};
  for (const auto& row : rows) {
    for (const bool is_maximum : {false, true}) {
      SCOPED_TRACE(row.dtype);
      const char* init = is_maximum ? row.least : row.most;
      CombinerTest c(ReduceBody(row.dtype, Combine(is_maximum ? "maximum" : "minimum", row.dtype), init));
      const Number extreme =
          std::string(init).starts_with("0x") ? (is_maximum ? -INFINITY : INFINITY) : std::stod(init);
      c.test.SetInput(0, Numbers(6, extreme));
      EXPECT_EQ(Combined(c, 2, VectorProfile()), extreme);
    }
  }
}

TEST(ReduceCombiner, SetsOfSeveralReductionsLieOneAfterTheOther) {
  const TestGroup test(
      "(%0: tensor<6xbf16>, %1: tensor<6xc64>) { %i = constant() {value = dense<0>} : tensor<bf16> %j = constant() "
      "{value = dense<(0, 0)>} : tensor<c64> %r = reduce(%0, %i) {dimensions = [0]} : tensor<bf16> (%a: tensor<bf16>, "
      "%b: tensor<bf16>) { %c = add(%a, %b) : tensor<bf16> return(%c) } %s = reduce(%1, %j) {dimensions = [0]} : "
      "tensor<c64> (%d: tensor<c64>, %e: tensor<c64>) { %f = subtract(%d, %e) : tensor<c64> return(%f) } return(%r, "
      "%s) "
      "}");
  ASSERT_NE(test.module, nullptr);
  const ir::Op* reduces[] = {test.group.outputs[0]->op, test.group.outputs[1]->op};
  const Combiner combiner(reduces);
  EXPECT_EQ(combiner.num_values(), 2);
  EXPECT_EQ(combiner.accumulator(0), DType::kF32);
  EXPECT_EQ(combiner.accumulator(1), DType::kC64);
  EXPECT_TRUE(combiner.is_ordered());
  const target::DeviceProfile profile = VectorProfile();
  EXPECT_EQ(combiner.MachineTypes(profile), (std::vector<KType>{KType::kF32, KType::kF32, KType::kF32}));
  Builder b(profile);
  const V parts[] = {b.F32(1), b.F32(2), b.F32(3)};
  const std::vector<Scalar> sets = combiner.Unflatten(parts);
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].im.id, kNoValue);
  EXPECT_EQ(sets[1].re.id, parts[1].id);
  EXPECT_EQ(sets[1].im.id, parts[2].id);
}

}  // namespace
}  // namespace dragoman::kernel
