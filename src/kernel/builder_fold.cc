// SPDX-License-Identifier: Apache-2.0
// The builder's folding: constants, identities, divisions by powers of two.
#include "kernel/builder_fold.h"

#include <algorithm>
#include <bit>

#include "kernel/builder.h"
#include "kernel/int_ops.h"

namespace dragoman::kernel {
namespace {

// What x op x is when both operands are the same integer or boolean.
std::optional<int> OfEqualOperands(KOp op) {
  switch (op) {
    case KOp::kISub:
    case KOp::kXor:
    case KOp::kINe:
    case KOp::kSLt:
    case KOp::kULt:
      return 0;
    case KOp::kIEq:
    case KOp::kSLe:
    case KOp::kULe:
      return 1;
    default:
      return std::nullopt;
  }
}

bool ReturnsOperandWhenEqual(KOp op) {
  return op == KOp::kAnd || op == KOp::kOr || op == KOp::kSMin || op == KOp::kSMax || op == KOp::kUMin ||
         op == KOp::kUMax;
}

// A product, quotient or remainder of an integer and a constant.
std::optional<V> FoldScaling(Builder& builder, KOp op, V a, int64_t b, KType type) {
  if (b == 1) return op == KOp::kURem ? builder.Int(type, 0) : a;
  if (b == 0 && op == KOp::kIMul) return builder.Int(type, 0);
  const bool is_power_of_two = b > 0 && (b & (b - 1)) == 0;
  if (!is_power_of_two || op == KOp::kSDiv) return std::nullopt;
  if (op == KOp::kURem) return builder.And(a, builder.Int(type, b - 1));
  const V log2 = builder.Int(type, std::countr_zero(static_cast<uint64_t>(b)));
  return builder.Binary(op == KOp::kIMul ? KOp::kShl : KOp::kShrU, a, log2);
}

}  // namespace

bool IsCommutative(KOp op) {
  switch (op) {
    case KOp::kIAdd:
    case KOp::kIMul:
    case KOp::kSMin:
    case KOp::kSMax:
    case KOp::kUMin:
    case KOp::kUMax:
    case KOp::kAnd:
    case KOp::kOr:
    case KOp::kXor:
    case KOp::kIEq:
    case KOp::kINe:
    case KOp::kFAdd:
    case KOp::kFMul:
      return true;
    default:
      return false;
  }
}

uint64_t Mask(KType type) {
  switch (type) {
    case KType::kBool:
      return 1;
    case KType::kF16:
      return 0xffff;
    case KType::kI32:
    case KType::kF32:
      return 0xffffffffu;
    case KType::kVoid:
    case KType::kI64:
    case KType::kF64:
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return ~uint64_t{0};
  }
  return 0;
}

std::optional<V> Builder::Fold(KOp op, std::span<const V> operands, KType type) {
  if (op == KOp::kSelect) {
    const auto condition = ConstantInt(operands[0]);
    if (condition.has_value()) return *condition != 0 ? operands[1] : operands[2];
    if (operands[1].id == operands[2].id) return operands[1];
    return std::nullopt;
  }
  const bool all_constant =
      std::all_of(operands.begin(), operands.end(), [&](V v) { return constants_[v.id].is_constant; });
  if (all_constant) {
    if (const std::optional<V> folded = FoldConstants(op, operands, type)) return folded;
  }
  if (operands.size() == 1) return FoldWidened(op, operands[0], type);
  return operands.size() == 2 ? FoldBinary(op, operands[0], operands[1]) : std::nullopt;
}

std::optional<V> Builder::FoldConstants(KOp op, std::span<const V> operands, KType type) {
  if (operands.empty()) return std::nullopt;
  const KType from = operands[0].type;
  const uint64_t a = constants_[operands[0].id].bits;
  if (Between(op, KOp::kIAdd, KOp::kULe)) {
    const auto value = EvaluateInt(op, from, a, operands.size() > 1 ? constants_[operands[1].id].bits : 0);
    return value.has_value() ? std::optional(ConstantBits(type, *value)) : std::nullopt;
  }
  if (operands.size() != 1) return std::nullopt;
  switch (op) {
    case KOp::kSExt:
      return ConstantBits(type, static_cast<uint64_t>(SignExtend(from, a)));
    case KOp::kZExt:
    case KOp::kTruncI:
    case KOp::kBitcast:
      return ConstantBits(type, a);
    case KOp::kSToF:
      return type == KType::kF32 ? F32(static_cast<float>(SignExtend(from, a)))
                                 : Float(type, static_cast<double>(SignExtend(from, a)));
    case KOp::kUToF:
      return type == KType::kF32 ? F32(static_cast<float>(a)) : Float(type, static_cast<double>(a));
    case KOp::kFNeg: {
      const uint64_t sign = (Mask(type) >> 1) + 1;
      return ConstantBits(type, a ^ sign);
    }
    default:
      return std::nullopt;
  }
}

std::optional<V> Builder::FoldBinary(KOp op, V a, V b) {
  const bool is_bits = IsIntType(a.type) || a.type == KType::kBool;
  if (is_bits && a.id == b.id) {
    const KType type = op == KOp::kISub || op == KOp::kXor ? a.type : KType::kBool;
    if (const auto value = OfEqualOperands(op)) return Int(type, *value);
    if (ReturnsOperandWhenEqual(op)) return a;
  }
  if (!is_bits) return FoldOrdered(op, a, b);
  if (a.type == KType::kI64) {
    if (const std::optional<V> narrowed = FoldWidened(op, a, b)) return narrowed;
  }
  if (const auto constant = ConstantInt(b)) return FoldWithConstant(op, a, *constant, b.type);
  const auto constant = ConstantInt(a);
  if (constant.has_value() && IsCommutative(op)) return FoldWithConstant(op, b, *constant, a.type);
  if (constant == 0 && (op == KOp::kShl || op == KOp::kShrU || op == KOp::kUDiv || op == KOp::kURem)) return a;
  if (constant == 0 && op == KOp::kULe) return Bool(true);
  return std::nullopt;
}

// a op b for an integer or boolean constant b.
std::optional<V> Builder::FoldWithConstant(KOp op, V a, int64_t b, KType type) {
  const bool all_ones = type == KType::kBool ? b == 1 : b == -1;
  switch (op) {
    case KOp::kIAdd:
    case KOp::kISub:
    case KOp::kShl:
    case KOp::kShrU:
    case KOp::kShrS:
      return b == 0 ? std::optional(a) : std::nullopt;
    case KOp::kXor:
      if (all_ones) return Not(a);
      return b == 0 ? std::optional(a) : std::nullopt;
    case KOp::kIMul:
    case KOp::kSDiv:
    case KOp::kUDiv:
    case KOp::kURem:
      return FoldScaling(*this, op, a, b, type);
    case KOp::kAnd:
      if (all_ones) return a;
      return b == 0 ? std::optional(Int(type, 0)) : std::nullopt;
    case KOp::kOr:
      if (all_ones) return Int(type, b);
      return b == 0 ? std::optional(a) : std::nullopt;
    case KOp::kULt:
      return b == 0 ? std::optional(Bool(false)) : std::nullopt;
    case KOp::kUMax:
      return b == 0 ? std::optional(a) : std::nullopt;
    case KOp::kUMin:
      return b == 0 ? std::optional(Int(type, 0)) : std::nullopt;
    case KOp::kIEq:
      if (type != KType::kBool) return std::nullopt;
      return b == 1 ? a : Not(a);
    case KOp::kINe:
      if (type != KType::kBool) return std::nullopt;
      return b == 0 ? a : Not(a);
    default:
      return std::nullopt;
  }
}

}  // namespace dragoman::kernel
