// SPDX-License-Identifier: Apache-2.0
#include "codegen/emitter.h"

#include <algorithm>
#include <bit>

#include "base/format.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using spirv::Id;
using spv::Op;

namespace {

void GatherUsesOf(const kernel::Region& region, KernelUses& uses) {
  for (const kernel::Instruction& inst : region.body) {
    if (inst.op == KOp::kParam && inst.imm < uses.params.size()) uses.params[inst.imm] = true;
    if (inst.op == KOp::kWorkgroupIndex) uses.workgroup_index = true;
    if (inst.op == KOp::kDeviceBarrier) uses.device_barrier = true;
    if (inst.op == KOp::kF16Bits || inst.op == KOp::kF16FromBits) uses.half_floats = true;
    if (AccessesBuffer(inst)) {
      const int count = inst.op == KOp::kLoad    ? std::max(1, inst.num_results)
                        : inst.op == KOp::kStore ? static_cast<int>(inst.operands.size()) - 1
                                                 : 1;
      uses.buffer_counts[inst.buffer] |= static_cast<uint8_t>(count);
    }
    for (const auto& inner : inst.regions) {
      if (inner != nullptr) GatherUsesOf(*inner, uses);
    }
  }
}

KernelUses GatherUses(const kernel::Kernel& kernel) {
  KernelUses uses;
  uses.params.resize(kernel.num_params);
  uses.buffer_counts.resize(kernel.buffers.size());
  for (const KType type : kernel.value_types) uses.half_floats |= type == KType::kF16;
  GatherUsesOf(kernel.body, uses);
  return uses;
}

// Per float type: the profile's word on signed zeros, infinities and NaN.
struct FloatControlRow {
  KType type;
  uint32_t bits;
  bool target::DeviceProfile::*signed_zero_inf_nan;
};
constexpr FloatControlRow kFloatControls[] = {
    {KType::kF16, 16, &target::DeviceProfile::signed_zero_inf_nan_f16},
    {KType::kF32, 32, &target::DeviceProfile::signed_zero_inf_nan_f32},
    {KType::kF64, 64, &target::DeviceProfile::signed_zero_inf_nan_f64},
};

}  // namespace

bool AccessesBuffer(const kernel::Instruction& inst) {
  const bool is_shared = kernel::AccessesShared(inst.op) || inst.op == KOp::kMatrixLoad || inst.op == KOp::kMatrixStore;
  return inst.buffer >= 0 && !is_shared;
}

Emitter::Emitter(const kernel::Kernel& kernel, const target::DeviceProfile& profile)
    : kernel_(kernel),
      profile_(profile),
      uses_(GatherUses(kernel)),
      by_offset_(profile.address_form == target::AddressForm::kByteOffset32 && profile.int64),
      values_(kernel.value_types.size()),
      zeros_(kernel.value_types.size()),
      sums_(kernel.value_types.size()) {}

StatusOr<std::vector<uint32_t>> Emitter::Run() && {
  if (uses_matrices()) module_.UseVulkanMemoryModel();
  AddFloatControls();
  EmitEntry();
  DeclareShared();
  EmitRegion(kernel_.body);
  if (exit_block_ != 0) {
    Branch(exit_block_);
    OpenBlock(exit_block_);
  }
  module_.EmitVoid(Op::OpReturn, {});
  if (!status_.ok()) return status_;
  return std::move(module_).Finish({static_cast<uint32_t>(kernel_.workgroup_size), 1, 1});
}

void Emitter::DeclareShared() {
  for (const kernel::SharedArray& array : kernel_.shared) {
    const Id type = module_.Array(TypeOf(array.type), static_cast<uint32_t>(array.count));
    shared_.push_back(module_.Variable(spv::StorageClass::Workgroup, type));
  }
}

// Only for the float types that the kernel uses: a module should ask for nothing it does not need.
void Emitter::AddFloatControls() {
  const auto is_used = [this](KType type) {
    if (type == KType::kF16) return uses_.half_floats;
    return std::find(kernel_.value_types.begin(), kernel_.value_types.end(), type) != kernel_.value_types.end();
  };
  for (const FloatControlRow& row : kFloatControls) {
    if (!is_used(row.type) || !(profile_.*row.signed_zero_inf_nan)) continue;
    module_.AddCapability(spv::Capability::SignedZeroInfNanPreserve);
    module_.AddExecutionMode(spv::ExecutionMode::SignedZeroInfNanPreserve, {row.bits});
  }
  if (is_used(KType::kF32) && profile_.denorm_preserve_f32) {
    module_.AddCapability(spv::Capability::DenormPreserve);
    module_.AddExecutionMode(spv::ExecutionMode::DenormPreserve, {32});
  }
  if (is_used(KType::kF16) && profile_.rounding_rte_f16) {
    module_.AddCapability(spv::Capability::RoundingModeRTE);
    module_.AddExecutionMode(spv::ExecutionMode::RoundingModeRTE, {16});
  }
}

Id Emitter::TypeOf(KType type) {
  switch (type) {
    case KType::kVoid:
      return module_.Void();
    case KType::kBool:
      return module_.Bool();
    case KType::kI32:
      return module_.Int(32);
    case KType::kI64:
      return module_.Int(64);
    case KType::kF16:
      module_.AddCapability(spv::Capability::Float16);
      return module_.Float(16);
    case KType::kF32:
      return module_.Float(32);
    case KType::kF64:
      return module_.Float(64);
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return MatrixType(type);
  }
  return 0;
}

Id Emitter::Get(kernel::ValueId value) {
  if (value < values_.size() && values_[value] != 0) return values_[value];
  Fail(Format("Value {} is used before it is defined.", value));
  return 0;
}

void Emitter::Set(const Instruction& inst, Id id) { values_[inst.first_result] = id; }

std::vector<Id> Emitter::Operands(const Instruction& inst) {
  std::vector<Id> ids;
  ids.reserve(inst.operands.size());
  for (const kernel::ValueId operand : inst.operands) ids.push_back(Get(operand));
  return ids;
}

void Emitter::Fail(std::string message) {
  if (status_.ok()) status_ = Internal(std::move(message) + " While generating SPIR-V.");
}

}  // namespace dragoman::codegen
