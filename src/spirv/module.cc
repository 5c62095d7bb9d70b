// SPDX-License-Identifier: Apache-2.0
#include "spirv/module.h"

#include <algorithm>

#include "base/check.h"

namespace dragoman::spirv {
namespace {

constexpr uint32_t kVersion15 = 0x00010500;

// Opcodes that need a capability whatever their operands are.
struct OpCapability {
  spv::Op op;
  spv::Capability capability;
};
constexpr OpCapability kOpCapabilities[] = {
    {spv::Op::OpGroupNonUniformShuffle, spv::Capability::GroupNonUniformShuffle},
    {spv::Op::OpGroupNonUniformShuffleXor, spv::Capability::GroupNonUniformShuffle},
};

bool IsSubgroupBuiltIn(spv::BuiltIn built_in) {
  return built_in == spv::BuiltIn::SubgroupId || built_in == spv::BuiltIn::SubgroupLocalInvocationId;
}

// A string literal: UTF-8, zero-terminated, padded with zeros to whole words.
void AppendString(std::vector<uint32_t>& words, std::string_view text) {
  for (size_t i = 0; i <= text.size(); i += 4) {
    uint32_t word = 0;
    for (size_t j = 0; j < 4 && i + j < text.size(); ++j) {
      word |= static_cast<uint32_t>(static_cast<unsigned char>(text[i + j])) << (8 * j);
    }
    words.push_back(word);
  }
}

}  // namespace

size_t Module::WordsHasher::operator()(const Words& words) const {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint32_t word : words) hash = (hash ^ word) * 0x100000001b3u;
  return hash ^ (hash >> 32);
}

Module::Module() {
  AddCapability(spv::Capability::Shader);
  AddCapability(spv::Capability::PhysicalStorageBufferAddresses);
  main_ = NewId();
}

void Module::AddCapability(spv::Capability capability) {
  if (std::find(capabilities_.begin(), capabilities_.end(), capability) == capabilities_.end()) {
    capabilities_.push_back(capability);
  }
}

void Module::UseVulkanMemoryModel() {
  memory_model_ = spv::MemoryModel::Vulkan;
  AddCapability(spv::Capability::VulkanMemoryModel);
}

void Module::AddExtension(std::string_view name) {
  if (std::find(extensions_.begin(), extensions_.end(), name) == extensions_.end()) extensions_.emplace_back(name);
}

void Module::Append(Words& section, spv::Op op, std::span<const uint32_t> operands) {
  section.push_back(static_cast<uint32_t>(operands.size() + 1) << 16 | static_cast<uint32_t>(op));
  section.insert(section.end(), operands.begin(), operands.end());
}

Id Module::Declare(spv::Op op, Words operands, bool has_type) {
  Words key = operands;
  key.push_back(static_cast<uint32_t>(op));
  const auto [entry, is_new] = declared_.try_emplace(std::move(key), next_id_);
  if (!is_new) return entry->second;
  const Id id = NewId();
  operands.insert(operands.begin() + (has_type ? 1 : 0), id);
  Append(globals_, op, operands);
  return id;
}

Id Module::Void() { return Declare(spv::Op::OpTypeVoid, {}, false); }
Id Module::Bool() { return Declare(spv::Op::OpTypeBool, {}, false); }

Id Module::Int(int bits) {
  if (bits == 64) AddCapability(spv::Capability::Int64);
  return Declare(spv::Op::OpTypeInt, {static_cast<uint32_t>(bits), 0}, false);
}

Id Module::Float(int bits) {
  if (bits == 64) AddCapability(spv::Capability::Float64);
  return Declare(spv::Op::OpTypeFloat, {static_cast<uint32_t>(bits)}, false);
}

Id Module::BFloat16() { return Declare(spv::Op::OpTypeFloat, {16, kFPEncodingBFloat16KHR}, false); }

Id Module::CooperativeMatrix(std::initializer_list<uint32_t> operands) {
  return Declare(kOpTypeCooperativeMatrixKHR, operands, false);
}

