// SPDX-License-Identifier: Apache-2.0
// Integer operations on all pairs of numbers of the narrow types, and on those at the ends of the wide ones, against
// StableHLO's meaning written plainly: wrap-around, -1 and the dividend of divisions by zero, shifts beyond the width.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

struct IntType {
  int bits;
  bool is_signed;

  uint64_t Bits(int64_t value) const {
    return bits == 64 ? static_cast<uint64_t>(value) : static_cast<uint64_t>(value) & ((uint64_t{1} << bits) - 1);
  }
  // Of which the type's values are numbered.
  int64_t Wrap(int64_t value) const {
    const uint64_t own = Bits(value) << (64 - bits);
    return is_signed ? static_cast<int64_t>(own) >> (64 - bits) : static_cast<int64_t>(own >> (64 - bits));
  }
  bool IsLess(int64_t a, int64_t b) const {
    return is_signed ? a < b : static_cast<uint64_t>(a) < static_cast<uint64_t>(b);
  }
  bool IsShift(int64_t amount) const { return Bits(amount) < static_cast<uint64_t>(bits); }
};

int64_t Times(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

int64_t PlainDivide(const IntType& type, int64_t a, int64_t b) {
  if (b == 0) return -1;
  if (!type.is_signed) return static_cast<int64_t>(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
  return b == -1 ? Times(a, -1) : a / b;
}

int64_t PlainRemainder(const IntType& type, int64_t a, int64_t b) {
  return b == 0 ? a
                : type.Wrap(static_cast<int64_t>(static_cast<uint64_t>(a) -
                                                 static_cast<uint64_t>(Times(PlainDivide(type, a, b), b))));
}

int64_t PlainPower(const IntType& type, int64_t base, int64_t exponent) {
  if (type.is_signed && exponent < 0) {
    return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  }
  int64_t result = 1;
  for (auto left = static_cast<uint64_t>(exponent); left > 0; left >>= 1, base = Times(base, base)) {
    if ((left & 1) != 0) result = Times(result, base);
  }
  return result;
}

int64_t PlainShiftRight(const IntType& type, int64_t a, int64_t b) {
  // The sign is the highest bit, of unsigned numbers too.
  const int64_t with_sign = IntType{type.bits, true}.Wrap(a);
  return with_sign >> (type.IsShift(b) ? b : type.bits - 1);
}

using PlainOp = int64_t (*)(const IntType& type, int64_t a, int64_t b);
const std::map<ScalarOp, PlainOp> kPlainOps = {
    {ScalarOp::kAdd,
     [](const IntType&, int64_t a, int64_t b) {
       return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
     }},
    {ScalarOp::kSubtract,
     [](const IntType&, int64_t a, int64_t b) {
       return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
     }},
    {ScalarOp::kMultiply, [](const IntType&, int64_t a, int64_t b) { return Times(a, b); }},
    {ScalarOp::kDivide, PlainDivide},
    {ScalarOp::kRemainder, PlainRemainder},
    {ScalarOp::kPower, PlainPower},
    {ScalarOp::kMaximum, [](const IntType& t, int64_t a, int64_t b) { return t.IsLess(a, b) ? b : a; }},
    {ScalarOp::kMinimum, [](const IntType& t, int64_t a, int64_t b) { return t.IsLess(a, b) ? a : b; }},
    {ScalarOp::kAnd, [](const IntType&, int64_t a, int64_t b) { return a & b; }},
    {ScalarOp::kOr, [](const IntType&, int64_t a, int64_t b) { return a | b; }},
    {ScalarOp::kXor, [](const IntType&, int64_t a, int64_t b) { return a ^ b; }},
    {ScalarOp::kShiftLeft,
     [](const IntType& t, int64_t a, int64_t b) {
       return t.IsShift(b) ? static_cast<int64_t>(static_cast<uint64_t>(a) << t.Bits(b)) : 0;
     }},
    {ScalarOp::kShiftRightLogical,
     [](const IntType& t, int64_t a, int64_t b) {
       return t.IsShift(b) ? static_cast<int64_t>(t.Bits(a) >> t.Bits(b)) : 0;
     }},
    {ScalarOp::kShiftRightArithmetic, PlainShiftRight},
    {ScalarOp::kAbs, [](const IntType& t, int64_t a, int64_t) { return t.is_signed && a < 0 ? Times(a, -1) : a; }},
    {ScalarOp::kNegate, [](const IntType&, int64_t a, int64_t) { return Times(a, -1); }},
    {ScalarOp::kNot, [](const IntType&, int64_t a, int64_t) { return ~a; }},
    {ScalarOp::kSign,
     [](const IntType& t, int64_t a, int64_t) { return int64_t{t.IsLess(0, a)} - int64_t{t.IsLess(a, 0)}; }},
    {ScalarOp::kPopcnt, [](const IntType& t, int64_t a, int64_t) { return int64_t{std::popcount(t.Bits(a))}; }},
    {ScalarOp::kCountLeadingZeros,
     [](const IntType& t, int64_t a, int64_t) { return int64_t{std::countl_zero(t.Bits(a)) - (64 - t.bits)}; }},
};

std::vector<int64_t> NumbersOf(const IntType& type) {
  std::vector<int64_t> numbers;
  if (type.bits <= 4) {
    for (int64_t i = 0; i < int64_t{1} << type.bits; ++i) numbers.push_back(type.Wrap(i));
    return numbers;
  }
  for (const int64_t near : {int64_t{0}, int64_t{1} << (type.bits - 1), int64_t{1} << (type.bits / 2)}) {
    for (int64_t i = -3; i <= 3; ++i)
      numbers.push_back(type.Wrap(static_cast<int64_t>(static_cast<uint64_t>(near) + static_cast<uint64_t>(i))));
  }
  for (const int64_t some : {7, 8, 10, 15, 16, 31, 32, 33, 63, 64, 100, 50257}) numbers.push_back(type.Wrap(some));
  return numbers;
}

class IntOps : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, IntOps,
                         testing::Values(DType::kS2, DType::kU2, DType::kS4, DType::kU4, DType::kS8, DType::kU8,
                                         DType::kS16, DType::kU16, DType::kS32, DType::kU32, DType::kS64, DType::kU64),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(IntOps, ComputeWhatThePlainArithmeticDoes) {
  const DType dtype = GetParam();
  const IntType type{Info(dtype).bits, IsSigned(dtype)};
  const auto size = static_cast<size_t>(SizeBytes(dtype));
  std::vector<int64_t> a, b;
  for (const int64_t x : NumbersOf(type)) {
    for (const int64_t y : NumbersOf(type)) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  const auto encode = [&](const std::vector<int64_t>& numbers) {
    std::vector<std::byte> bytes(numbers.size() * size);
    for (size_t i = 0; i < numbers.size(); ++i) std::memcpy(&bytes[i * size], &numbers[i], size);
    return bytes;
  };
  for (const auto& [op, plain] : kPlainOps) {
    std::vector<std::vector<std::byte>> operands = {encode(a), encode(b)};
    operands.resize(static_cast<size_t>(Info(op).arity));
    const auto bytes =
        RunScalarBytes({op, std::vector<DType>(operands.size(), dtype), dtype, {}}, operands, TestProfile());
    for (size_t i = 0; i < a.size(); ++i) {
      int64_t actual = 0;
      std::memcpy(&actual, &bytes[i * size], size);
      ASSERT_EQ(type.Wrap(actual), type.Wrap(plain(type, a[i], b[i]))) << Info(op).name << " " << a[i] << ", " << b[i];
    }
  }
}

// Two comparisons of each direction decide the order, also of unsigned numbers beyond the signed ones.
TEST_P(IntOps, CompareBySignOfTheType) {
  const DType dtype = GetParam();
  const IntType type{Info(dtype).bits, IsSigned(dtype)};
  const auto size = static_cast<size_t>(SizeBytes(dtype));
  for (const int64_t x : NumbersOf(type)) {
    std::vector<std::byte> all, same;
    for (const int64_t y : NumbersOf(type)) {
      all.insert(all.end(), reinterpret_cast<const std::byte*>(&y), reinterpret_cast<const std::byte*>(&y) + size);
      same.insert(same.end(), reinterpret_cast<const std::byte*>(&x), reinterpret_cast<const std::byte*>(&x) + size);
    }
    for (const auto& [direction, or_equal, greater] : {std::tuple(ComparisonDirection::kLt, false, false),
                                                       {ComparisonDirection::kLe, true, false},
                                                       {ComparisonDirection::kGt, false, true},
                                                       {ComparisonDirection::kGe, true, true}}) {
      ir::Attributes attributes;
      attributes.Set(ir::AttrKey::kComparisonDirection, static_cast<int64_t>(direction));
      const auto bytes =
          RunScalarBytes({ScalarOp::kCompare, {dtype, dtype}, DType::kPred, attributes}, {same, all}, TestProfile());
      for (size_t i = 0; i < NumbersOf(type).size(); ++i) {
        const int64_t y = NumbersOf(type)[i];
        const bool expected = (greater ? type.IsLess(y, x) : type.IsLess(x, y)) || (or_equal && x == y);
        ASSERT_EQ(bytes[i] != std::byte{0}, expected) << x << ", " << y << " " << static_cast<int>(direction);
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
