// SPDX-License-Identifier: Apache-2.0
// Matrices that a subgroup holds together: SPV_KHR_cooperative_matrix.
#include "codegen/emitter.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using spirv::Id;

namespace {

// Cooperative Matrix Use of the specification.
constexpr uint32_t kUseA = 0;
constexpr uint32_t kUseB = 1;
constexpr uint32_t kUseAccumulator = 2;

// Cooperative Matrix Operands: the components of A, B, C and the result are signed.
constexpr uint32_t kAllSigned = 0xf;

}  // namespace

Id Emitter::MatrixType(KType type) {
  const target::MatrixShape& shape = kernel_.matrix_shape;
  module_.AddExtension("SPV_KHR_cooperative_matrix");
  module_.AddCapability(spirv::kCapabilityCooperativeMatrixKHR);
  Id component = IsInteger(shape.accumulator) ? module_.Int(32) : module_.Float(32);
  if (type != KType::kMatrixC && shape.input == DType::kS8) {
    module_.AddCapability(spv::Capability::Int8);
    component = module_.Int(8);
  } else if (type != KType::kMatrixC && shape.input == DType::kBF16) {
    module_.AddExtension("SPV_KHR_bfloat16");
    module_.AddCapability(spirv::kCapabilityBFloat16TypeKHR);
    module_.AddCapability(spirv::kCapabilityBFloat16CooperativeMatrixKHR);
    component = module_.BFloat16();
  } else if (type != KType::kMatrixC) {
    component = TypeOf(KType::kF16);
  }
  const Id scope = U32(static_cast<uint32_t>(spv::Scope::Subgroup));
  switch (type) {
    case KType::kMatrixA:
      return module_.CooperativeMatrix({component, scope, U32(shape.m), U32(shape.k), U32(kUseA)});
    case KType::kMatrixB:
      return module_.CooperativeMatrix({component, scope, U32(shape.k), U32(shape.n), U32(kUseB)});
    default:
      return module_.CooperativeMatrix({component, scope, U32(shape.m), U32(shape.n), U32(kUseAccumulator)});
  }
}

void Emitter::EmitMatrixZero(const Instruction& inst) {
  const bool is_integer = IsInteger(kernel_.matrix_shape.accumulator);
  const Id component = is_integer ? module_.Int(32) : module_.Float(32);
  const Id zero = module_.Constant(component, std::initializer_list<uint32_t>{0});
  Set(inst, module_.Splat(TypeOf(inst.type), zero));
}

void Emitter::EmitMatrixLoad(const Instruction& inst) {
  const auto layout = kernel::MatrixLayout::Decode(inst.imm);
  const Id pointer = EmitSharedPointer(inst);
  Set(inst, module_.Emit(spirv::kOpCooperativeMatrixLoadKHR, TypeOf(inst.type),
                         WithSharedAccess({pointer, U32(layout.is_column_major ? 1 : 0), U32(layout.stride_words)})));
}

void Emitter::EmitMatrixMulAdd(const Instruction& inst) {
  auto operands = Operands(inst);
  if (IsInteger(kernel_.matrix_shape.accumulator)) operands.push_back(kAllSigned);
  Set(inst, module_.Emit(spirv::kOpCooperativeMatrixMulAddKHR, TypeOf(inst.type), operands));
}

void Emitter::EmitMatrixStore(const Instruction& inst) {
  const auto layout = kernel::MatrixLayout::Decode(inst.imm);
  module_.EmitVoid(spirv::kOpCooperativeMatrixStoreKHR,
                   WithSharedAccess({EmitSharedPointer(inst), Get(inst.operands[1]),
                                     U32(layout.is_column_major ? 1 : 0), U32(layout.stride_words)}));
}

}  // namespace dragoman::codegen
