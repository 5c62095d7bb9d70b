// SPDX-License-Identifier: Apache-2.0
// The entry block: from the push constants to this workgroup's record, its buffers and parameters.
#include <algorithm>

#include "codegen/emitter.h"

namespace dragoman::codegen {

using kernel::KType;
using spirv::Id;
using spirv::Module;
using spv::Op;

namespace {

constexpr auto kPush = spv::StorageClass::PushConstant;
// AMD's waves have some 100 scalar registers, and an address takes two: all of many at once spill.
constexpr size_t kMostEntryBases = 32;

uint32_t RecordBytes(const kernel::Kernel& kernel) {
  const uint32_t bytes =
      8 * static_cast<uint32_t>(kernel.buffers.size()) + 4 * static_cast<uint32_t>(kernel.num_params);
  return (bytes + 7) & ~7u;
}

// Everything about records is read only and belongs to nobody else, so its loads may be scalar and cached.
void DecorateReadOnly(Module& module, Id type, uint32_t num_members) {
  for (uint32_t i = 0; i < num_members; ++i) {
    module.DecorateMember(type, i, spv::Decoration::NonWritable);
    module.DecorateMember(type, i, spv::Decoration::Restrict);
  }
}

}  // namespace

// The struct of addresses and parameters, laid out as program::Kernel says.
void Emitter::DeclareRecord() {
  std::vector<Id> members;
  for (int i = 0; i < static_cast<int>(kernel_.buffers.size()); ++i) members.push_back(AddressType(i));
  for (int i = 0; i < kernel_.num_params; ++i) members.push_back(module_.Int(32));
  if (members.empty()) members.push_back(module_.Int(32));
  record_type_ = module_.Struct(members);
  const uint32_t num_buffers = static_cast<uint32_t>(kernel_.buffers.size());
  for (uint32_t i = 0; i < members.size(); ++i) {
    const uint32_t offset = i < num_buffers ? 8 * i : 8 * num_buffers + 4 * (i - num_buffers);
    module_.DecorateMember(record_type_, i, spv::Decoration::Offset, {offset});
  }
  DecorateReadOnly(module_, record_type_, static_cast<uint32_t>(members.size()));
}

Id Emitter::EmitFlatWorkgroupId() {
  const Id i32 = module_.Int(32);
  const Id triple = module_.Vector(i32, 3);
  const Id workgroup_id = module_.Emit(Op::OpLoad, triple, {module_.BuiltIn(spv::BuiltIn::WorkgroupId, triple)});
  const Id counts = module_.Emit(Op::OpLoad, triple, {module_.BuiltIn(spv::BuiltIn::NumWorkgroups, triple)});
  const Id x = module_.Emit(Op::OpCompositeExtract, i32, {workgroup_id, 0});
  const Id y = module_.Emit(Op::OpCompositeExtract, i32, {workgroup_id, 1});
  const Id width = module_.Emit(Op::OpCompositeExtract, i32, {counts, 0});
  const Id rows = module_.Emit(Op::OpIMul, i32, {y, width});
  return module_.Emit(Op::OpIAdd, i32, {x, rows});
}

// Workgroups of the grid's rounded-up tail do nothing. 0 - 1 wraps: a count of 0 lets every workgroup work.
void Emitter::OpenGuard(Id num_workgroups) {
  const Id last = module_.Emit(Op::OpISub, module_.Int(32), {num_workgroups, U32(1)});
  const Id is_beyond = module_.Emit(Op::OpUGreaterThan, module_.Bool(), {workgroup_, last});
  const Id body = module_.NewId();
  exit_block_ = module_.NewId();
  module_.EmitVoid(Op::OpSelectionMerge, {exit_block_, static_cast<uint32_t>(spv::SelectionControlMask::MaskNone)});
  module_.EmitVoid(Op::OpBranchConditional, {is_beyond, exit_block_, body});
  OpenBlock(body);
}

// The last segment that starts at or before the workgroup: low + 1 == high in the end, starts[low] <= workgroup.
Id Emitter::EmitSegmentSearch(Id starts, Id first_start, Id num_segments) {
  const Id i32 = module_.Int(32);
  const Id entry = current_block_;
  const Id head = module_.NewId(), body = module_.NewId(), next = module_.NewId(), merge = module_.NewId();
  Branch(head);
  OpenBlock(head);
  const Module::Phi low = module_.EmitPhi(i32, 2);
  const Module::Phi high = module_.EmitPhi(i32, 2);
  const Id distance = module_.Emit(Op::OpISub, i32, {high.result, low.result});
  const Id goes_on = module_.Emit(Op::OpUGreaterThan, module_.Bool(), {distance, U32(1)});
  module_.EmitVoid(Op::OpLoopMerge, {merge, next, static_cast<uint32_t>(spv::LoopControlMask::DontUnroll)});
  module_.EmitVoid(Op::OpBranchConditional, {goes_on, body, merge});
  OpenBlock(body);
  const Id half = module_.Emit(Op::OpShiftRightLogical, i32, {distance, U32(1)});
  const Id middle = module_.Emit(Op::OpIAdd, i32, {low.result, half});
  const Id position = module_.Emit(Op::OpIAdd, i32, {first_start, middle});
  const Id pointer = module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, i32), {starts, U32(0), position});
  const Id start = module_.Emit(Op::OpLoad, i32, {pointer, kAligned, 4});
  const Id is_after = module_.Emit(Op::OpULessThanEqual, module_.Bool(), {start, workgroup_});
  const Id next_low = module_.Emit(Op::OpSelect, i32, {is_after, middle, low.result});
  const Id next_high = module_.Emit(Op::OpSelect, i32, {is_after, high.result, middle});
  Branch(next);
  OpenBlock(next);
  Branch(head);
  module_.SetPhi(low, 0, U32(0), entry);
  module_.SetPhi(low, 1, next_low, next);
  module_.SetPhi(high, 0, num_segments, entry);
  module_.SetPhi(high, 1, next_high, next);
  OpenBlock(merge);
  return low.result;
}

