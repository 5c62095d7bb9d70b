// SPDX-License-Identifier: Apache-2.0
#include "read/checks.h"

#include <gtest/gtest.h>

namespace dragoman::read {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(CheckType, NamesWhatNoTensorHas) {
  const struct {
    DType dtype;
    Dims dims;
    StatusCode code;
    const char* message;
  } cases[] = {
      {DType::kF32,
       {3, kDynamicExtent},
       StatusCode::kUnimplemented,
       "The type tensor<3x?xf32> has a dynamic dimension; only fixed ones are supported."},
      {DType::kF32, {3, -1}, StatusCode::kInvalidArgument, "The type tensor<3x-1xf32> has a negative extent."},
      {DType::kS8,
       {int64_t{1} << 31},
       StatusCode::kUnimplemented,
       "The type tensor<2147483648xsi8> has an extent beyond the limit of 2147483647."},
      {DType::kF32, Dims(65, 1), StatusCode::kUnimplemented, "A tensor of rank 65 is not supported, the limit is 64."},
      {DType::kF64,
       {1 << 30, 1 << 30},
       StatusCode::kInvalidArgument,
       "The type tensor<1073741824x1073741824xf64> exceeds 2^48 bytes."},
      {DType::kToken, {2}, StatusCode::kInvalidArgument, "A token has dimensions."},
  };
  for (const auto& test : cases) {
    const auto type = CheckType(test.dtype, test.dims);
    EXPECT_EQ(type.status().code(), test.code);
    EXPECT_EQ(type.status().message(), test.message);
  }
  EXPECT_EQ(*CheckType(DType::kF32, {0, 3}), (TensorType{DType::kF32, {0, 3}}));
  EXPECT_TRUE(CheckType(DType::kToken, {}).ok());
}

TEST(CheckLiteral, KeepsOnlyTheBitsOfTheType) {
  EXPECT_EQ(CheckLiteral({DType::kPred, {3}}, Bytes({0, 1, 6}))->bytes(), Bytes({0, 1, 1}));
  EXPECT_EQ(CheckLiteral({DType::kS4, {2}}, Bytes({0xfe, 0x17}))->bytes(), Bytes({0x0e, 0x07}));
  EXPECT_EQ(CheckLiteral({DType::kU8, {2}}, Bytes({0xfe, 0x17}))->bytes(), Bytes({0xfe, 0x17}));
  EXPECT_TRUE(CheckLiteral({DType::kS16, {5}}, Bytes({1, 2}))->is_splat());
  EXPECT_TRUE(CheckLiteral({DType::kS16, {0}}, Bytes({1, 2}))->bytes().empty());
  for (const int size : {0, 1, 3, 6}) {
    const auto literal = CheckLiteral({DType::kS16, {2}}, std::vector<std::byte>(size));
    EXPECT_EQ(literal.status().code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(CheckNumbers, NamesTheAttribute) {
  ir::Attributes attributes;
  attributes.Set(ir::AttrKey::kStrides, std::vector<int64_t>{1, -(int64_t{1} << 31) + 1});
  EXPECT_TRUE(CheckNumbers(attributes).ok());
  attributes.Set(ir::AttrKey::kStrides, std::vector<int64_t>{1, int64_t{1} << 31});
  EXPECT_EQ(CheckNumbers(attributes).message(),
            "The attribute strides is or has the number 2147483648, the limit is 2147483647.");
}

TEST(RaisePrecision, KeepsTheMostExact) {
  ir::Attributes attributes;
  for (const int64_t precision : {0, 2, 1}) EXPECT_TRUE(RaisePrecision(precision, attributes).ok());
  EXPECT_EQ(attributes.Int(ir::AttrKey::kPrecision), 2);
  EXPECT_FALSE(RaisePrecision(3, attributes).ok());
  EXPECT_FALSE(RaisePrecision(-1, attributes).ok());
}

TEST(WhileReading, SaysWhereIfThatIsKnown) {
  EXPECT_EQ(WhileReading("tan", PlaceText("/home/me/train.py", 17, "jit(step)/tan")),
            "While reading tan. At train.py:17 in jit(step)/tan.");
  EXPECT_EQ(WhileReading("tan", PlaceText("", 17, "jit(step)/tan")), "While reading tan. At jit(step)/tan.");
  EXPECT_EQ(WhileReading("tan", PlaceText("train.py", 17, "")), "While reading tan. At train.py:17.");
  EXPECT_EQ(WhileReading("tan", PlaceText("", 0, "")), "While reading tan.");
}

TEST(CheckModule, WantsMain) {
  EXPECT_EQ(CheckModule(std::make_unique<ir::Module>()).status().message(), "The program has no function main.");
  auto broken =
      ir::Parse("module @m\nfunc public @main(%x: tensor<f32>) {\n %y = negate(%x) : tensor<2xf32> return(%y)\n}");
  const Status status = CheckModule(*std::move(broken)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("The program is not valid."), std::string::npos);
}

}  // namespace
}  // namespace dragoman::read
