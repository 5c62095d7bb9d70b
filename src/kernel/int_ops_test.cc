// SPDX-License-Identifier: Apache-2.0
#include "kernel/int_ops.h"

#include <gtest/gtest.h>

#include <limits>

namespace dragoman::kernel {
namespace {

constexpr uint64_t kLeast32 = 0x80000000u;
constexpr uint64_t kMinusOne32 = 0xffffffffu;

// Of 32-bit results only the low half says something.
uint64_t Low(std::optional<uint64_t> value) { return value.value() & 0xffffffffu; }

TEST(EvaluateInt, DividesAsSignedOrUnsigned) {
  EXPECT_EQ(Low(EvaluateInt(KOp::kSDiv, KType::kI32, static_cast<uint32_t>(-7), 2)), static_cast<uint32_t>(-3));
  EXPECT_EQ(Low(EvaluateInt(KOp::kSRem, KType::kI32, static_cast<uint32_t>(-7), 2)), static_cast<uint32_t>(-1));
  EXPECT_EQ(Low(EvaluateInt(KOp::kUDiv, KType::kI32, static_cast<uint32_t>(-7), 2)), 0x7ffffffcu);
  EXPECT_EQ(Low(EvaluateInt(KOp::kURem, KType::kI32, static_cast<uint32_t>(-7), 2)), 1u);
}

TEST(EvaluateInt, TheLeastIntegerByMinusOneIsItself) {
  EXPECT_EQ(Low(EvaluateInt(KOp::kSDiv, KType::kI32, kLeast32, kMinusOne32)), kLeast32);
  EXPECT_EQ(Low(EvaluateInt(KOp::kSRem, KType::kI32, kLeast32, kMinusOne32)), 0u);
  constexpr uint64_t least = uint64_t{1} << 63;
  EXPECT_EQ(EvaluateInt(KOp::kSDiv, KType::kI64, least, ~uint64_t{0}), least);
  EXPECT_EQ(EvaluateInt(KOp::kSRem, KType::kI64, least, ~uint64_t{0}), 0u);
}

TEST(EvaluateInt, WhatIsUndefinedHasNoValue) {
  for (const KType type : {KType::kI32, KType::kI64}) {
    for (const KOp op : {KOp::kSDiv, KOp::kUDiv, KOp::kSRem, KOp::kURem}) {
      EXPECT_FALSE(EvaluateInt(op, type, 5, 0).has_value());
    }
    const uint64_t width = type == KType::kI64 ? 64 : 32;
    for (const KOp op : {KOp::kShl, KOp::kShrU, KOp::kShrS}) {
      EXPECT_FALSE(EvaluateInt(op, type, 5, width).has_value());
      EXPECT_TRUE(EvaluateInt(op, type, 5, width - 1).has_value());
    }
  }
  EXPECT_FALSE(EvaluateInt(KOp::kFAdd, KType::kF32, 1, 2).has_value());
  EXPECT_FALSE(EvaluateInt(KOp::kConstant, KType::kI32, 1, 2).has_value());
}

TEST(EvaluateInt, ComparesAndShiftsByTheSignOfTheType) {
  EXPECT_EQ(EvaluateInt(KOp::kSLt, KType::kI32, kMinusOne32, 0), 1u);
  EXPECT_EQ(EvaluateInt(KOp::kULt, KType::kI32, kMinusOne32, 0), 0u);
  EXPECT_EQ(EvaluateInt(KOp::kSLt, KType::kI64, kMinusOne32, 0), 0u);
  EXPECT_EQ(EvaluateInt(KOp::kSMin, KType::kI32, kMinusOne32, 3), kMinusOne32);
  EXPECT_EQ(EvaluateInt(KOp::kUMin, KType::kI32, kMinusOne32, 3), 3u);
  EXPECT_EQ(Low(EvaluateInt(KOp::kShrS, KType::kI32, kLeast32, 31)), kMinusOne32);
  EXPECT_EQ(Low(EvaluateInt(KOp::kShrU, KType::kI32, kLeast32, 31)), 1u);
}

TEST(EvaluateInt, CountsAndMultipliesInThirtyTwoBits) {
  EXPECT_EQ(EvaluateInt(KOp::kClz, KType::kI32, 0, 0), 32u);
  EXPECT_EQ(EvaluateInt(KOp::kClz, KType::kI32, 1, 0), 31u);
  EXPECT_EQ(EvaluateInt(KOp::kPopcount, KType::kI32, kMinusOne32, 0), 32u);
  EXPECT_EQ(EvaluateInt(KOp::kUMulHigh, KType::kI32, kMinusOne32, kMinusOne32), 0xfffffffeu);
  EXPECT_EQ(Low(EvaluateInt(KOp::kNot, KType::kI32, 0, 0)), kMinusOne32);
}

}  // namespace
}  // namespace dragoman::kernel
