// SPDX-License-Identifier: Apache-2.0
#include "codegen/legalize.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codegen/legalizer.h"
#include "types/small_float.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using kernel::V;
using kernel::ValueId;
using target::DeviceProfile;

namespace {

bool NarrowsToF16(const kernel::Instruction& inst, const kernel::Kernel& kernel) {
  if (inst.op == KOp::kF16Bits) return kernel.value_types[inst.operands[0]] == KType::kF32;
  return inst.op == KOp::kFToF && inst.type == KType::kF16 && kernel.value_types[inst.operands[0]] == KType::kF32;
}

bool IsMisrounded(const kernel::Instruction& inst, const kernel::Kernel& kernel, const DeviceProfile& profile) {
  return profile.misrounds_f64 && (inst.op == KOp::kTrunc || inst.op == KOp::kRoundEven) &&
         kernel.value_types[inst.operands[0]] == KType::kF64;
}

bool HasIllegalOp(const kernel::Region& region, const kernel::Kernel& kernel, const DeviceProfile& profile) {
  for (const kernel::Instruction& inst : region.body) {
    if (inst.op == KOp::kFRem || IsMisrounded(inst, kernel, profile) || IsWideDivision(inst, kernel)) return true;
    if (inst.op == KOp::kF16FromBits && !profile.float16) return true;
    if (NarrowsToF16(inst, kernel) && !(profile.float16 && profile.rounding_rte_f16)) return true;
    for (const auto& inner : inst.regions) {
      if (inner != nullptr && HasIllegalOp(*inner, kernel, profile)) return true;
    }
  }
  return false;
}

// What a buffer is bound as once its elements are handled by integer arithmetic.
DType LegalMemory(DType memory, const DeviceProfile& profile) {
  if (IsNativeMemory(memory, profile)) return memory;
  const int size = SizeBytes(memory);
  if (size == 1 && IsNativeMemory(DType::kU8, profile)) return DType::kU8;
  if (size == 2 && IsNativeMemory(DType::kU16, profile)) return DType::kU16;
  return DType::kU32;
}

}  // namespace

bool IsNativeMemory(DType memory, const DeviceProfile& profile) {
  if (memory == DType::kF16) return profile.storage16 && profile.float16;
  if (memory == DType::kF32) return true;
  if (memory == DType::kF64) return profile.float64;
  if (!IsInteger(memory) && !IsPred(memory)) return false;
  const int bits = IsPred(memory) ? 8 : Info(memory).bits;
  if (bits == 8) return profile.storage8 && (profile.int64 || profile.int8);
  if (bits == 16) return profile.storage16 && (profile.int64 || profile.int16);
  return bits == 32 || (bits == 64 && profile.int64);
}

bool NeedsLegalization(const kernel::Kernel& kernel, const DeviceProfile& profile) {
  const auto& types = kernel.value_types;
  if (!profile.int64 && std::find(types.begin(), types.end(), KType::kI64) != types.end()) return true;
  for (const kernel::BufferBinding& buffer : kernel.buffers) {
    if (!IsNativeMemory(buffer.memory, profile)) return true;
  }
  return HasIllegalOp(kernel.body, kernel, profile);
}

StatusOr<kernel::Kernel> Legalize(const kernel::Kernel& kernel, const DeviceProfile& profile) {
  return Legalizer(kernel, profile).Run();
}

Legalizer::Legalizer(const kernel::Kernel& source, const DeviceProfile& profile)
    : source_(source),
      profile_(profile),
      builder_(profile),
      map_(source.value_types.size()),
      is_bf16_(source.value_types.size()) {}

StatusOr<kernel::Kernel> Legalizer::Run() && {
  DeclareMemory();
  if (source_.is_segmented) builder_.SetSegmented();
  builder_.RequireSubgroupSize(source_.required_subgroup_size);
  builder_.SetMatrixShape(source_.matrix_shape);
  VisitRegion(source_.body);
  if (!status_.ok()) return status_;
  kernel::Kernel legal = std::move(builder_).Finish(source_.workgroup_size);
  // Emulated stores read, but the buffer is then seen through words by this kernel alone: the flags stay the union.
  for (size_t i = 0; i < legal.buffers.size(); ++i) legal.buffers[i].may_alias |= source_.buffers[i].may_alias;
  return legal;
}

