// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "scalar/scalar_emit.h"

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

}  // namespace

StatusOr<Scalar> EmitScalarOp(Builder& builder, ScalarOp op, const ScalarOpContext& context,
                              std::span<const Scalar> operands) {
  const EmitScalar emit = EmitterOf(op, context.dtype);
  if (emit == nullptr) {
    return Unimplemented(Format("Operation {} on {} has no kernel code.", Info(op).name, Name(context.dtype)));
  }
  return emit(ScalarCall{builder, op, context, operands});
}

StatusOr<Scalar> ConvertScalar(Builder& builder, const Scalar& value, DType from, DType to) {
  if (from == to) return value;
  return EmitScalarOp(builder, ScalarOp::kConvert, {from, to}, {&value, 1});
}

}  // namespace dragoman::kernel
