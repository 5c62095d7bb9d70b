// SPDX-License-Identifier: Apache-2.0
// Canonicalize promises exact results. Here are its arithmetic rules on zeros of both signs, infinities, NaN, the
// smallest and the largest numbers of every type, and conversions of conversions between all types, bit by bit.
#include <limits>

#include "base/arithmetic.h"
#include "base/format.h"
#include "passes/canonicalize.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

constexpr DType kTypes[] = {
    DType::kPred,   DType::kS4,  DType::kU4,  DType::kS8,        DType::kU8,       DType::kS16,        DType::kU16,
    DType::kS32,    DType::kU32, DType::kS64, DType::kU64,       DType::kF8E4M3FN, DType::kF16,        DType::kBF16,
    DType::kF8E5M2, DType::kF32, DType::kF64, DType::kF8E8M0FNU, DType::kF4E2M1FN, DType::kF8E4M3FNUZ,
};

// All values of narrow types, special ones of others.
ir::Literal SpecialLiteral(DType dtype) {
  const int size = SizeBytes(dtype);
  std::vector<uint64_t> patterns;
  if (Info(dtype).bits <= 8) {
    for (uint64_t i = 0; i < uint64_t{1} << Info(dtype).bits; ++i) patterns.push_back(i);
  } else {
    const uint64_t sign = uint64_t{1} << (Info(dtype).bits - 1);
    // As floats: zeros, subnormals, normal numbers of all sizes, infinities and NaN. As integers, whatever they are.
    for (int shift = 0; shift < Info(dtype).bits; ++shift) {
      for (const uint64_t near : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}})
        patterns.push_back((uint64_t{1} << shift) + near);
      patterns.push_back(~uint64_t{0} << shift);
    }
    for (const double value : {1.0, -1.0, 2.0, 0.5, -3.0, 255.0, 65504.0, kInfinity, -kInfinity}) {
      const ir::Literal one = reference::LiteralFromDoubles({IsFloat(dtype) ? dtype : DType::kF64, {}}, {&value, 1});
      uint64_t bits = 0;
      std::memcpy(&bits, one.bytes().data(), one.bytes().size());
      patterns.push_back(bits);
      patterns.push_back(bits ^ sign);
    }
    patterns.push_back(0);
  }
  std::vector<std::byte> bytes(patterns.size() * static_cast<size_t>(size));
  for (size_t i = 0; i < patterns.size(); ++i) {
    std::memcpy(&bytes[i * static_cast<size_t>(size)], &patterns[i], static_cast<size_t>(size));
  }
  return ir::Literal({dtype, {static_cast<int64_t>(patterns.size())}}, std::move(bytes));
}

// Bits are kept, but NaNs are all one, and so are zeros where `ignores_zeros`.
void ExpectExact(const std::string& text, const std::vector<ir::Literal>& inputs, bool ignores_zeros = false) {
  auto module = ParseForTest(text);
  ASSERT_NE(module, nullptr) << text;
  const auto before = reference::Evaluate(*module, "main", inputs);
  const target::DeviceProfile profile;
  ASSERT_TRUE(Canonicalize(*module, {profile}).ok());
  const auto after = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(before.ok() && after.ok()) << text;
  for (size_t result = 0; result < before->size(); ++result) {
    for (int64_t i = 0; i < (*before)[result].type().num_elements(); ++i) {
      const double was = reference::ElementAsDouble((*before)[result], i),
                   is = reference::ElementAsDouble((*after)[result], i);
      if (std::isnan(was) && std::isnan(is)) continue;
      if (IsInteger((*before)[result].type().dtype)) {
        ASSERT_EQ(reference::ElementAsInt((*after)[result], i), reference::ElementAsInt((*before)[result], i))
            << "of element " << i << "\n"
            << text << ir::Print(*module);
        continue;
      }
      const bool is_same = was == is && (ignores_zeros || std::signbit(was) == std::signbit(is));
      ASSERT_TRUE(is_same) << was << " became " << is << "\n" << text << ir::Print(*module);
    }
  }
}

std::string OneOp(DType dtype, int64_t count, std::string_view number, std::string_view op) {
  const std::string type = Format("tensor<{}x{}>", count, Name(dtype));
  const std::string_view truth = number == "0" ? "false" : "true";
  return Format(
      "module @m\nfunc public @main(%x: {0}) {{ %k = constant() {{value = dense<{1}>}} : {0} %r = {2} : {0} return(%r) "
      "}}",
      type, IsPred(dtype) ? truth : number, op);
}