void Legalizer::DeclareMemory() {
  for (kernel::BufferBinding binding : source_.buffers) {
    binding.memory = LegalMemory(binding.memory, profile_);
    builder_.AddBuffer(binding);
  }
  for (const kernel::SharedArray& array : source_.shared) {
    const bool is_split = array.type == KType::kI64 && !profile_.int64;
    shared_.push_back(builder_.AddShared(is_split ? KType::kI32 : array.type, array.count));
    if (is_split) builder_.AddShared(KType::kI32, array.count);
  }
  for (int i = 0; i < source_.num_params; ++i) builder_.AddParam();
}

void Legalizer::Fail(const Status& status) {
  if (status_.ok()) status_ = status;
}

bool Legalizer::IsSplit(ValueId value) const { return !profile_.int64 && source_.value_types[value] == KType::kI64; }

bool Legalizer::HasSplit(const Instruction& inst) const {
  for (int i = 0; i < inst.num_results; ++i) {
    if (IsSplit(inst.first_result + i)) return true;
  }
  return std::any_of(inst.operands.begin(), inst.operands.end(), [this](ValueId v) { return IsSplit(v); });
}

std::vector<V> Legalizer::Flat(std::span<const ValueId> values) const {
  std::vector<V> flat;
  for (const ValueId value : values) {
    flat.push_back(map_[value].low);
    if (IsSplit(value)) flat.push_back(map_[value].high);
  }
  return flat;
}

std::vector<V> Legalizer::VisitRegion(const kernel::Region& region) {
  for (const Instruction& inst : region.body) {
    if (inst.op == KOp::kYield) return Flat(inst.operands);
    Visit(inst);
  }
  return {};
}

void Legalizer::Visit(const Instruction& inst) {
  using Visitor = void (Legalizer::*)(const Instruction&);
  struct Row {
    KOp op;
    Visitor visit;
  };
  static constexpr Row kRows[] = {
      {KOp::kLoad, &Legalizer::VisitLoad},
      {KOp::kStore, &Legalizer::VisitStore},
      {KOp::kLoadShared, &Legalizer::VisitSharedLoad},
      {KOp::kStoreShared, &Legalizer::VisitSharedStore},
      {KOp::kSharedAtomicAdd, &Legalizer::VisitSharedAtomic},
      {KOp::kSharedAtomicOr, &Legalizer::VisitSharedAtomic},
      {KOp::kMatrixZero, &Legalizer::VisitMatrix},
      {KOp::kMatrixLoad, &Legalizer::VisitMatrix},
      {KOp::kMatrixMulAdd, &Legalizer::VisitMatrix},
      {KOp::kMatrixStore, &Legalizer::VisitMatrix},
      {KOp::kFor, &Legalizer::VisitFor},
      {KOp::kWhile, &Legalizer::VisitWhile},
      {KOp::kIf, &Legalizer::VisitIf},
  };
  for (const Row& row : kRows) {
    if (row.op == inst.op) return (this->*row.visit)(inst);
  }
  if (inst.op == KOp::kBarrier) return builder_.Barrier();
  if (inst.op == KOp::kDeviceBarrier) return builder_.DeviceBarrier();
  map_[inst.first_result] = CopyValue(inst);
  is_bf16_[inst.first_result] = IsRoundedToBF16(inst);
}

