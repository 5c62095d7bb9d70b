// SPDX-License-Identifier: Apache-2.0
// Writes one SPIR-V 1.5 compute module for Vulkan 1.2. Knows SPIR-V, not our IR: types and constants exist once,
// capabilities are collected as they are used, sections come out in the order the specification asks for.
//
// Deterministic: equal calls give equal words. Ids count up in call order; there are no names and no debug information.
// The module holds one function, void main(); instructions go to its end. Not checked here: spirv-val does in the
// tests.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spirv/spv.h"

namespace dragoman::spirv {

using Id = uint32_t;  // 0: none

class Module {
 public:
  // GLSL450 memory model unless UseVulkanMemoryModel is called; with PhysicalStorageBuffer64 addresses.
  Module();

  Id NewId() { return next_id_++; }
  // Both keep each entry once.
  void AddCapability(spv::Capability capability);
  void UseVulkanMemoryModel();
  void AddExtension(std::string_view name);

  // Types. Equal arguments give the same id. Int(64) and Float(64) bring their capabilities; for 8 and 16 bits the
  // caller adds what its use needs (arithmetic or storage only). All integers are unsigned: operations carry the sign.
  Id Void();
  Id Bool();
  Id Int(int bits);
  Id Float(int bits);
  Id BFloat16();
  // Component type, scope, rows, columns and use, as OpTypeCooperativeMatrixKHR has them.
  Id CooperativeMatrix(std::initializer_list<uint32_t> operands);
  Id Vector(Id component, int count);
  Id Array(Id element, uint32_t count);
  Id RuntimeArray(Id element, uint32_t stride_bytes);  // decorated with its stride
  Id Pointer(spv::StorageClass storage, Id pointee);
  Id FunctionType(Id result);
  // A fresh struct at each call, for decorations belong to it.
  Id Struct(std::span<const Id> members);
  // A struct of two members {type, type} without layout: the result of extended arithmetic.
  Id PairOf(Id type);

  Id Constant(Id type, std::span<const uint32_t> words);
  Id ConstantU32(uint32_t value);
  Id ConstantBool(bool value);
  // A composite constant whose one constituent stands for all: cooperative matrices.
  Id Splat(Id type, Id constant);

  void Decorate(Id target, spv::Decoration decoration, std::initializer_list<uint32_t> literals = {});
  void DecorateMember(Id type, uint32_t member, spv::Decoration decoration,
                      std::initializer_list<uint32_t> literals = {});

  // A module-scope variable; every one is listed in the entry point's interface.
  Id Variable(spv::StorageClass storage, Id pointee);
  // The input variable of a built-in; the same one for equal arguments.
  Id BuiltIn(spv::BuiltIn built_in, Id type);

  void AddExecutionMode(spv::ExecutionMode mode, std::initializer_list<uint32_t> literals);

  // Instructions. Emit returns the result's id; capabilities that belong to the opcode itself are added.
  Id Emit(spv::Op op, Id type, std::span<const uint32_t> operands);
  Id Emit(spv::Op op, Id type, std::initializer_list<uint32_t> operands) {
    return Emit(op, type, std::span(operands.begin(), operands.size()));
  }
  void EmitVoid(spv::Op op, std::span<const uint32_t> operands);
  void EmitVoid(spv::Op op, std::initializer_list<uint32_t> operands) {
    EmitVoid(op, std::span(operands.begin(), operands.size()));
  }
  // An instruction of the set GLSL.std.450.
  Id EmitGlsl(GLSLstd450 instruction, Id type, std::span<const uint32_t> operands);
  // A block begins: its label is `block`, from NewId.
  void EmitLabel(Id block);
  // A phi whose operands are told later. `num_incoming` pairs of (value, block) are set with SetPhi; all must be.
  struct Phi {
    Id result = 0;
    size_t position = 0;
  };
  Phi EmitPhi(Id type, int num_incoming);
  void SetPhi(const Phi& phi, int incoming, Id value, Id block);

  // The words. Consumes the module. `local_size` is the workgroup's.
  std::vector<uint32_t> Finish(std::array<uint32_t, 3> local_size) &&;

 private:
  using Words = std::vector<uint32_t>;
  struct WordsHasher {
    size_t operator()(const Words& words) const;
  };

  // The id of a type or constant; declares it when it is new. `result_at`: the operand position the result id takes.
  Id Declare(spv::Op op, Words operands, bool has_type);
  static void Append(Words& section, spv::Op op, std::span<const uint32_t> operands);
  void AppendMemoryModelAndEntry(Words& out, std::array<uint32_t, 3> local_size) const;

  spv::MemoryModel memory_model_ = spv::MemoryModel::GLSL450;
  Id next_id_ = 1;
  Id glsl_ = 0;
  Id main_ = 0;
  std::vector<spv::Capability> capabilities_;
  std::vector<std::string> extensions_;
  std::vector<Id> interface_;
  std::unordered_map<Words, Id, WordsHasher> declared_;
  Words execution_modes_;
  Words decorations_;
  Words globals_;  // types, constants, variables
  Words body_;
};

}  // namespace dragoman::spirv