Id Module::Vector(Id component, int count) {
  return Declare(spv::Op::OpTypeVector, {component, static_cast<uint32_t>(count)}, false);
}

Id Module::Array(Id element, uint32_t count) {
  const Id length = ConstantU32(count);
  return Declare(spv::Op::OpTypeArray, {element, length}, false);
}

Id Module::RuntimeArray(Id element, uint32_t stride_bytes) {
  const Id expected = next_id_;
  const Id id = Declare(spv::Op::OpTypeRuntimeArray, {element}, false);
  if (id == expected) Decorate(id, spv::Decoration::ArrayStride, {stride_bytes});
  return id;
}

Id Module::Pointer(spv::StorageClass storage, Id pointee) {
  return Declare(spv::Op::OpTypePointer, {static_cast<uint32_t>(storage), pointee}, false);
}

Id Module::FunctionType(Id result) { return Declare(spv::Op::OpTypeFunction, {result}, false); }

Id Module::Struct(std::span<const Id> members) {
  Words operands = {NewId()};
  operands.insert(operands.end(), members.begin(), members.end());
  Append(globals_, spv::Op::OpTypeStruct, operands);
  return operands[0];
}

Id Module::PairOf(Id type) { return Declare(spv::Op::OpTypeStruct, {type, type}, false); }

Id Module::Constant(Id type, std::span<const uint32_t> words) {
  Words operands = {type};
  operands.insert(operands.end(), words.begin(), words.end());
  return Declare(spv::Op::OpConstant, std::move(operands), true);
}

Id Module::ConstantU32(uint32_t value) {
  const Id type = Int(32);
  return Declare(spv::Op::OpConstant, {type, value}, true);
}

Id Module::Splat(Id type, Id constant) { return Declare(spv::Op::OpConstantComposite, {type, constant}, true); }

Id Module::ConstantBool(bool value) {
  const Id type = Bool();
  return Declare(value ? spv::Op::OpConstantTrue : spv::Op::OpConstantFalse, {type}, true);
}

void Module::Decorate(Id target, spv::Decoration decoration, std::initializer_list<uint32_t> literals) {
  Words operands = {target, static_cast<uint32_t>(decoration)};
  operands.insert(operands.end(), literals);
  Append(decorations_, spv::Op::OpDecorate, operands);
}

void Module::DecorateMember(Id type, uint32_t member, spv::Decoration decoration,
                            std::initializer_list<uint32_t> literals) {
  Words operands = {type, member, static_cast<uint32_t>(decoration)};
  operands.insert(operands.end(), literals);
  Append(decorations_, spv::Op::OpMemberDecorate, operands);
}

Id Module::Variable(spv::StorageClass storage, Id pointee) {
  const Id type = Pointer(storage, pointee);
  const Id id = NewId();
  Append(globals_, spv::Op::OpVariable, std::initializer_list<uint32_t>{type, id, static_cast<uint32_t>(storage)});
  interface_.push_back(id);
  return id;
}

Id Module::BuiltIn(spv::BuiltIn built_in, Id type) {
  // Keyed beside the declarations: no declaration begins with the opcode of a decoration.
  Words key = {static_cast<uint32_t>(built_in), type, static_cast<uint32_t>(spv::Op::OpDecorate)};
  if (const auto found = declared_.find(key); found != declared_.end()) return found->second;
  if (IsSubgroupBuiltIn(built_in)) AddCapability(spv::Capability::GroupNonUniform);
  const Id id = Variable(spv::StorageClass::Input, type);
  Decorate(id, spv::Decoration::BuiltIn, {static_cast<uint32_t>(built_in)});
  declared_.emplace(std::move(key), id);
  return id;
}

void Module::AddExecutionMode(spv::ExecutionMode mode, std::initializer_list<uint32_t> literals) {
  Words operands = {main_, static_cast<uint32_t>(mode)};
  operands.insert(operands.end(), literals);
  Append(execution_modes_, spv::Op::OpExecutionMode, operands);
}