Legalizer::Mapped Legalizer::CopyValue(const Instruction& inst) {
  if (inst.op >= KOp::kAtomicAdd && inst.op <= KOp::kAtomicExchange) {
    return {builder_.Atomic(inst.op, inst.buffer, MemoryIndex(inst.operands[0]), Low(inst.operands[1])), {}};
  }
  if (HasSplit(inst)) {
    const Handler handler = WideHandler(inst.op);
    if (handler != nullptr) return (this->*handler)(inst);
    Fail(Unimplemented(Format("The device '{}' lacks 64-bit integers, and {} on them has no emulation.", profile_.name,
                              Name(inst.op))));
    return {builder_.Zero(inst.type), builder_.Zero(KType::kI32)};
  }
  if (inst.op == KOp::kConstant) return {CopyConstant(inst), {}};
  if (inst.op == KOp::kParam) return {builder_.Param(static_cast<int>(inst.imm)), {}};
  if (inst.op == KOp::kWorkgroupIndex) return {builder_.WorkgroupIndex(), {}};
  if (inst.op == KOp::kLocalIndex) return {builder_.LocalIndex(), {}};
  if (inst.op == KOp::kFRem) return RemainderOf(inst);
  if (IsWideDivision(inst, source_)) return DivisionOf(inst);
  if (IsMisrounded(inst, source_, profile_)) return RoundingOf(inst);
  if (NarrowsToF16(inst, source_) && !RoundsToF16()) return NarrowingOf(inst);
  if (inst.op == KOp::kF16FromBits && !profile_.float16) {
    return {Decode(DType::kF16, builder_.And(Low(inst.operands[0]), I32(0xffff))), {}};
  }
  return {builder_.Emit(inst.op, Flat(inst.operands), source_.value_types[inst.first_result]), {}};
}

V Legalizer::CopyConstant(const Instruction& inst) {
  const KType type = source_.value_types[inst.first_result];
  switch (type) {
    case KType::kVoid:
      return {};
    case KType::kBool:
      return builder_.Bool((inst.imm & 1) != 0);
    case KType::kI32:
    case KType::kI64:
      return builder_.Int(type, static_cast<int64_t>(inst.imm));
    case KType::kF16:
      return builder_.Float(type, DecodeSmallFloat(DType::kF16, inst.imm & 0xffff));
    case KType::kF32:
      return builder_.F32(std::bit_cast<float>(static_cast<uint32_t>(inst.imm)));
    case KType::kF64:
      return builder_.Float(type, std::bit_cast<double>(inst.imm));
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return {};
  }
  return {};
}

void Legalizer::BindArguments(const kernel::Region& region, std::span<const V> values) {
  size_t at = 0;
  for (int i = 0; i < region.num_arguments; ++i) {
    const ValueId argument = region.first_argument + i;
    map_[argument].low = values[at++];
    if (IsSplit(argument)) map_[argument].high = values[at++];
  }
}

void Legalizer::SetResults(const Instruction& inst, std::span<const V> values) {
  size_t at = 0;
  for (int i = 0; i < inst.num_results; ++i) {
    map_[inst.first_result + i].low = values[at++];
    if (IsSplit(inst.first_result + i)) map_[inst.first_result + i].high = values[at++];
  }
}

void Legalizer::VisitFor(const Instruction& inst) {
  const std::span<const ValueId> operands = inst.operands;
  const kernel::Region& body = *inst.regions[0];
  const auto visit_body = [&](V i, std::span<const V> carried) {
    std::vector<V> arguments(carried.begin(), carried.end());
    arguments.insert(arguments.begin(), i);
    BindArguments(body, arguments);
    return VisitRegion(body);
  };
  const kernel::LoopRange range = {Low(operands[0]), Low(operands[1]), Low(operands[2]),
                                   static_cast<int64_t>(inst.imm)};
  SetResults(inst, builder_.For(range, Flat(operands.subspan(3)), visit_body));
}

void Legalizer::VisitWhile(const Instruction& inst) {
  const auto visit_condition = [&](std::span<const V> carried) {
    BindArguments(*inst.regions[0], carried);
    return VisitRegion(*inst.regions[0])[0];
  };
  const auto visit_body = [&](std::span<const V> carried) {
    BindArguments(*inst.regions[1], carried);
    return VisitRegion(*inst.regions[1]);
  };
  const auto most = static_cast<int64_t>(inst.imm);
  SetResults(inst, builder_.While(most, Flat(inst.operands), visit_condition, visit_body));
}

void Legalizer::VisitIf(const Instruction& inst) {
  const auto visit = [&](size_t side) { return [this, &inst, side] { return VisitRegion(*inst.regions[side]); }; };
  SetResults(inst, builder_.IfValue(Low(inst.operands[0]), visit(0), visit(1)));
}

}  // namespace dragoman::codegen