bool Takes(ir::OpCode code, DType dtype) {
  const uint8_t domain = IsPred(dtype) ? kOnBool : IsInteger(dtype) ? kOnInt : kOnFloat;
  return (Info(ir::AsScalarOp(code)).domain & domain) != 0;
}

struct RuleRow {
  ir::OpCode code;
  std::vector<std::string_view> numbers;
};
const RuleRow kRules[] = {
    {ir::OpCode::kAdd, {"0", "1"}},
    {ir::OpCode::kSubtract, {"0", "1"}},
    {ir::OpCode::kMultiply, {"0", "1", "2", "3"}},
    {ir::OpCode::kDivide, {"1", "2", "4", "3"}},
    {ir::OpCode::kPower, {"0", "1", "2", "3"}},
    {ir::OpCode::kAnd, {"0", "1", "3"}},
    {ir::OpCode::kOr, {"0", "1", "3"}},
    {ir::OpCode::kXor, {"0", "1"}},
    {ir::OpCode::kShiftLeft, {"0", "1"}},
    {ir::OpCode::kShiftRightLogical, {"0", "1"}},
    {ir::OpCode::kShiftRightArithmetic, {"0", "1"}},
    {ir::OpCode::kMaximum, {"0", "1"}},
    {ir::OpCode::kMinimum, {"0", "1"}},
};

class ExactRules : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, ExactRules, testing::ValuesIn(kTypes),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(ExactRules, OfNeutralAbsorbingAndEqualOperands) {
  const DType dtype = GetParam();
  const ir::Literal x = SpecialLiteral(dtype);
  const int64_t count = x.type().num_elements();
  for (const RuleRow& row : kRules) {
    if (!Takes(row.code, dtype)) continue;
    const std::string_view name = ir::Info(row.code).name;
    const bool is_sum = row.code == ir::OpCode::kAdd || row.code == ir::OpCode::kSubtract;
    for (const std::string_view number : row.numbers) {
      ExpectExact(OneOp(dtype, count, number, Format("{}(%x, %k)", name)), {x}, is_sum);
      ExpectExact(OneOp(dtype, count, number, Format("{}(%k, %x)", name)), {x}, is_sum);
    }
    ExpectExact(OneOp(dtype, count, "1", Format("{}(%x, %x)", name)), {x});
  }
}

TEST_P(ExactRules, OfWhatUndoesItself) {
  const DType dtype = GetParam();
  const ir::Literal x = SpecialLiteral(dtype);
  for (const ir::OpCode code : {ir::OpCode::kNegate, ir::OpCode::kNot}) {
    if (!Takes(code, dtype)) continue;
    const std::string type = Format("tensor<{}x{}>", x.type().num_elements(), Name(dtype));
    const std::string text =
        Format("module @m\nfunc public @main(%x: {0}) {{ %a = {1}(%x) : {0} %r = {1}(%a) : {0} return(%r) }}", type,
               ir::Info(code).name);
    ExpectExact(text, {x});
    EXPECT_EQ(RunForTest(Canonicalize, text).find("return(%0)") == std::string::npos, dtype == DType::kF8E8M0FNU);
  }
}

// From each type through each to each.
TEST_P(ExactRules, OfConversionsOfConversions) {
  const DType from = GetParam();
  const ir::Literal x = SpecialLiteral(from);
  const int64_t count = x.type().num_elements();
  for (const DType middle : kTypes) {
    std::string body, results;
    for (size_t i = 0; i < std::size(kTypes); ++i) {
      body += Format("%r{} = convert(%m) : tensor<{}x{}> ", i, count, Name(kTypes[i]));
      results += Format("{}%r{}", i == 0 ? "" : ", ", i);
    }
    ExpectExact(Format("module @m\nfunc public @main(%x: tensor<{0}x{1}>) {{ %m = convert(%x) : tensor<{0}x{2}> {3} "
                       "return({4}) }}",
                       count, Name(from), Name(middle), body, results),
                {x});
  }
}

