// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>

#include "base/format.h"
#include "kernel/scalar_emit.h"
#include "kernel/small_float.h"

namespace dragoman::kernel {
namespace {

EmitScalar EmitterOf(ScalarOp op, DType dtype) {
  switch (Info(dtype).kind) {
    case DTypeKind::kBool:
      return BoolEmitter(op);
    case DTypeKind::kSigned:
    case DTypeKind::kUnsigned:
      return IntEmitter(op);
    case DTypeKind::kFloat:
      return FloatEmitter(op);
    case DTypeKind::kComplex:
      return ComplexEmitter(op);
    case DTypeKind::kToken:
      return nullptr;
  }
  return nullptr;
}

uint64_t ReadBits(const std::byte* bytes, int size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);  // little-endian, as every device and host here
  return bits;
}

V ConstantReal(Builder& b, DType dtype, const std::byte* bytes) {
  const uint64_t bits = ReadBits(bytes, SizeBytes(dtype));
  if (IsPred(dtype)) return b.Bool(bits != 0);
  if (IsInteger(dtype)) {
    const V value = b.Int(MachineType(b, dtype), static_cast<int64_t>(bits));
    return WrapInt(b, value, dtype);
  }
  if (dtype == DType::kF64) return b.Float(KType::kF64, std::bit_cast<double>(bits));
  if (dtype == DType::kF32) return b.F32(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  return b.Float(MachineType(b, dtype), DecodeSmallFloat(dtype, static_cast<uint32_t>(bits)));
}

}  // namespace

StatusOr<Scalar> EmitScalarOp(Builder& builder, ScalarOp op, const ScalarOpContext& context,
                              std::span<const Scalar> operands) {
  const EmitScalar emit = EmitterOf(op, context.dtype);
  if (emit == nullptr) {
    return Unimplemented(Format("Operation {} on {} has no kernel code.", Info(op).name, Name(context.dtype)));
  }
  return emit(ScalarCall{builder, op, context, operands});
}

Scalar ZeroScalar(Builder& builder, DType dtype) {
  const V zero = builder.Zero(MachineType(builder, dtype));
  return {zero, IsComplex(dtype) ? zero : V{}};
}

Scalar ConstantScalar(Builder& builder, const ir::Literal& literal, int64_t linear_index) {
  const DType dtype = literal.type().dtype;
  const DType part = RealPart(dtype);
  const std::byte* element = literal.element(linear_index);
  const V re = ConstantReal(builder, part, element);
  return {re, IsComplex(dtype) ? ConstantReal(builder, part, element + SizeBytes(part)) : V{}};
}

}  // namespace dragoman::kernel
