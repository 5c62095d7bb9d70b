// SPDX-License-Identifier: Apache-2.0
// Buffers behind device addresses, and shared memory.
#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codegen/emitter.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using spirv::Id;
using spv::Op;

namespace {

// Tensors start at multiples of 16 bytes; a vector is aligned to its size up to that.
uint32_t AlignmentBytes(int size_bytes, int count) { return static_cast<uint32_t>(std::min(16, size_bytes * count)); }

int Log2(int value) { return std::countr_zero(static_cast<uint32_t>(value)); }

struct AtomicRow {
  KOp op;
  Op core;
};
constexpr AtomicRow kAtomics[] = {
    {KOp::kAtomicAdd, Op::OpAtomicIAdd}, {KOp::kAtomicMin, Op::OpAtomicUMin},
    {KOp::kAtomicMax, Op::OpAtomicUMax}, {KOp::kAtomicOr, Op::OpAtomicOr},
    {KOp::kAtomicAnd, Op::OpAtomicAnd},  {KOp::kAtomicExchange, Op::OpAtomicExchange},
};

}  // namespace

Emitter::Element Emitter::ElementOf(DType memory) {
  const int size = SizeBytes(memory);
  const KType loaded = kernel::LoadedType(memory, profile_.float16);
  const Id type = IsFloat(memory) ? module_.Float(8 * size) : module_.Int(8 * size);
  return {type, size, IsSigned(memory), loaded};
}

void Emitter::AddStorageCapabilities(int buffer) {
  const DType memory = kernel_.buffers[buffer].memory;
  if (SizeBytes(memory) == 1) module_.AddCapability(spv::Capability::StorageBuffer8BitAccess);
  if (SizeBytes(memory) == 2) module_.AddCapability(spv::Capability::StorageBuffer16BitAccess);
  if (memory == DType::kF16) module_.AddCapability(spv::Capability::Float16);
  if (HasWideAddress(buffer) || IsFloat(memory)) return;
  if (SizeBytes(memory) == 1) module_.AddCapability(spv::Capability::Int8);
  if (SizeBytes(memory) == 2) module_.AddCapability(spv::Capability::Int16);
}

// The struct that pointers to `count` elements point at: a runtime array of them for access chains, else one of them.
// Decorated by what the kernel does to the buffer, so the driver may cache and reorder.
Id Emitter::BlockType(int buffer, int count) {
  const kernel::BufferBinding& binding = kernel_.buffers[buffer];
  const Element element = ElementOf(binding.memory);
  const Id elements = count == 1 ? element.type : module_.Vector(element.type, count);
  const Id value = MovesPairs(buffer, count) ? module_.Int(64) : elements;
  const int stride = by_offset_ ? 0 : element.size_bytes * count;
  Id& block = blocks_[{value, stride, binding.is_written, !binding.may_alias}];
  if (block != 0) return block;
  AddStorageCapabilities(buffer);
  const Id member[] = {stride == 0 ? value : module_.RuntimeArray(value, static_cast<uint32_t>(stride))};
  block = module_.Struct(member);
  module_.Decorate(block, spv::Decoration::Block);
  module_.DecorateMember(block, 0, spv::Decoration::Offset, {0});
  if (!binding.is_written) module_.DecorateMember(block, 0, spv::Decoration::NonWritable);
  if (!binding.may_alias) module_.DecorateMember(block, 0, spv::Decoration::Restrict);
  if (binding.is_written && uses_.device_barrier) module_.DecorateMember(block, 0, spv::Decoration::Coherent);
  return block;
}

Id Emitter::BufferPointerType(int buffer, int count) { return module_.Pointer(kPhysical, BlockType(buffer, count)); }

// A pointer to `count` elements from `index`, which is a multiple of count.
Id Emitter::EmitElementPointer(int buffer, kernel::ValueId index, int count) {
  return by_offset_ ? EmitOffsetPointer(buffer, index, count) : EmitChainPointer(buffer, index, count);
}

Id Emitter::EmitChainPointer(int buffer, kernel::ValueId index, int count) {
  const Element element = ElementOf(kernel_.buffers[buffer].memory);
  const KType index_type = KTypeOf(index);
  Id position = Get(index);
  if (count > 1) position = module_.Emit(Op::OpShiftRightLogical, TypeOf(index_type), {position, U32(Log2(count))});
  // Access chains take indices as signed, ours are unsigned; only bytes can have an index of 2^31 below 4 GiB.
  if (index_type == KType::kI32 && element.size_bytes == 1 && count == 1 && profile_.int64) {
    position = module_.Emit(Op::OpUConvert, module_.Int(64), {position});
  }
  const Id value = count == 1 ? element.type : module_.Vector(element.type, count);
  return module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, value),
                      {EmitBase(buffer)[Log2(count)], U32(0), position});
}

