// SPDX-License-Identifier: Apache-2.0
// Writes a module's computations into a module of the tensor IR, instruction by instruction. Tuples are taken apart: an
// instruction stands for its leaves. Called computations become regions, functions, or are written in place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hlo/composed_ops.h"
#include "hlo/location_table.h"
#include "hlo/module_table.h"
#include "ir/builder.h"
#include "ir/ir.h"
#include "read/op_writer.h"

namespace dragoman::hlo {

class Importer {
 public:
  Importer(const ModuleTable& table, ir::Module& module, LocationTable& locations);
  Status Run();

 private:
  using Values = std::vector<ir::Value*>;
  // A computation being written into a block.
  struct Scope {
    const Computation& computation;
    ir::Block& block;
    std::vector<Values> arguments;    // leaves, by parameter
    std::optional<Dims> lifted;       // of a map's body: what is a scalar there is a tensor of these extents
    std::vector<Values> values = {};  // leaves, by instruction
  };
  // How an instruction becomes operations.
  using Rule = StatusOr<Values> (Importer::*)(Scope&, const Instruction&);
  struct RuleRow {
    std::string_view opcode;
    Rule rule;
  };
  static const RuleRow kRules[];

  // The leaves of the computation's root.
  StatusOr<Values> Write(Scope scope);
  StatusOr<Values> WriteInstruction(Scope& scope, const Instruction& instruction);
  StatusOr<Values> WriteLifted(Scope& scope, const Instruction& instruction, ir::OpCode code);
  StatusOr<Values> WriteComposed(Scope& scope, const Instruction& instruction, Composition composition);
  StatusOr<Values> WritePlain(Scope& scope, const Instruction& instruction, ir::OpCode code);
  // A region with the computation's parameters as arguments and its root's leaves as results.
  Status WriteRegion(ir::Op* op, int computation);
  Status WriteFunction(ir::Function& function, int computation);
  StatusOr<Values> WriteInPlace(const Scope& scope, int computation, std::vector<Values> arguments,
                                std::optional<Dims> lifted);

  StatusOr<Values> Parameter(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Constant(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Tuple(Scope& scope, const Instruction& instruction);
  StatusOr<Values> GetTupleElement(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Identity(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Bitcast(Scope& scope, const Instruction& instruction);
  StatusOr<Values> While(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Conditional(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Call(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Fusion(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Map(Scope& scope, const Instruction& instruction);
  StatusOr<Values> DimensionSize(Scope& scope, const Instruction& instruction);
  StatusOr<Values> Rng(Scope& scope, const Instruction& instruction);
  StatusOr<Values> TopK(Scope& scope, const Instruction& instruction);
  StatusOr<Values> CustomCall(Scope& scope, const Instruction& instruction);

  static std::vector<TensorType> LeavesOf(const Shape& shape);
  static Values ResultsOf(const ir::Op& op);
  StatusOr<Values> LiteralLeaves(Scope& scope, const Message& literal, const Shape& shape);
  Values OperandLeaves(const Scope& scope, const Instruction& instruction, size_t first = 0) const;
  // For operations that no instruction states.
  ir::Builder BuilderIn(Scope& scope) const { return ir::Builder(scope.block, location_); }
  // The operation that the instruction states, without its regions.
  StatusOr<ir::Op*> Append(Scope& scope, const Instruction& instruction, ir::OpCode code, Values operands,
                           ir::Attributes attributes = {});
  Status RefuseLifted(const Scope& scope, const Instruction& instruction) const;
  Status ExpectOperands(const Instruction& instruction, size_t count) const;
  Status ExpectCalled(const Instruction& instruction, size_t count) const;
  Status ExpectLeaves(const Scope& scope, const Instruction& instruction, const Values& leaves) const;
  Status WithPlace(const Status& error, const Instruction& instruction);
  Status ImportAliases(ir::Function& main, const Shape& result);
  StatusOr<int64_t> LeafOf(const Shape& shape, const std::vector<int64_t>& index) const;
  // With its types, for messages. Of the computation that is being written.
  std::string Describe(const Instruction& instruction) const;
  Status Refuse(const Instruction& instruction) const;

  const ModuleTable& table_;
  ir::Module& module_;
  LocationTable& locations_;
  read::OpWriter writer_;
  const Computation* computation_ = nullptr;  // being written, and
  ir::LocationId location_ = 0;               // its instruction's place
  bool error_has_place_ = false;
  std::vector<std::string> function_of_;  // by computation; empty: none yet
};

}  // namespace dragoman::hlo
