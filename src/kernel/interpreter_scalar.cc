// SPDX-License-Identifier: Apache-2.0
#include "kernel/interpreter_scalar.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>

#include "kernel/int_ops.h"
#include "types/elements.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

using Operands = std::span<const uint64_t>;

// What a shift by too much gives here: something that no test can expect.
constexpr uint64_t kAnyBits = 0x5bad5bad5bad5badu;

bool IsWide(KType type) { return type == KType::kI64; }
int WidthOf(KType type) { return IsWide(type) ? 64 : 32; }
uint64_t Truncate(KType type, uint64_t bits) {
  if (type == KType::kBool) return bits & 1;
  return IsWide(type) ? bits : static_cast<uint32_t>(bits);
}

// T is the type whose arithmetic is meant: f16 computes in double, since one operation of two f16 is exact enough
// there.
template <typename T>
struct FloatOperands {
  T a, b, c;
};
template <typename T>
struct FloatRow {
  KOp op;
  T (*evaluate)(const FloatOperands<T>& x);
};

#define ROW(op, value)                                            \
  {                                                               \
    KOp::op, [](const FloatOperands<T>& x) -> T { return value; } \
  }
template <typename T>
constexpr FloatRow<T> kFloatRows[] = {
    ROW(kFAdd, x.a + x.b),
    ROW(kFSub, x.a - x.b),
    ROW(kFMul, x.a* x.b),
    ROW(kFDiv, x.a / x.b),
    ROW(kFRem, std::fmod(x.a, x.b)),
    ROW(kFma, std::fma(x.a, x.b, x.c)),
    ROW(kFNeg, -x.a),
    ROW(kFAbs, std::fabs(x.a)),
    ROW(kFloor, std::floor(x.a)),
    ROW(kCeil, std::ceil(x.a)),
    ROW(kTrunc, std::trunc(x.a)),
    ROW(kRoundEven, std::nearbyint(x.a)),
    ROW(kSqrt, std::sqrt(x.a)),
    ROW(kRsqrt, T{1} / std::sqrt(x.a)),
    ROW(kSin, std::sin(x.a)),
    ROW(kCos, std::cos(x.a)),
    ROW(kExp, std::exp(x.a)),
    ROW(kLog, std::log(x.a)),
};
#undef ROW

constexpr bool FloatRowsAreInOrder() {
  for (size_t i = 0; i < std::size(kFloatRows<float>); ++i) {
    if (kFloatRows<float>[i].op != static_cast<KOp>(static_cast<size_t>(KOp::kFAdd) + i)) return false;
  }
  return kFloatRows<float>[std::size(kFloatRows<float>) - 1].op == KOp::kLog;
}
static_assert(FloatRowsAreInOrder(), "One row an operation, in the order of the operations.");

template <typename T>
T EvaluateFloat(KOp op, T a, T b, T c) {
  return kFloatRows<T>[static_cast<size_t>(op) - static_cast<size_t>(KOp::kFAdd)].evaluate({a, b, c});
}

uint64_t EvaluateFloatBits(KOp op, KType type, Operands x) {
  const uint64_t b = x.size() > 1 ? x[1] : 0, c = x.size() > 2 ? x[2] : 0;
  if (op == KOp::kFNeg || op == KOp::kFAbs) {
    const uint64_t sign = type == KType::kF64 ? uint64_t{1} << 63 : type == KType::kF32 ? uint64_t{1} << 31 : 1u << 15;
    return op == KOp::kFNeg ? x[0] ^ sign : x[0] & ~sign;
  }
  if (type == KType::kF32) {
    const auto f = [](uint64_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits)); };
    return std::bit_cast<uint32_t>(EvaluateFloat<float>(op, f(x[0]), f(b), f(c)));
  }
  return FromDouble(type, EvaluateFloat<double>(op, AsDouble(type, x[0]), AsDouble(type, b), AsDouble(type, c)));
}

uint64_t CompareFloats(KOp op, KType type, Operands x) {
  const double a = AsDouble(type, x[0]), b = x.size() > 1 ? AsDouble(type, x[1]) : 0;
  switch (op) {
    case KOp::kFEq:
      return a == b;
    case KOp::kFNe:
      return a != b;
    case KOp::kFLt:
      return a < b;
    case KOp::kFLe:
      return a <= b;
    case KOp::kIsNan:
      return std::isnan(a);
    default:
      return 0;
  }
}

// Out of range is undefined on devices; here it is the largest value, as some of them give.
uint64_t FloatToInt(double value, KType type, bool is_signed) {
  const int magnitude_bits = WidthOf(type) - (is_signed ? 1 : 0);
  const double limit = std::ldexp(1.0, magnitude_bits);
  const double whole = std::trunc(value);
  if (!(whole >= (is_signed ? -limit : 0) && whole < limit)) return ~uint64_t{0} >> (64 - magnitude_bits);
  return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(whole)) : static_cast<uint64_t>(whole);
}