Id Emitter::EmitOffsetPointer(int buffer, kernel::ValueId index, int count) {
  const Element element = ElementOf(kernel_.buffers[buffer].memory);
  const KType index_type = KTypeOf(index);
  const Id wide = module_.Int(64);
  Id offset = Get(index);
  if (element.size_bytes > 1) {
    offset = module_.Emit(Op::OpShiftLeftLogical, TypeOf(index_type), {offset, U32(Log2(element.size_bytes))});
  }
  if (index_type == KType::kI32) offset = module_.Emit(Op::OpUConvert, wide, {offset});
  const Id address = module_.Emit(Op::OpIAdd, wide, {EmitBase(buffer)[0], offset});
  const Id block = module_.Emit(Op::OpConvertUToPtr, BufferPointerType(buffer, count), {address});
  const Id value = count == 1 ? element.type : module_.Vector(element.type, count);
  return module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, value), {block, U32(0)});
}

// From the memory's type to the machine's, for a scalar or a whole vector; kBool stays an integer here.
Id Emitter::EmitAfterLoad(const Element& element, Id raw, int count) {
  if (element.loaded != KType::kBool && element.loaded != KType::kI32) return raw;
  if (element.size_bytes == 4) return raw;
  const Id word = module_.Int(32);
  const Id type = count == 1 ? word : module_.Vector(word, count);
  return module_.Emit(element.is_signed ? Op::OpSConvert : Op::OpUConvert, type, {raw});
}

Id Emitter::EmitBeforeStore(const Element& element, Id value, int count) {
  if (element.loaded != KType::kBool && element.loaded != KType::kI32) return value;
  if (element.size_bytes == 4) return value;
  const Id type = count == 1 ? element.type : module_.Vector(element.type, count);
  return module_.Emit(Op::OpUConvert, type, {value});
}

// Where a load is a loop over the lanes, one of 8 bytes takes the place of two of 4.
bool Emitter::MovesPairs(int buffer, int count) const {
  return profile_.loads_visit_lanes && profile_.int64 && !by_offset_ && count > 1 &&
         SizeBytes(kernel_.buffers[buffer].memory) == 4;
}

// To the `pair`-th two elements from `index`, as one u64.
Id Emitter::EmitPairPointer(int buffer, kernel::ValueId index, int pair) {
  const Id type = TypeOf(KTypeOf(index));
  Id position = module_.Emit(Op::OpShiftRightLogical, type, {Get(index), U32(1)});
  if (pair > 0) {
    const bool is_wide = KTypeOf(index) == KType::kI64;
    const uint32_t words[] = {static_cast<uint32_t>(pair), 0};
    const Id step = module_.Constant(type, std::span(words).first(is_wide ? 2 : 1));
    position = module_.Emit(Op::OpIAdd, type, {position, step});
  }
  return module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, module_.Int(64)),
                      {EmitBase(buffer)[1], U32(0), position});
}

void Emitter::EmitLoadOfPairs(const Instruction& inst) {
  const Id element = ElementOf(kernel_.buffers[inst.buffer].memory).type;
  for (int i = 0; i < inst.num_results; i += 2) {
    const Id pointer = EmitPairPointer(inst.buffer, inst.operands[0], i / 2);
    const Id bits = module_.Emit(Op::OpLoad, module_.Int(64), {pointer, kAligned, 8});
    const Id pair = module_.Emit(Op::OpBitcast, module_.Vector(element, 2), {bits});
    for (uint32_t k = 0; k < 2; ++k) {
      values_[inst.first_result + i + k] = module_.Emit(Op::OpCompositeExtract, element, {pair, k});
    }
  }
}

void Emitter::EmitStoreOfPairs(const Instruction& inst) {
  const Id type = module_.Vector(ElementOf(kernel_.buffers[inst.buffer].memory).type, 2);
  for (size_t i = 1; i + 1 < inst.operands.size(); i += 2) {
    const Id pair = module_.Emit(Op::OpCompositeConstruct, type, {Get(inst.operands[i]), Get(inst.operands[i + 1])});
    const Id bits = module_.Emit(Op::OpBitcast, module_.Int(64), {pair});
    const Id pointer = EmitPairPointer(inst.buffer, inst.operands[0], static_cast<int>(i / 2));
    module_.EmitVoid(Op::OpStore, {pointer, bits, kAligned, 8});
  }
}

