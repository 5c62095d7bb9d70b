// SPDX-License-Identifier: Apache-2.0
// Kernel IR, already legal for the device, to SPIR-V. Internal to codegen/; one use per kernel.
//
// Legal means: no kI64 without int64, no kF16 without float16, and buffers only of the element types that the device
// loads and stores itself (legalize.h). Emission makes no choices beyond the profile's.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/kernel_ir.h"
#include "spirv/module.h"
#include "target/profile.h"

namespace dragoman::codegen {

inline constexpr auto kPhysical = spv::StorageClass::PhysicalStorageBuffer;
inline constexpr auto kAligned = static_cast<uint32_t>(spv::MemoryAccessMask::Aligned);

// What a kernel touches, gathered before emission so that the entry block can load it all once.
struct KernelUses {
  std::vector<bool> params;
  std::vector<uint8_t> buffer_counts;  // per buffer: bit 0, 1, 2 for access by 1, 2, 4 elements
  bool workgroup_index = false;
  bool device_barrier = false;
  bool half_floats = false;  // f16 values, also in passing
};
// Whether `inst.buffer` is a buffer behind an address, not shared memory.
bool AccessesBuffer(const kernel::Instruction& inst);

class Emitter {
 public:
  Emitter(const kernel::Kernel& kernel, const target::DeviceProfile& profile);
  // INTERNAL for kernel IR that is not legal.
  StatusOr<std::vector<uint32_t>> Run() &&;

  // One row an op. Exactly one of core, glsl and custom is set.
  struct Row {
    spv::Op core = spv::Op::OpNop;
    GLSLstd450 glsl = GLSLstd450Bad;
    void (Emitter::*custom)(const kernel::Instruction&) = nullptr;
    bool is_custom = false;  // GCC's UndefinedBehaviorSanitizer cannot compare `custom` with null at compile time
    spv::Op on_bool = spv::Op::OpNop;  // core for kBool operands
    bool is_exact = false;             // decorated NoContraction
  };
  static const Row& RowOf(kernel::KOp op);
  friend struct RowTable;

 private:
  using Id = spirv::Id;
  using Instruction = kernel::Instruction;

  // How elements of a buffer look in memory.
  struct Element {
    Id type = 0;  // scalar
    int size_bytes = 0;
    bool is_signed = false;
    kernel::KType loaded = kernel::KType::kVoid;
  };
  // A buffer's address (u64) when by_offset_; otherwise pointers to arrays of 1, 2 and 4 elements; that to arrays of 2
  // is one to arrays of u64 where pairs are moved.
  using Base = std::array<Id, 3>;
  // emit_entry.cc: from push constants to segment, record, buffer bases and parameters.
  void EmitEntry();
  void DeclareRecord();
  Id DeclareReadOnlyArray(Id element, uint32_t stride_bytes);
  bool HasWideAddress(int buffer) const;
  Id AddressType(int buffer);
  Id DeclarePushConstants();
  Id EmitRecordsPointer(Id push, Id type);
  Id EmitPushConstant(Id push, uint32_t member, Id type);
  Id EmitFlatWorkgroupId();
  Id EmitSegmentSearch(Id starts, Id first_start, Id num_segments);
  void EmitSegment();
  const Base& EmitBase(int buffer);
  void EmitEntryBases();
  void EmitBasesOf(const kernel::Region& region);
  void EmitParams();
  Id EmitRecordMember(uint32_t member, Id type, uint32_t size_bytes);
  bool SharesRecord() const;
  void EmitRecordWords(Id words, Id first_word);
  Id EmitRecordWord(uint32_t word);
  Id EmitSharedMember(uint32_t member, Id type);
  void OpenGuard(Id num_workgroups);

  // emit_memory.cc
  Element ElementOf(DType memory);
  void AddStorageCapabilities(int buffer);
  Id BlockType(int buffer, int count);
  Id BufferPointerType(int buffer, int count);
  Id EmitElementPointer(int buffer, kernel::ValueId index, int count);
  Id EmitChainPointer(int buffer, kernel::ValueId index, int count);
  Id EmitOffsetPointer(int buffer, kernel::ValueId index, int count);
  bool MovesPairs(int buffer, int count) const;
  Id EmitPairPointer(int buffer, kernel::ValueId index, int pair);
  void EmitLoadOfPairs(const Instruction& inst);
  void EmitStoreOfPairs(const Instruction& inst);
  Id EmitAfterLoad(const Element& element, Id raw, int count);
  Id EmitBeforeStore(const Element& element, Id value, int count);
  void EmitLoad(const Instruction& inst);
  void EmitStore(const Instruction& inst);
  void EmitLoadShared(const Instruction& inst);
  void EmitStoreShared(const Instruction& inst);
  void EmitAtomic(const Instruction& inst);
  void EmitSharedAtomic(const Instruction& inst);
  Id EmitSharedPointer(const Instruction& inst);
  std::vector<Id> WithSharedAccess(std::vector<Id> operands) const;

