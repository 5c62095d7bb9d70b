// SPDX-License-Identifier: Apache-2.0
// Instructions that call computations: loops, branches, calls, and those whose computation is written in place.
#include "base/format.h"
#include "hlo/importer.h"

namespace dragoman::hlo {

using ir::AttrKey;
using ir::OpCode;

StatusOr<Importer::Values> Importer::WriteInPlace(const Scope& scope, int computation, std::vector<Values> arguments,
                                                  std::optional<Dims> lifted) {
  const Computation& callee = table_.computations[computation];
  if (callee.parameters.size() != arguments.size()) {
    return InvalidArgument(Format("Computation {} has {} parameters and is called with {}.", callee.name,
                                  callee.parameters.size(), arguments.size()));
  }
  return Write({callee, scope.block, std::move(arguments), std::move(lifted)});
}

// What is a scalar in a map's computation is a tensor here: it cannot be a condition.
Status Importer::RefuseLifted(const Scope& scope, const Instruction& instruction) const {
  if (!scope.lifted.has_value()) return OkStatus();
  return Unimplemented(Describe(instruction) + " is not supported in the computation of a map.");
}

StatusOr<Importer::Values> Importer::While(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(RefuseLifted(scope, instruction));
  RETURN_IF_ERROR(ExpectCalled(instruction, 2));
  ASSIGN_OR_RETURN(ir::Op * op, Append(scope, instruction, OpCode::kWhile, OperandLeaves(scope, instruction)));
  // HLO names the body first.
  RETURN_IF_ERROR(WriteRegion(op, instruction.called[1]));
  RETURN_IF_ERROR(WriteRegion(op, instruction.called[0]));
  return ResultsOf(*op);
}

StatusOr<Importer::Values> Importer::Conditional(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(RefuseLifted(scope, instruction));
  if (instruction.called.empty()) return InvalidArgument(Describe(instruction) + " has no branch.");
  RETURN_IF_ERROR(ExpectOperands(instruction, instruction.called.size() + 1));
  const Values& selector = scope.values[instruction.operands[0]];
  if (selector.size() != 1) return InvalidArgument(Describe(instruction) + " chooses by a tuple.");
  ir::Value* index = selector[0];
  if (IsPred(index->type.dtype)) {  // branch 0 is the one for true
    ir::Builder builder = BuilderIn(scope);
    index = builder.Convert(builder.Unary(OpCode::kNot, index), DType::kS32);
  }
  ASSIGN_OR_RETURN(ir::Op * op, Append(scope, instruction, OpCode::kCase, {index}));
  for (size_t i = 0; i < instruction.called.size(); ++i) {
    const Computation& branch = table_.computations[instruction.called[i]];
    if (branch.parameters.size() != 1) {
      return InvalidArgument(Format("A branch has {} parameters, expected one.", branch.parameters.size()));
    }
    ir::Block& block = *scope.block.AddRegion(op);
    ASSIGN_OR_RETURN(const Values results,
                     Write({branch, block, {scope.values[instruction.operands[i + 1]]}, std::nullopt}));
    block.Append(OpCode::kReturn, results, {});
  }
  return ResultsOf(*op);
}

StatusOr<Importer::Values> Importer::Call(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectCalled(instruction, 1));
  if (scope.lifted.has_value()) return Fusion(scope, instruction);
  std::string& name = function_of_[instruction.called[0]];
  if (name.empty()) {
    name = Format("call_{}", instruction.called[0]);
    auto function = std::make_unique<ir::Function>();
    function->name = name;
    RETURN_IF_ERROR(WriteFunction(*function, instruction.called[0]));
    module_.functions.push_back(std::move(function));
  }
  ir::Attributes attributes;
  attributes.Set(AttrKey::kCallee, name);
  ASSIGN_OR_RETURN(ir::Op * op,
                   Append(scope, instruction, OpCode::kCall, OperandLeaves(scope, instruction), std::move(attributes)));
  return ResultsOf(*op);
}

StatusOr<Importer::Values> Importer::Fusion(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectCalled(instruction, 1));
  std::vector<Values> arguments;
  for (const int operand : instruction.operands) arguments.push_back(scope.values[operand]);
  return WriteInPlace(scope, instruction.called[0], std::move(arguments), scope.lifted);
}

StatusOr<Importer::Values> Importer::Map(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectCalled(instruction, 1));
  if (instruction.shape.is_tuple) return Refuse(instruction);
  std::vector<Values> arguments;
  for (const int operand : instruction.operands) arguments.push_back(scope.values[operand]);
  const Dims dims = scope.lifted.has_value() ? *scope.lifted : instruction.shape.type.dims;
  return WriteInPlace(scope, instruction.called[0], std::move(arguments), dims);
}

}  // namespace dragoman::hlo