// Access chains start at two words that are cast to a pointer, which needs no 64-bit integers; not so for narrow
// elements: without arithmetic on them SPIR-V lets a cast from words give no pointer to them, but a conversion from a
// u64 may.
bool Emitter::HasWideAddress(int buffer) const {
  return by_offset_ || (profile_.int64 && SizeBytes(kernel_.buffers[buffer].memory) < 4);
}

Id Emitter::AddressType(int buffer) {
  return HasWideAddress(buffer) ? module_.Int(64) : module_.Vector(module_.Int(32), 2);
}

// {address of the records, number of segments, number of workgroups}. The address is no pointer, for validators look
// through pointers and miss capabilities of push constants for what lies behind.
Id Emitter::DeclarePushConstants() {
  const Id i32 = module_.Int(32);
  const Id members[] = {module_.Vector(i32, 2), i32, i32};
  const Id block = module_.Struct(members);
  module_.Decorate(block, spv::Decoration::Block);
  for (uint32_t i = 0; i < 3; ++i) module_.DecorateMember(block, i, spv::Decoration::Offset, {i == 0 ? 0 : 4 + 4 * i});
  return module_.Variable(kPush, block);
}

Id Emitter::EmitPushConstant(Id push, uint32_t member, Id type) {
  const Id pointer = module_.Emit(Op::OpAccessChain, module_.Pointer(kPush, type), {push, U32(member)});
  return module_.Emit(Op::OpLoad, type, {pointer});
}

// The records seen as a `type`.
Id Emitter::EmitRecordsPointer(Id push, Id type) {
  const Id address = EmitPushConstant(push, 0, module_.Vector(module_.Int(32), 2));
  return module_.Emit(Op::OpBitcast, module_.Pointer(kPhysical, type), {address});
}