Id Module::Emit(spv::Op op, Id type, std::span<const uint32_t> operands) {
  for (const OpCapability& row : kOpCapabilities) {
    if (row.op == op) {
      AddCapability(spv::Capability::GroupNonUniform);
      AddCapability(row.capability);
    }
  }
  const Id id = NewId();
  body_.push_back(static_cast<uint32_t>(operands.size() + 3) << 16 | static_cast<uint32_t>(op));
  body_.push_back(type);
  body_.push_back(id);
  body_.insert(body_.end(), operands.begin(), operands.end());
  return id;
}

void Module::EmitVoid(spv::Op op, std::span<const uint32_t> operands) { Append(body_, op, operands); }

Id Module::EmitGlsl(GLSLstd450 instruction, Id type, std::span<const uint32_t> operands) {
  if (glsl_ == 0) glsl_ = NewId();
  Words all = {glsl_, static_cast<uint32_t>(instruction)};
  all.insert(all.end(), operands.begin(), operands.end());
  return Emit(spv::Op::OpExtInst, type, all);
}

void Module::EmitLabel(Id block) { EmitVoid(spv::Op::OpLabel, {block}); }

Module::Phi Module::EmitPhi(Id type, int num_incoming) {
  const Words operands(2 * static_cast<size_t>(num_incoming), 0);
  Phi phi;
  phi.result = Emit(spv::Op::OpPhi, type, operands);
  phi.position = body_.size() - operands.size();
  return phi;
}

void Module::SetPhi(const Phi& phi, int incoming, Id value, Id block) {
  const size_t position = phi.position + 2 * static_cast<size_t>(incoming);
  CHECK(position + 1 < body_.size());
  body_[position] = value;
  body_[position + 1] = block;
}

void Module::AppendMemoryModelAndEntry(Words& out, std::array<uint32_t, 3> local_size) const {
  Append(out, spv::Op::OpMemoryModel,
         std::initializer_list<uint32_t>{static_cast<uint32_t>(spv::AddressingModel::PhysicalStorageBuffer64),
                                         static_cast<uint32_t>(memory_model_)});
  Words entry = {static_cast<uint32_t>(spv::ExecutionModel::GLCompute), main_};
  AppendString(entry, "main");
  entry.insert(entry.end(), interface_.begin(), interface_.end());
  Append(out, spv::Op::OpEntryPoint, entry);
  Append(out, spv::Op::OpExecutionMode,
         std::initializer_list<uint32_t>{main_, static_cast<uint32_t>(spv::ExecutionMode::LocalSize), local_size[0],
                                         local_size[1], local_size[2]});
  out.insert(out.end(), execution_modes_.begin(), execution_modes_.end());
}

std::vector<uint32_t> Module::Finish(std::array<uint32_t, 3> local_size) && {
  const Id void_type = Void();
  const Id function_type = FunctionType(void_type);
  // The generator's number is unregistered: 0. Word 3 is the bound on ids.
  Words out = {spv::MagicNumber, kVersion15, 0, next_id_, 0};
  out.reserve(256 + decorations_.size() + globals_.size() + body_.size());
  for (const spv::Capability capability : capabilities_) {
    Append(out, spv::Op::OpCapability, std::initializer_list<uint32_t>{static_cast<uint32_t>(capability)});
  }
  for (const std::string& extension : extensions_) {
    Words operands;
    AppendString(operands, extension);
    Append(out, spv::Op::OpExtension, operands);
  }
  if (glsl_ != 0) {
    Words operands = {glsl_};
    AppendString(operands, "GLSL.std.450");
    Append(out, spv::Op::OpExtInstImport, operands);
  }
  AppendMemoryModelAndEntry(out, local_size);
  out.insert(out.end(), decorations_.begin(), decorations_.end());
  out.insert(out.end(), globals_.begin(), globals_.end());
  Append(out, spv::Op::OpFunction,
         std::initializer_list<uint32_t>{void_type, main_, static_cast<uint32_t>(spv::FunctionControlMask::MaskNone),
                                         function_type});
  out.insert(out.end(), body_.begin(), body_.end());
  Append(out, spv::Op::OpFunctionEnd, {});
  return out;
}

}  // namespace dragoman::spirv
