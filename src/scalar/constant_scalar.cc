// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "scalar/scalar.h"
#include "types/elements.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

V RealConstant(Builder& builder, DType dtype, const std::byte* bytes) {
  const KType type = LoadedType(dtype, builder.profile().float16);
  const uint64_t bits = LoadBits(dtype, bytes);
  if (IsPred(dtype)) return builder.Bool(bits != 0);
  if (IsInteger(dtype)) return builder.Int(type, IntegerOf(dtype, bits));
  if (dtype == DType::kF32) return builder.Bitcast(builder.I32(static_cast<int64_t>(bits)), KType::kF32);
  if (dtype == DType::kF64) return builder.Bitcast(builder.I64(static_cast<int64_t>(bits)), KType::kF64);
  return builder.Float(type, DecodeSmallFloat(dtype, static_cast<uint32_t>(bits)));
}

}  // namespace

Scalar ZeroScalar(Builder& builder, DType dtype) {
  const V zero = builder.Zero(LoadedType(RealPart(dtype), builder.profile().float16));
  return {zero, IsComplex(dtype) ? zero : V{}};
}

Scalar ConstantScalar(Builder& builder, const ir::Literal& literal, int64_t linear_index) {
  const DType dtype = literal.type().dtype;
  const DType real = RealPart(dtype);
  const std::byte* element = literal.element(linear_index);
  Scalar scalar{RealConstant(builder, real, element), {}};
  if (IsComplex(dtype)) scalar.im = RealConstant(builder, real, element + SizeBytes(real));
  return scalar;
}

}  // namespace dragoman::kernel