// Sets record_ and workgroup_ to those of the segment that this workgroup works on.
void Emitter::EmitSegment() {
  const Id i32 = module_.Int(32);
  const uint32_t record_bytes = RecordBytes(kernel_);
  const Id records_type = DeclareReadOnlyArray(record_type_, record_bytes);
  const Id starts_type = DeclareReadOnlyArray(i32, 4);
  const Id push = DeclarePushConstants();
  const Id records = EmitRecordsPointer(push, records_type);
  const Id num_segments = EmitPushConstant(push, 1, i32);
  const Id starts = EmitRecordsPointer(push, starts_type);
  const Id first_start = module_.Emit(Op::OpIMul, i32, {num_segments, U32(record_bytes / 4)});
  const auto start_at = [&](Id segment) {
    const Id position = module_.Emit(Op::OpIAdd, i32, {first_start, segment});
    const Id pointer = module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, i32), {starts, U32(0), position});
    return module_.Emit(Op::OpLoad, i32, {pointer, kAligned, 4});
  };
  workgroup_ = EmitFlatWorkgroupId();
  OpenGuard(start_at(num_segments));
  const Id segment = EmitSegmentSearch(starts, first_start, num_segments);
  workgroup_ = module_.Emit(Op::OpISub, i32, {workgroup_, start_at(segment)});
  if (SharesRecord()) {
    return EmitRecordWords(starts, module_.Emit(Op::OpIMul, i32, {segment, U32(record_bytes / 4)}));
  }
  record_ = module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, record_type_), {records, U32(0), segment});
}

Id Emitter::DeclareReadOnlyArray(Id element, uint32_t stride_bytes) {
  const Id member[] = {module_.RuntimeArray(element, stride_bytes)};
  const Id type = module_.Struct(member);
  module_.Decorate(type, spv::Decoration::Block);
  module_.DecorateMember(type, 0, spv::Decoration::Offset, {0});
  DecorateReadOnly(module_, type, 1);
  return type;
}

// Where each load is a loop over the lanes, the lanes of a subgroup load different words of the record and pass them
// around, all at the entry, where no lane is idle.
bool Emitter::SharesRecord() const {
  const bool has_one_size = profile_.subgroup_min_size == profile_.subgroup_max_size;
  return profile_.loads_visit_lanes && has_one_size && profile_.subgroup_shuffle &&
         kernel_.workgroup_size % profile_.subgroup_size == 0;
}

void Emitter::EmitRecordWords(Id words, Id first_word) {
  const Id i32 = module_.Int(32);
  const uint32_t lanes = static_cast<uint32_t>(profile_.subgroup_size);
  const uint32_t num_words = RecordBytes(kernel_) / 4;
  const Id lane = module_.Emit(Op::OpLoad, i32, {module_.BuiltIn(spv::BuiltIn::SubgroupLocalInvocationId, i32)});
  for (uint32_t first = 0; first < num_words; first += lanes) {
    Id word = module_.Emit(Op::OpIAdd, i32, {lane, U32(first)});
    const Id within[] = {word, U32(num_words - 1)};
    if (first + lanes > num_words) word = module_.EmitGlsl(GLSLstd450UMin, i32, within);
    if (first_word != 0) word = module_.Emit(Op::OpIAdd, i32, {word, first_word});
    const Id pointer = module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, i32), {words, U32(0), word});
    record_words_.push_back(module_.Emit(Op::OpLoad, i32, {pointer, kAligned, 4}));
  }
}

Id Emitter::EmitRecordWord(uint32_t word) {
  const uint32_t lanes = static_cast<uint32_t>(profile_.subgroup_size);
  const Id scope = U32(static_cast<uint32_t>(spv::Scope::Subgroup));
  return module_.Emit(Op::OpGroupNonUniformShuffle, module_.Int(32),
                      {scope, record_words_[word / lanes], U32(word % lanes)});
}