// An integer to f32 rounds once, not by way of double.
uint64_t IntToFloat(KType to, KType from, uint64_t bits, bool is_signed) {
  if (to == KType::kF32) {
    const float value = is_signed ? static_cast<float>(SignExtend(from, bits)) : static_cast<float>(bits);
    return std::bit_cast<uint32_t>(value);
  }
  return FromDouble(to, is_signed ? static_cast<double>(SignExtend(from, bits)) : static_cast<double>(bits));
}

uint64_t Convert(const Instruction& instruction, KType from, uint64_t a) {
  const KType to = instruction.type;
  switch (instruction.op) {
    case KOp::kSToF:
      return IntToFloat(to, from, a, true);
    case KOp::kUToF:
      return IntToFloat(to, from, a, false);
    case KOp::kFToS:
      return FloatToInt(AsDouble(from, a), to, true);
    case KOp::kFToU:
      return FloatToInt(AsDouble(from, a), to, false);
    case KOp::kFToF:
      return FromDouble(to, AsDouble(from, a));
    case KOp::kRoundBF16:
      return uint64_t{EncodeSmallFloat(DType::kBF16, AsDouble(from, a))} << 16;
    case KOp::kSExt:
      return static_cast<uint64_t>(SignExtend(from, a));
    case KOp::kF16Bits:
      return EncodeSmallFloat(DType::kF16, AsDouble(from, a));
    case KOp::kF16FromBits:
      return FromDouble(to, DecodeSmallFloat(DType::kF16, static_cast<uint32_t>(a & 0xffff)));
    default:
      return a;  // zext, trunci, bitcast
  }
}

}  // namespace

double AsDouble(KType type, uint64_t bits) {
  if (type == KType::kF64) return std::bit_cast<double>(bits);
  if (type == KType::kF32) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return DecodeSmallFloat(DType::kF16, static_cast<uint32_t>(bits));
}

uint64_t FromDouble(KType type, double value) {
  if (type == KType::kF64) return std::bit_cast<uint64_t>(value);
  if (type == KType::kF32) return std::bit_cast<uint32_t>(static_cast<float>(value));
  return EncodeSmallFloat(DType::kF16, value);
}

std::optional<uint64_t> EvaluateScalar(const Instruction& instruction, KType type, Operands operands, bool fuses_fma) {
  const KOp op = instruction.op;
  if (op == KOp::kFma && !fuses_fma) {
    const uint64_t product = EvaluateFloatBits(KOp::kFMul, type, operands.first(2));
    const uint64_t sum[] = {product, operands[2]};
    return EvaluateFloatBits(KOp::kFAdd, type, sum);
  }
  if (op == KOp::kSelect) return operands[0] != 0 ? operands[1] : operands[2];
  if (Between(op, KOp::kIAdd, KOp::kULe)) {
    std::optional<uint64_t> value = EvaluateInt(op, type, operands[0], operands.size() > 1 ? operands[1] : 0);
    if (Between(op, KOp::kShl, KOp::kShrS)) value = value.value_or(kAnyBits);
    if (!value.has_value() || Between(op, KOp::kIEq, KOp::kULe)) return value;
    return Truncate(type, *value);
  }
  if (Between(op, KOp::kFAdd, KOp::kLog)) return EvaluateFloatBits(op, type, operands);
  if (Between(op, KOp::kFEq, KOp::kIsNan)) return CompareFloats(op, type, operands);
  const uint64_t converted = Convert(instruction, type, operands[0]);
  const bool is_narrow = instruction.type == KType::kI32 || instruction.type == KType::kF32;
  return is_narrow ? static_cast<uint32_t>(converted) : converted;
}

uint64_t ReadElement(const std::byte* memory, DType dtype, KType type) {
  const uint64_t bits = LoadBits(dtype, memory);
  if (IsPred(dtype)) return bits != 0;
  if (dtype == DType::kF32 || dtype == DType::kF64) return bits;
  if (IsFloat(dtype)) {
    if (dtype == DType::kF16 && type == KType::kF16) return bits;
    return FromDouble(type, DecodeSmallFloat(dtype, static_cast<uint32_t>(bits)));
  }
  return Truncate(type, static_cast<uint64_t>(IntegerOf(dtype, bits)));
}

void WriteElement(std::byte* memory, DType dtype, KType type, uint64_t value) {
  uint64_t bits = value;
  const bool is_small_float = IsFloat(dtype) && dtype != DType::kF32 && dtype != DType::kF64;
  if (is_small_float && type != KType::kF16) bits = EncodeSmallFloat(dtype, AsDouble(type, value));
  if (IsPred(dtype)) bits = value != 0;
  if (IsInteger(dtype) && Info(dtype).bits < 8) bits &= (1u << Info(dtype).bits) - 1;
  std::memcpy(memory, &bits, static_cast<size_t>(SizeBytes(dtype)));
}

}  // namespace dragoman::kernel
