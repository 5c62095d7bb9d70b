// SPDX-License-Identifier: Apache-2.0
// bitcast_convert as elements: the bits of a value, and a value from its bits.
#include "base/format.h"
#include "element/elemental_ops.h"
#include "kernel/small_float_ops.h"

namespace dragoman::kernel {
namespace {

V And32(Builder& builder, V a, uint32_t mask) { return builder.And(a, builder.I32(static_cast<int32_t>(mask))); }
V ShiftRight(Builder& builder, V a, int by) { return builder.Binary(KOp::kShrU, a, builder.Int(a.type, by)); }
V ShiftLeft(Builder& builder, V a, int by) { return builder.Binary(KOp::kShl, a, builder.Int(a.type, by)); }

bool IsTinyFloat(DType dtype) { return IsFloat(dtype) && Info(dtype).bits <= 8; }

// The bits of a value in the low end of a kI32 (kI64 for 64-bit types), zeros above.
StatusOr<V> ToBits(Builder& builder, DType dtype, V value) {
  const int bits = Info(dtype).bits;
  if (IsInteger(dtype)) {
    return bits < 32 && IsSigned(dtype) ? And32(builder, value, (1u << bits) - 1) : value;
  }
  if (dtype == DType::kF32) return builder.Bitcast(value, KType::kI32);
  if (dtype == DType::kF64) return builder.Bitcast(value, KType::kI64);
  if (dtype == DType::kF16) return builder.Convert(KOp::kF16Bits, value, KType::kI32);
  if (dtype == DType::kBF16) return ShiftRight(builder, builder.Bitcast(value, KType::kI32), 16);
  if (IsPred(dtype)) return builder.Select(value, builder.I32(1), builder.I32(0));
  if (IsTinyFloat(dtype)) return EncodeSmallFloat(builder, dtype, value);
  return Unimplemented(Format("bitcast_convert from {} has no kernel.", Name(dtype)));
}

StatusOr<V> FromBits(Builder& builder, DType dtype, V value) {
  const int bits = Info(dtype).bits;
  if (IsInteger(dtype)) {
    if (bits >= 32 || !IsSigned(dtype)) return value;
    return builder.Binary(KOp::kShrS, ShiftLeft(builder, value, 32 - bits), builder.I32(32 - bits));
  }
  if (dtype == DType::kF32) return builder.Bitcast(value, KType::kF32);
  if (dtype == DType::kF64) return builder.Bitcast(value, KType::kF64);
  if (dtype == DType::kF16) {
    return builder.Convert(KOp::kF16FromBits, value, LoadedType(dtype, builder.profile().float16));
  }
  if (dtype == DType::kBF16) return builder.Bitcast(ShiftLeft(builder, value, 16), KType::kF32);
  if (IsPred(dtype)) return builder.INe(value, builder.I32(0));
  if (IsTinyFloat(dtype)) return DecodeSmallFloat(builder, dtype, value);
  return Unimplemented(Format("bitcast_convert to {} has no kernel.", Name(dtype)));
}

// One element of a wide type from `ratio` narrow ones, the lowest bits first.
StatusOr<Lanes> Join(Elemental& elemental, const ir::Op& op, const Index& index, int64_t ratio) {
  Builder& builder = elemental.builder();
  const ir::Value* operand = op.operands[0];
  const int width = Info(operand->type.dtype).bits;
  const KType type = Info(op.type().dtype).bits == 64 ? KType::kI64 : KType::kI32;
  V linear = elemental.Linear(index, op.type().dims);
  linear = ToIndexType(builder, linear, IndexType(operand->type.num_elements()));
  V bits = builder.Int(type, 0);
  for (int64_t k = 0; k < ratio; ++k) {
    const V at = builder.MulAdd(linear, ratio, builder.Int(linear.type, k));
    ASSIGN_OR_RETURN(const Scalar part, elemental.At(operand, Index::FromLinear(at)));
    ASSIGN_OR_RETURN(V part_bits, ToBits(builder, operand->type.dtype, part.re));
    if (type == KType::kI64) part_bits = builder.Convert(KOp::kZExt, part_bits, type);
    bits = builder.Or(bits, ShiftLeft(builder, part_bits, static_cast<int>(k) * width));
  }
  ASSIGN_OR_RETURN(const V value, FromBits(builder, op.type().dtype, bits));
  return Lanes{{value, {}}};
}

// One of the `ratio` narrow elements that a wide one holds.
StatusOr<Lanes> Split(Elemental& elemental, const ir::Op& op, const Index& index, int64_t ratio) {
  Builder& builder = elemental.builder();
  const ir::Value* operand = op.operands[0];
  const int width = Info(op.type().dtype).bits;
  const V linear = elemental.Linear(index, op.type().dims);
  const V ratio_value = builder.Int(linear.type, ratio);
  const V at = ToIndexType(builder, builder.UDiv(linear, ratio_value), IndexType(operand->type.num_elements()));
  const V part = ToIndexType(builder, builder.URem(linear, ratio_value), KType::kI32);
  ASSIGN_OR_RETURN(const Scalar whole, elemental.At(operand, Index::FromLinear(at)));
  ASSIGN_OR_RETURN(V bits, ToBits(builder, operand->type.dtype, whole.re));
  const V shift = builder.IMul(part, builder.I32(width));
  bits = builder.Binary(KOp::kShrU, bits,
                        bits.type == KType::kI64 ? builder.Convert(KOp::kZExt, shift, bits.type) : shift);
  bits = ToIndexType(builder, bits, KType::kI32);
  if (width < 32) bits = And32(builder, bits, (1u << width) - 1);
  ASSIGN_OR_RETURN(const V value, FromBits(builder, op.type().dtype, bits));
  return Lanes{{value, {}}};
}

// Half a c128, one of its f64, as a c64: the low word is the real part.
StatusOr<Lanes> SplitComplex(Elemental& elemental, const ir::Op& op, const Index& index) {
  Builder& builder = elemental.builder();
  const ir::Value* operand = op.operands[0];
  const V linear = elemental.Linear(index, op.type().dims);
  const V two = builder.Int(linear.type, 2);
  const V at = ToIndexType(builder, builder.UDiv(linear, two), IndexType(operand->type.num_elements()));
  ASSIGN_OR_RETURN(const Scalar whole, elemental.At(operand, Index::FromLinear(at)));
  const V is_first = builder.IEq(builder.URem(linear, two), builder.Int(linear.type, 0));
  const V bits = builder.Bitcast(builder.Select(is_first, whole.re, whole.im), KType::kI64);
  const auto word = [&](V wide) { return builder.Bitcast(ToIndexType(builder, wide, KType::kI32), KType::kF32); };
  return Lanes{{word(bits), word(ShiftRight(builder, bits, 32))}};
}

StatusOr<Lanes> JoinComplex(Elemental& elemental, const ir::Op& op, const Index& index) {
  Builder& builder = elemental.builder();
  const ir::Value* operand = op.operands[0];
  const KType type = IndexType(operand->type.num_elements());
  const V first =
      builder.IMul(ToIndexType(builder, elemental.Linear(index, op.type().dims), type), builder.Int(type, 2));
  const auto wide = [&](V word) { return ToIndexType(builder, builder.Bitcast(word, KType::kI32), KType::kI64); };
  V parts[2];
  for (int i = 0; i < 2; ++i) {
    const V at = builder.IAdd(first, builder.Int(type, i));
    ASSIGN_OR_RETURN(const Scalar part, elemental.At(operand, Index::FromLinear(at)));
    const V bits = builder.Or(wide(part.re), ShiftLeft(builder, wide(part.im), 32));
    parts[i] = builder.Bitcast(bits, KType::kF64);
  }
  return Lanes{{parts[0], parts[1]}};
}

}  // namespace

StatusOr<Lanes> EmitBitcastConvert(Elemental& elemental, const ir::Op& op, const Index& index, int lanes) {
  Builder& builder = elemental.builder();
  const DType from = op.operands[0]->type.dtype;
  const DType to = op.type().dtype;
  const bool is_same = from == to && op.operands[0]->type.dims == op.type().dims;
  if (is_same) return elemental.AtLanes(op.operands[0], index, lanes);
  if (from == DType::kC128 && to == DType::kC64) return SplitComplex(elemental, op, index);
  if (from == DType::kC64 && to == DType::kC128) return JoinComplex(elemental, op, index);
  if (IsComplex(from) || IsComplex(to)) {
    return Unimplemented(
        Format("bitcast_convert from {} to {} has no kernel.", op.operands[0]->type.ToString(), op.type().ToString()));
  }
  if (Info(from).bits < Info(to).bits) return Join(elemental, op, index, Info(to).bits / Info(from).bits);
  if (Info(from).bits > Info(to).bits) return Split(elemental, op, index, Info(from).bits / Info(to).bits);
  ASSIGN_OR_RETURN(Lanes result, elemental.AtLanes(op.operands[0], index, lanes));
  for (Scalar& scalar : result) {
    ASSIGN_OR_RETURN(const V bits, ToBits(builder, from, scalar.re));
    ASSIGN_OR_RETURN(scalar.re, FromBits(builder, to, bits));
  }
  return result;
}

LaneRule BitcastConvertLanes(const ir::Op& op, int) {
  const bool is_same_width = op.operands[0]->type.dims == op.type().dims;
  return is_same_width ? LaneRule::kContiguous : LaneRule::kSeparate;
}

}  // namespace dragoman::kernel