Id Emitter::EmitSharedMember(uint32_t member, Id type) {
  const auto num_buffers = static_cast<uint32_t>(kernel_.buffers.size());
  if (member >= num_buffers) return EmitRecordWord(num_buffers + member);
  const Id pair = module_.Vector(module_.Int(32), 2);
  const Id words =
      module_.Emit(Op::OpCompositeConstruct, pair, {EmitRecordWord(2 * member), EmitRecordWord(2 * member + 1)});
  return type == pair ? words : module_.Emit(Op::OpBitcast, type, {words});
}

Id Emitter::EmitRecordMember(uint32_t member, Id type, uint32_t size_bytes) {
  if (SharesRecord()) return EmitSharedMember(member, type);
  const Id pointer = module_.Emit(Op::OpAccessChain, module_.Pointer(kPhysical, type), {record_, U32(member)});
  return module_.Emit(Op::OpLoad, type, {pointer, kAligned, size_bytes});
}

const Emitter::Base& Emitter::EmitBase(int buffer) {
  Base& base = buffers_[buffer];
  if (base != Base{}) return base;
  const Id address = EmitRecordMember(static_cast<uint32_t>(buffer), AddressType(buffer), 8);
  const Op to_pointer = HasWideAddress(buffer) ? Op::OpConvertUToPtr : Op::OpBitcast;
  if (by_offset_) base[0] = address;
  const bool has_pairs = MovesPairs(buffer, 2);
  for (int log2_count = 0; log2_count <= (has_pairs ? 1 : 2) && !by_offset_; ++log2_count) {
    const int counts = has_pairs && log2_count == 1 ? 3 : 1;  // pairs serve those of 4 elements too
    if ((uses_.buffer_counts[buffer] >> log2_count & counts) == 0) continue;
    base[log2_count] = module_.Emit(to_pointer, BufferPointerType(buffer, 1 << log2_count), {address});
  }
  return base;
}

// The first addresses are one wide load for all of the kernel; the others are loaded where they are first needed.
void Emitter::EmitEntryBases() {
  buffers_.resize(kernel_.buffers.size());
  const size_t most = SharesRecord() ? buffers_.size() : kMostEntryBases;
  for (size_t i = 0; i < std::min(buffers_.size(), most); ++i) {
    if (uses_.buffer_counts[i] != 0) EmitBase(static_cast<int>(i));
  }
}

// Ahead of a loop: the addresses that each of its iterations needs.
void Emitter::EmitBasesOf(const kernel::Region& region) {
  for (const Instruction& inst : region.body) {
    if (AccessesBuffer(inst)) EmitBase(inst.buffer);
    if (inst.op != kernel::KOp::kFor && inst.op != kernel::KOp::kWhile) continue;
    for (const auto& inner : inst.regions) EmitBasesOf(*inner);
  }
}

void Emitter::EmitParams() {
  params_.resize(kernel_.num_params);
  for (int i = 0; i < kernel_.num_params; ++i) {
    if (!uses_.params[i]) continue;
    params_[i] = EmitRecordMember(static_cast<uint32_t>(kernel_.buffers.size()) + i, module_.Int(32), 4);
  }
}

void Emitter::EmitEntry() {
  OpenBlock(module_.NewId());
  DeclareRecord();
  if (kernel_.is_segmented) {
    EmitSegment();
  } else {
    module_.Decorate(record_type_, spv::Decoration::Block);
    const Id push = DeclarePushConstants();
    if (uses_.workgroup_index) {
      workgroup_ = EmitFlatWorkgroupId();
      OpenGuard(EmitPushConstant(push, 2, module_.Int(32)));
    }
    if (SharesRecord()) {
      EmitRecordWords(EmitRecordsPointer(push, DeclareReadOnlyArray(module_.Int(32), 4)), 0);
    } else {
      record_ = EmitRecordsPointer(push, record_type_);
    }
  }
  EmitEntryBases();
  EmitParams();
}

}  // namespace dragoman::codegen