void Emitter::EmitLoad(const Instruction& inst) {
  const int count = std::max(1, inst.num_results);
  if (MovesPairs(inst.buffer, count)) return EmitLoadOfPairs(inst);
  const Element element = ElementOf(kernel_.buffers[inst.buffer].memory);
  const Id pointer = EmitElementPointer(inst.buffer, inst.operands[0], count);
  const Id raw_type = count == 1 ? element.type : module_.Vector(element.type, count);
  const Id raw = module_.Emit(Op::OpLoad, raw_type, {pointer, kAligned, AlignmentBytes(element.size_bytes, count)});
  const Id whole = EmitAfterLoad(element, raw, count);
  const bool is_bool = element.loaded == KType::kBool;
  const Id component = is_bool ? module_.Int(32) : TypeOf(element.loaded);
  for (int i = 0; i < count; ++i) {
    Id value = whole;
    if (count > 1) value = module_.Emit(Op::OpCompositeExtract, component, {whole, static_cast<uint32_t>(i)});
    if (is_bool) value = module_.Emit(Op::OpINotEqual, module_.Bool(), {value, U32(0)});
    values_[inst.first_result + i] = value;
  }
}

void Emitter::EmitStore(const Instruction& inst) {
  const int count = static_cast<int>(inst.operands.size()) - 1;
  if (MovesPairs(inst.buffer, count)) return EmitStoreOfPairs(inst);
  const Element element = ElementOf(kernel_.buffers[inst.buffer].memory);
  const bool is_bool = element.loaded == KType::kBool;
  std::vector<Id> values;
  for (int i = 1; i <= count; ++i) {
    Id value = Get(inst.operands[i]);
    if (is_bool) value = module_.Emit(Op::OpSelect, module_.Int(32), {value, U32(1), U32(0)});
    values.push_back(value);
  }
  Id whole = values[0];
  if (count > 1) {
    const Id component = is_bool ? module_.Int(32) : TypeOf(element.loaded);
    whole = module_.Emit(Op::OpCompositeConstruct, module_.Vector(component, count), values);
  }
  whole = EmitBeforeStore(element, whole, count);
  const Id pointer = EmitElementPointer(inst.buffer, inst.operands[0], count);
  module_.EmitVoid(Op::OpStore, {pointer, whole, kAligned, AlignmentBytes(element.size_bytes, count)});
}

Id Emitter::EmitSharedPointer(const Instruction& inst) {
  const Id element = TypeOf(kernel_.shared[inst.buffer].type);
  const Id pointer_type = module_.Pointer(spv::StorageClass::Workgroup, element);
  return module_.Emit(Op::OpAccessChain, pointer_type, {shared_[inst.buffer], Get(inst.operands[0])});
}

// The Vulkan memory model asks each access that other invocations see to say so; the GLSL model takes it for granted.
std::vector<Id> Emitter::WithSharedAccess(std::vector<Id> operands) const {
  if (uses_matrices()) operands.push_back(static_cast<uint32_t>(spv::MemoryAccessMask::NonPrivatePointer));
  return operands;
}

void Emitter::EmitLoadShared(const Instruction& inst) {
  const Id type = TypeOf(kernel_.shared[inst.buffer].type);
  const Id pointer = EmitSharedPointer(inst);
  Set(inst, module_.Emit(Op::OpLoad, type, WithSharedAccess({pointer})));
}

void Emitter::EmitStoreShared(const Instruction& inst) {
  const Id pointer = EmitSharedPointer(inst);
  module_.EmitVoid(Op::OpStore, WithSharedAccess({pointer, Get(inst.operands[1])}));
}

void Emitter::EmitSharedAtomic(const Instruction& inst) {
  const Op core = inst.op == KOp::kSharedAtomicOr ? Op::OpAtomicOr : Op::OpAtomicIAdd;
  const Id scope = U32(static_cast<uint32_t>(spv::Scope::Workgroup));
  Set(inst, module_.Emit(core, module_.Int(32), {EmitSharedPointer(inst), scope, U32(0), Get(inst.operands[1])}));
}

void Emitter::EmitAtomic(const Instruction& inst) {
  if (SizeBytes(kernel_.buffers[inst.buffer].memory) != 4) return Fail("An atomic is on a buffer not of 32-bit words.");
  const auto* row = std::find_if(std::begin(kAtomics), std::end(kAtomics),
                                 [&inst](const AtomicRow& atomic) { return atomic.op == inst.op; });
  Id pointer = EmitElementPointer(inst.buffer, inst.operands[0], 1);
  if (IsFloat(kernel_.buffers[inst.buffer].memory)) {
    pointer = module_.Emit(Op::OpBitcast, module_.Pointer(kPhysical, module_.Int(32)), {pointer});
  }
  const Id scope = U32(static_cast<uint32_t>(spv::Scope::Device));
  Set(inst, module_.Emit(row->core, module_.Int(32), {pointer, scope, U32(0), Get(inst.operands[1])}));
}

}  // namespace dragoman::codegen