// A boolean as a number, compared with 0 and 1 of both signs in each direction and order.
TEST_P(ExactRules, OfComparisonsWithBooleans) {
  const DType dtype = GetParam();
  if (IsPred(dtype)) return;
  const ir::Literal truths = SpecialLiteral(DType::kPred);
  for (const std::string_view number : {"0", "1", "-0.0", "2"}) {
    if (number == "-0.0" && !IsFloat(dtype)) continue;
    for (int direction = 0; direction < 6; ++direction) {
      for (const int type : {0, 1, 2}) {
        if (IsFloat(dtype) != (type > 0)) continue;
        ExpectExact(
            Format(
                "module @m\nfunc public @main(%x: tensor<2xi1>) {{ %c = convert(%x) : tensor<2x{0}> "
                "%k = constant() {{value = dense<{1}>}} : tensor<2x{0}> "
                "%r = compare(%c, %k) {{comparison_direction = {2}, compare_type = {3}}} : tensor<2xi1> return(%r) }}",
                Name(dtype), number, direction, type),
            {truths});
      }
    }
  }
}

// Divisors from 2^-149 to 2^127: a product is taken where it is the quotient, to the bit.
TEST(Canonicalize, DivisionsByPowersOfTwoAreExact) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF32, DType::kF64}) {
    const ir::Literal x = SpecialLiteral(dtype);
    const int lowest = dtype == DType::kF64 ? -1074 : -149, highest = dtype == DType::kF64 ? 1023 : 127;
    for (int exponent = lowest; exponent <= highest; exponent += 1 + std::abs(exponent) / 8) {
      for (const int sign : {1, -1}) {
        const double divisor = std::ldexp(sign, exponent);
        auto module = ParseForTest(OneOp(dtype, x.type().num_elements(), "3", "divide(%x, %k)"));
        ir::Op& constant = *module->main()->body.ops[0];
        const ir::Literal one = reference::LiteralFromDoubles({dtype, {}}, {&divisor, 1});
        constant.attributes.Set(ir::AttrKey::kValue, one.Reshaped(constant.type().dims));
        ExpectExact(ir::Print(*module), {x});
      }
    }
  }
}

// One element of each row of a tensor of ones; in the middle dimension, of `columns`.
std::string ScatterOfRows(std::string_view index, int64_t columns, std::string_view combined) {
  return Format(
      "module @m\nfunc public @main(%i: tensor<3x1x2x1x{0}>, %u: tensor<3x1x2xf32>) {{ %one = constant() {{value = "
      "dense<1.0>}} : tensor<f32> %x = broadcast_in_dim(%one) {{broadcast_dimensions = []}} : tensor<3x{1}x2xf32> %r = "
      "scatter(%x, %i, %u) {{update_window_dims = [], inserted_window_dims = [1], input_batching_dims = [0, 2], "
      "scatter_indices_batching_dims = [0, 2], scatter_dims_to_operand_dims = [1], index_vector_dim = 3, "
      "indices_are_sorted = 0, unique_indices = 0}} : tensor<3x{1}x2xf32> (%a: tensor<f32>, %b: tensor<f32>) {{ {2} }} "
      "return(%r) }}",
      index, columns, combined);
}

TEST(CanonicalizeExact, ScattersOfOneElementARow) {
  // One index is negative and one beyond the last column.
  const std::vector<int64_t> numbers = {0, 3, -1, 2, 4, 1};
  const std::vector<double> updates = {1.5, -2, 3, 0.25, 7, -1};
  const ir::Literal indices = reference::LiteralFromInts({DType::kS32, {3, 1, 2, 1}}, numbers);
  const ir::Literal values = reference::LiteralFromDoubles({DType::kF32, {3, 1, 2}}, updates);
  for (const std::string_view combined :
       {"%c = add(%a, %b) : tensor<f32> return(%c)", "%c = subtract(%a, %b) : tensor<f32> return(%c)", "return(%b)"}) {
    const std::string text = ScatterOfRows("si32", 4, combined);
    ExpectExact(text, {indices, values});
    EXPECT_EQ(RunForTest(Canonicalize, text).find("scatter("), std::string::npos);
  }
  // Positions from 128 on are no numbers of the type.
  EXPECT_EQ(RunForTest(Canonicalize, ScatterOfRows("si8", 128, "return(%b)")).find("scatter("), std::string::npos);
  EXPECT_NE(RunForTest(Canonicalize, ScatterOfRows("si8", 129, "return(%b)")).find("scatter("), std::string::npos);
}

}  // namespace
}  // namespace dragoman::passes
