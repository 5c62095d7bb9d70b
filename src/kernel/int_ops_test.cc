// SPDX-License-Identifier: Apache-2.0
#include "kernel/int_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <vector>

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

// ---- Every operation on pairs of special numbers, against the language's own arithmetic on that width

template <typename Signed>
std::vector<Signed> SpecialNumbers() {
  using Limits = std::numeric_limits<Signed>;
  std::vector<Signed> numbers = {0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 255, 4096, 50257, Limits::max(), Limits::min()};
  for (int shift = 8; shift < Limits::digits; shift += 7) numbers.push_back(Signed{1} << shift);
  const size_t count = numbers.size();
  for (size_t i = 0; i < count; ++i) {
    numbers.push_back(static_cast<Signed>(std::make_unsigned_t<Signed>(0) - std::make_unsigned_t<Signed>(numbers[i])));
    numbers.push_back(static_cast<Signed>(~numbers[i]));
  }
  return numbers;
}

// nullopt: undefined.
template <typename Signed, typename Unsigned = std::make_unsigned_t<Signed>>
std::optional<Unsigned> Plainly(KOp op, Signed sa, Signed sb) {
  const auto a = static_cast<Unsigned>(sa), b = static_cast<Unsigned>(sb);
  constexpr Unsigned kWidth = 8 * sizeof(Signed);
  const bool overflows = sa == std::numeric_limits<Signed>::min() && sb == -1;
  const auto of = [](auto value) { return std::optional(static_cast<Unsigned>(value)); };
  switch (op) {
    case KOp::kIAdd:
      return of(a + b);
    case KOp::kISub:
      return of(a - b);
    case KOp::kIMul:
      return of(a * b);
    case KOp::kSDiv:
      return sb == 0 ? std::nullopt : overflows ? of(sa) : of(sa / sb);
    case KOp::kSRem:
      return sb == 0 ? std::nullopt : overflows ? of(0) : of(sa % sb);
    case KOp::kUDiv:
      return b == 0 ? std::nullopt : of(a / b);
    case KOp::kURem:
      return b == 0 ? std::nullopt : of(a % b);
    case KOp::kSMin:
      return of(std::min(sa, sb));
    case KOp::kSMax:
      return of(std::max(sa, sb));
    case KOp::kUMin:
      return of(std::min(a, b));
    case KOp::kUMax:
      return of(std::max(a, b));
    case KOp::kAnd:
      return of(a & b);
    case KOp::kOr:
      return of(a | b);
    case KOp::kXor:
      return of(a ^ b);
    case KOp::kNot:
      return of(~a);
    case KOp::kShl:
      return b >= kWidth ? std::nullopt : of(a << b);
    case KOp::kShrU:
      return b >= kWidth ? std::nullopt : of(a >> b);
    case KOp::kShrS:
      return b >= kWidth ? std::nullopt : of(sa >> b);
    case KOp::kIEq:
      return of(a == b);
    case KOp::kINe:
      return of(a != b);
    case KOp::kSLt:
      return of(sa < sb);
    case KOp::kSLe:
      return of(sa <= sb);
    case KOp::kULt:
      return of(a < b);
    case KOp::kULe:
      return of(a <= b);
    default:
      return of(0);
  }
}

bool IsFor32BitsAlone(KOp op) { return Between(op, KOp::kClz, KOp::kUMulHigh); }

template <typename Signed>
void CheckAllPairs(KType type) {
  for (int code = static_cast<int>(KOp::kIAdd); code <= static_cast<int>(KOp::kULe); ++code) {
    const auto op = static_cast<KOp>(code);
    if (IsFor32BitsAlone(op)) continue;
    for (const Signed a : SpecialNumbers<Signed>()) {
      for (const Signed b : SpecialNumbers<Signed>()) {
        using Unsigned = std::make_unsigned_t<Signed>;
        const auto expected = Plainly<Signed>(op, a, b);
        const auto actual = EvaluateInt(op, type, static_cast<Unsigned>(a), static_cast<Unsigned>(b));
        ASSERT_EQ(actual.has_value(), expected.has_value()) << Name(op) << " " << a << ", " << b;
        if (!actual.has_value()) continue;
        ASSERT_EQ(static_cast<Unsigned>(*actual), *expected) << Name(op) << " " << a << ", " << b;
      }
    }
  }
}

TEST(EvaluateInt, ComputesWhatThePlainArithmeticDoes) {
  CheckAllPairs<int32_t>(KType::kI32);
  CheckAllPairs<int64_t>(KType::kI64);
}

TEST(EvaluateInt, TheHighHalfIsThatOfTheWholeProduct) {
  for (const int32_t a : SpecialNumbers<int32_t>()) {
    const auto ua = static_cast<uint32_t>(a);
    EXPECT_EQ(Low(EvaluateInt(KOp::kClz, KType::kI32, ua, 0)), static_cast<uint32_t>(std::countl_zero(ua)));
    EXPECT_EQ(Low(EvaluateInt(KOp::kPopcount, KType::kI32, ua, 0)), static_cast<uint32_t>(std::popcount(ua)));
    for (const int32_t b : SpecialNumbers<int32_t>()) {
      const auto ub = static_cast<uint32_t>(b);
      EXPECT_EQ(Low(EvaluateInt(KOp::kUMulHigh, KType::kI32, ua, ub)), uint64_t{ua} * ub >> 32) << a << ", " << b;
    }
  }
}

TEST(EvaluateInt, SignsExtendFromTheTypesWidth) {
  EXPECT_EQ(SignExtend(KType::kI32, 0x80000000u), INT32_MIN);
  EXPECT_EQ(SignExtend(KType::kI32, 0x7fffffffu), INT32_MAX);
  EXPECT_EQ(SignExtend(KType::kI32, 0xffffffff00000001u), 1);
  EXPECT_EQ(SignExtend(KType::kI64, 0x80000000u), int64_t{1} << 31);
  EXPECT_EQ(SignExtend(KType::kI64, ~uint64_t{0}), -1);
}

}  // namespace
}  // namespace dragoman::kernel