  // emit_matrix.cc
  Id MatrixType(kernel::KType type);
  void EmitMatrixZero(const Instruction& inst);
  void EmitMatrixLoad(const Instruction& inst);
  void EmitMatrixMulAdd(const Instruction& inst);
  void EmitMatrixStore(const Instruction& inst);

  // emit_scalar.cc
  void EmitInstruction(const Instruction& inst);
  bool AddsToCarriedSum(const Instruction& multiply_add);
  std::vector<Id> FactorsOf(const Instruction& inst);
  enum class Zero : uint8_t { kNone, kPlus, kMinus };
  static Zero ZeroOf(kernel::KType type, uint64_t bits);
  Id HiddenZero(kernel::KType type, Zero sign);
  void EmitConstant(const Instruction& inst);
  void EmitParam(const Instruction& inst);
  void EmitWorkgroupIndex(const Instruction& inst);
  void EmitLocalIndex(const Instruction& inst);
  void EmitSubgroupBuiltIn(const Instruction& inst);
  void EmitSRem(const Instruction& inst);
  void EmitClz(const Instruction& inst);
  void EmitUMulHigh(const Instruction& inst);
  void EmitIsNan(const Instruction& inst);
  Id EmitSignExtensionByWords(Id value);
  void EmitConversion(const Instruction& inst);
  void EmitRoundBF16(const Instruction& inst);
  void EmitF16Bits(const Instruction& inst);
  void EmitF16FromBits(const Instruction& inst);
  Id EmitHighBits(Id value);
  void EmitBarrier(const Instruction& inst);
  void EmitSubgroupShuffle(const Instruction& inst);

  // emit_control.cc
  std::vector<Id> EmitRegion(const kernel::Region& region);
  void BindArguments(const kernel::Region& region, std::span<const Id> values);
  void EmitFor(const Instruction& inst);
  void EmitWhile(const Instruction& inst);
  void EmitIf(const Instruction& inst);
  struct Incoming {
    Id value, block;
  };
  void CloseLoopPhi(const spirv::Module::Phi& phi, Incoming initial, Incoming next);
  std::vector<spirv::Module::Phi> EmitPhis(const Instruction& inst, size_t first_initial);
  void OpenBlock(Id block);
  void Branch(Id target);

  // emitter.cc
  void DeclareShared();
  void AddFloatControls();
  Id TypeOf(kernel::KType type);
  kernel::KType KTypeOf(kernel::ValueId value) const { return kernel_.value_types[value]; }
  bool uses_matrices() const { return kernel_.matrix_shape.m > 0; }  // under the Vulkan memory model
  Id Get(kernel::ValueId value);
  void Set(const Instruction& inst, Id id);
  std::vector<Id> Operands(const Instruction& inst);
  Id U32(uint32_t value) { return module_.ConstantU32(value); }
  void Fail(std::string message);

  const kernel::Kernel& kernel_;
  const target::DeviceProfile& profile_;
  const KernelUses uses_;
  const bool by_offset_;  // base + 32-bit byte offset; otherwise access chains
  spirv::Module module_;
  Status status_;
  std::vector<Id> values_;
  std::vector<Zero> zeros_;  // by value: which constant zero it is
  // By value: what a loop carries (of no factors), and sums of it with a product of these factors.
  std::vector<std::optional<std::array<kernel::ValueId, 2>>> sums_;
  std::vector<Id> shared_;
  std::vector<Id> params_;
  std::vector<Base> buffers_;                             // zeros where no load dominates the current block
  std::map<std::tuple<Id, int, bool, bool>, Id> blocks_;  // by element or vector type, stride, writable, restrict
  Id record_type_ = 0;
  Id record_ = 0;                 // pointer to this dispatch's or segment's record
  std::vector<Id> record_words_;  // where SharesRecord(): lane i of the j-th holds the record's word i + j * lanes
  Id workgroup_ = 0;
  Id current_block_ = 0;
  Id exit_block_ = 0;  // where the entry's guard leads; 0 without a guard
};

}  // namespace dragoman::codegen
