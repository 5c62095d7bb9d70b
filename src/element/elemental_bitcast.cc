// SPDX-License-Identifier: Apache-2.0
// bitcast_convert as elements: the bits of a value, and a value from its bits.
#include <cmath>

#include "base/format.h"
#include "element/elemental_ops.h"

namespace dragoman::kernel {
namespace {

V And32(Builder& builder, V a, uint32_t mask) { return builder.And(a, builder.I32(static_cast<int32_t>(mask))); }
V ShiftRight(Builder& builder, V a, int by) { return builder.Binary(KOp::kShrU, a, builder.Int(a.type, by)); }
V ShiftLeft(Builder& builder, V a, int by) { return builder.Binary(KOp::kShl, a, builder.Int(a.type, by)); }

// f8 and f4 without the formats that are only an exponent.
bool IsTinyFloat(DType dtype) { return IsFloat(dtype) && Info(dtype).bits <= 8 && dtype != DType::kF8E8M0FNU; }

V TinyFloatBits(Builder& builder, DType dtype, V value) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const int mantissa = format.mantissa_bits;
  const int magnitude_bits = mantissa + format.exponent_bits;
  const V bits = builder.Bitcast(value, KType::kI32);
  const V magnitude = And32(builder, bits, 0x7fffffffu);
  const V smallest_normal = builder.I32(int64_t{128 - format.exponent_bias} << 23);
  const V normal = builder.ISub(ShiftRight(builder, magnitude, 23 - mantissa),
                                builder.I32(int64_t{127 - format.exponent_bias} << mantissa));
  const V scaled = builder.FMul(builder.Unary(KOp::kFAbs, value),
                                builder.F32(std::ldexp(1.0f, format.exponent_bias - 1 + mantissa)));
  const V is_small = builder.ULt(magnitude, smallest_normal);
  const V finite_small = builder.Select(is_small, scaled, builder.F32(0));
  V code = builder.Select(is_small, builder.Convert(KOp::kFToU, finite_small, KType::kI32), normal);
  const V sign = ShiftLeft(builder, ShiftRight(builder, bits, 31), magnitude_bits);
  const int64_t all_ones = (int64_t{1} << magnitude_bits) - 1;
  if (format.has_infinity) {
    const int64_t infinity = ((int64_t{1} << format.exponent_bits) - 1) << mantissa;
    const V is_infinite = builder.IEq(magnitude, builder.I32(0x7f800000));
    code = builder.Select(is_infinite, builder.I32(infinity), code);
    const V is_nan = builder.ULt(builder.I32(0x7f800000), magnitude);
    code = builder.Select(is_nan, builder.I32(infinity | (int64_t{1} << (mantissa - 1))), code);
    return builder.Or(code, sign);
  }
  code = builder.Or(code, sign);
  if (!format.has_nan) return code;
  const V is_nan = builder.ULt(builder.I32(0x7f800000), magnitude);
  return builder.Select(is_nan, builder.I32(format.nan_is_negative_zero ? all_ones + 1 : all_ones), code);
}

V TinyFloatFromBits(Builder& builder, DType dtype, V bits) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const int mantissa = format.mantissa_bits;
  const int magnitude_bits = mantissa + format.exponent_bits;
  const V magnitude = And32(builder, bits, (1u << magnitude_bits) - 1);
  const V normal_bits = builder.IAdd(ShiftLeft(builder, magnitude, 23 - mantissa),
                                     builder.I32(int64_t{127 - format.exponent_bias} << 23));
  const V small = builder.FMul(builder.Convert(KOp::kUToF, magnitude, KType::kF32),
                               builder.F32(std::ldexp(1.0f, 1 - format.exponent_bias - mantissa)));
  const V is_small = builder.ULt(magnitude, builder.I32(int64_t{1} << mantissa));
  V value = builder.Select(is_small, builder.Bitcast(small, KType::kI32), normal_bits);
  constexpr int64_t kNan = 0x7fc00000;
  if (format.has_infinity) {
    const V infinity = builder.I32(((int64_t{1} << format.exponent_bits) - 1) << mantissa);
    value = builder.Select(builder.IEq(magnitude, infinity), builder.I32(0x7f800000), value);
    value = builder.Select(builder.ULt(infinity, magnitude), builder.I32(kNan), value);
  } else if (format.has_nan && !format.nan_is_negative_zero) {
    value = builder.Select(builder.IEq(magnitude, builder.I32((int64_t{1} << magnitude_bits) - 1)), builder.I32(kNan),
                           value);
  }
  const V sign = ShiftLeft(builder, And32(builder, ShiftRight(builder, bits, magnitude_bits), 1), 31);
  value = builder.Or(value, sign);
  if (format.nan_is_negative_zero) {
    value = builder.Select(builder.IEq(bits, builder.I32(int64_t{1} << magnitude_bits)), builder.I32(kNan), value);
  }
  return builder.Bitcast(value, KType::kF32);
}

// The exponent of a power of two; the smallest is below f32's normal numbers, and 255 is NaN.
V ExponentBits(Builder& builder, V value) {
  return ShiftRight(builder, And32(builder, builder.Bitcast(value, KType::kI32), 0x7fffffffu), 23);
}

V FromExponentBits(Builder& builder, V bits) {
  const V normal = ShiftLeft(builder, bits, 23);
  const V finite = builder.Select(builder.IEq(bits, builder.I32(0)), builder.I32(0x400000), normal);
  const V value = builder.Select(builder.IEq(bits, builder.I32(255)), builder.I32(0x7fc00000), finite);
  return builder.Bitcast(value, KType::kF32);
}

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
  if (dtype == DType::kF8E8M0FNU) return ExponentBits(builder, value);
  if (IsTinyFloat(dtype)) return TinyFloatBits(builder, dtype, value);
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
  if (dtype == DType::kF8E8M0FNU) return FromExponentBits(builder, value);
  if (IsTinyFloat(dtype)) return TinyFloatFromBits(builder, dtype, value);
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
