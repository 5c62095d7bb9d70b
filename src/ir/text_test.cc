// SPDX-License-Identifier: Apache-2.0
#include "ir/text.h"

#include <gtest/gtest.h>

#include <cstring>

#include "ir/ir.h"

namespace dragoman::ir {
namespace {

constexpr std::string_view kProgram = R"(module @jit_step {num_partitions = 2, num_replicas = 1}

func public @main(%0: tensor<2x3xf32> {aliased_output = 0, is_donor = 1}, %1: tensor<i1>) {
  %2 = constant() {value = dense<1.5>} : tensor<2x3xf32>
  %3 = add(%0, %2) : tensor<2x3xf32>
  %4 = constant() {value = dense<0>} : tensor<f32>
  %5 = reduce(%3, %4) {dimensions = [0, 1]} : tensor<f32> (%6: tensor<f32>, %7: tensor<f32>) {
    %8 = add(%6, %7) : tensor<f32>
    return(%8)
  }
  %9, %10 = while(%5, %1) : tensor<f32>, tensor<i1> (%11: tensor<f32>, %12: tensor<i1>) {
    return(%12)
  } (%13: tensor<f32>, %14: tensor<i1>) {
    return(%13, %14)
  }
  %15 = custom_call(%3) {call_target_name = "a\"b\\\0a", backend_config = "", has_side_effect = 0} : tensor<2x3xf32>
  %16 = call(%3) {callee = "relu"} : tensor<2x3xf32>
  return(%16, %9)
}

func @relu(%0: tensor<2x3xf32>) {
  return(%0)
}
)";

TEST(Text, RoundTripPrintsTheSame) {
  auto module = Parse(kProgram);
  ASSERT_TRUE(module.ok()) << module.status().message();
  EXPECT_TRUE(Verify(**module).ok()) << Verify(**module).message();
  EXPECT_EQ(Print(**module), kProgram);
  EXPECT_TRUE((*module)->main()->parameters[0].is_donor);
  EXPECT_EQ((*module)->num_partitions, 2);
}

TEST(Text, LiteralsOfEveryKindSurvive) {
  const struct {
    const char* type;
    const char* text;
  } cases[] = {
      {"tensor<3xsi32>", "dense<[-1, 0, 2147483647]>"},
      {"tensor<2xui64>", "dense<[0, 18446744073709551615]>"},
      {"tensor<2xi1>", "dense<[true, false]>"},
      {"tensor<3xf32>", "dense<[0.1, -0, 0x7fc00000]>"},
      {"tensor<2xf64>", "dense<[0.1, 0x7ff0000000000000]>"},
      {"tensor<2xbf16>", "dense<[1.5, -0.0078125]>"},
      {"tensor<2xf16>", "dense<[65504, 5.960464477539063e-08]>"},
      {"tensor<2xf8E4M3FN>", "dense<[448, 0.001953125]>"},
      {"tensor<2xc64>", "dense<[(1, -2.5), (0, 0)]>"},
      {"tensor<4xsi32>", "dense<7>"},
      {"tensor<0xf32>", "dense<[]>"},
      {"tensor<si4>", "dense<-8>"},
  };
  for (const auto& [type_text, text] : cases) {
    const auto type = ParseType(type_text);
    ASSERT_TRUE(type.ok()) << type.status().message();
    EXPECT_EQ(type->ToString(), type_text);
    const std::string_view inner = std::string_view(text).substr(6, std::strlen(text) - 7);
    const auto literal = ParseLiteral(inner, *type);
    ASSERT_TRUE(literal.ok()) << literal.status().message();
    EXPECT_EQ(PrintLiteral(*literal), text) << type_text;
  }
}

TEST(Text, LongLiteralsBecomeHexadecimalBytes) {
  std::vector<std::byte> bytes(20 * 2);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const Literal literal({DType::kU16, {20}}, bytes);
  const std::string text = PrintLiteral(literal);
  EXPECT_EQ(text.substr(0, 13), "dense<\"00070e");
  const auto again = ParseLiteral(std::string_view(text).substr(6, text.size() - 7), literal.type());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(*again == literal);
}

TEST(Text, MessagesNameTheLine) {
  const auto missing = Parse("module @m\nfunc @main() {\n  return(%0)\n}");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.status().message().find("line 3: %0 is not defined"), std::string::npos)
      << missing.status().message();
  EXPECT_FALSE(Parse("module @m\nfunc @main() {").ok());
  EXPECT_FALSE(Parse("module @m\nfunc @main() { %0 = nonsense() : tensor<f32> return() }").ok());
  EXPECT_FALSE(Parse("module @m\nfunc @main(%0: tensor<2xf33>) { return() }").ok());
  EXPECT_FALSE(Parse("module @m\nfunc @main(%0: tensor<f32>, %0: tensor<f32>) { return() }").ok());
}

}  // namespace
}  // namespace dragoman::ir
