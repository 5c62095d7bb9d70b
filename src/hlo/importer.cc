// SPDX-License-Identifier: Apache-2.0
#include "hlo/importer.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "hlo/fields.h"
#include "hlo/op_attributes.h"
#include "read/checks.h"

namespace dragoman::hlo {
namespace {

using ir::AttrKey;
using ir::OpCode;

Dims Permuted(const Dims& dims, const std::vector<int64_t>& order) {
  Dims result;
  for (const int64_t dim : order) result.push_back(dims[dim]);
  return result;
}

std::vector<int64_t> Inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> result(order.size());
  for (size_t i = 0; i < order.size(); ++i) result[order[i]] = static_cast<int64_t>(i);
  return result;
}

}  // namespace

const Importer::RuleRow Importer::kRules[] = {
    {"add-dependency", &Importer::Identity},
    {"bitcast", &Importer::Bitcast},
    {"call", &Importer::Call},
    {"conditional", &Importer::Conditional},
    {"constant", &Importer::Constant},
    {"copy", &Importer::Identity},
    {"custom-call", &Importer::CustomCall},
    {"domain", &Importer::Identity},
    {"fusion", &Importer::Fusion},
    {"get-dimension-size", &Importer::DimensionSize},
    {"get-tuple-element", &Importer::GetTupleElement},
    {"map", &Importer::Map},
    {"parameter", &Importer::Parameter},
    {"rng", &Importer::Rng},
    {"set-dimension-size", &Importer::Identity},  // to what it is: a result of dynamic size was refused with its shape
    {"topk", &Importer::TopK},
    {"tuple", &Importer::Tuple},
    {"while", &Importer::While},
};

Importer::Importer(const ModuleTable& table, ir::Module& module, LocationTable& locations)
    : table_(table),
      module_(module),
      locations_(locations),
      writer_(table.message.size_bytes()),
      function_of_(table.computations.size()) {}

Status Importer::Run() {
  module_.functions.push_back(std::make_unique<ir::Function>());
  ir::Function& main = *module_.functions.back();
  main.name = "main";
  main.is_public = true;
  RETURN_IF_ERROR(WriteFunction(main, table_.entry));
  main.parameters.resize(main.body.arguments.size());
  return ImportAliases(main, table_.computations[table_.entry].root_instruction().shape);
}

StatusOr<Importer::Values> Importer::Write(Scope scope) {
  // A computation that several instructions call is written several times.
  RETURN_IF_ERROR(writer_.ChargeOps(scope.computation.instructions.size()));
  RETURN_IF_ERROR(writer_.Enter());
  const Computation* caller = std::exchange(computation_, &scope.computation);
  const ir::LocationId caller_location = location_;
  for (const Instruction& instruction : scope.computation.instructions) {
    location_ = locations_.Add(instruction.message.Bytes(instruction_field::kMetadata));
    StatusOr<Values> leaves = WriteInstruction(scope, instruction);
    if (!leaves.ok()) return WithPlace(leaves.status(), instruction);
    RETURN_IF_ERROR(WithPlace(ExpectLeaves(scope, instruction, *leaves), instruction));
    scope.values.push_back(*std::move(leaves));
  }
  location_ = caller_location;
  computation_ = caller;
  writer_.Leave();
  return scope.values[scope.computation.root];
}

// The innermost instruction is the one that an error is about.
Status Importer::WithPlace(const Status& error, const Instruction& instruction) {
  if (error.ok() || std::exchange(error_has_place_, true)) return error;
  return error.WithContext(read::WhileReading(instruction.opcode, locations_.Describe(location_)));
}

Status Importer::ExpectLeaves(const Scope& scope, const Instruction& instruction, const Values& leaves) const {
  const std::vector<TensorType> types = LeavesOf(instruction.shape);
  const auto has_type = [&](const ir::Value* value, const TensorType& type) {
    return value->type.dtype == type.dtype && (scope.lifted.has_value() || value->type.dims == type.dims);
  };
  if (std::equal(leaves.begin(), leaves.end(), types.begin(), types.end(), has_type)) return OkStatus();
  return InvalidArgument(Describe(instruction) + " has values of other types than its shape says.");
}

StatusOr<Importer::Values> Importer::WriteInstruction(Scope& scope, const Instruction& instruction) {
  for (const RuleRow& row : kRules) {
    if (row.opcode == instruction.opcode) return (this->*row.rule)(scope, instruction);
  }
  if (const Composition composition = CompositionOf(instruction.opcode)) {
    return WriteComposed(scope, instruction, composition);
  }
  const std::optional<OpCode> code = PlainOpOf(instruction.opcode);
  if (!code.has_value()) return Refuse(instruction);
  return scope.lifted.has_value() ? WriteLifted(scope, instruction, *code) : WritePlain(scope, instruction, *code);
}

StatusOr<Importer::Values> Importer::WriteLifted(Scope& scope, const Instruction& instruction, OpCode code) {
  if (!ir::IsElementwise(code) || instruction.shape.is_tuple || instruction.shape.type.rank() != 0) {
    return Unimplemented(Describe(instruction) + " is not supported in the computation of a map.");
  }
  const Values operands = OperandLeaves(scope, instruction);
  if (operands.empty()) return InvalidArgument(Describe(instruction) + " has no operand.");
  ASSIGN_OR_RETURN(ir::Attributes attributes, ReadAttributes(instruction, code));
  ASSIGN_OR_RETURN(ir::Op * op, Append(scope, instruction, code, operands, std::move(attributes)));
  return ResultsOf(*op);
}

StatusOr<Importer::Values> Importer::WritePlain(Scope& scope, const Instruction& instruction, OpCode code) {
  ASSIGN_OR_RETURN(ir::Attributes attributes, ReadAttributes(instruction, code));
  ASSIGN_OR_RETURN(ir::Op * op,
                   Append(scope, instruction, code, OperandLeaves(scope, instruction), std::move(attributes)));
  const int num_regions = ir::Info(code).num_regions;
  if (num_regions > 0) RETURN_IF_ERROR(ExpectCalled(instruction, num_regions));
  for (int i = 0; i < num_regions; ++i) RETURN_IF_ERROR(WriteRegion(op, instruction.called[i]));
  return ResultsOf(*op);
}

Status Importer::WriteRegion(ir::Op* op, int computation) {
  const Computation& callee = table_.computations[computation];
  ir::Block& block = *op->parent->AddRegion(op);
  std::vector<Values> arguments;
  for (const int parameter : callee.parameters) {
    arguments.emplace_back();
    for (const TensorType& type : LeavesOf(callee.instructions[parameter].shape)) {
      arguments.back().push_back(block.AddArgument(type));
    }
  }
  ASSIGN_OR_RETURN(const Values results, Write({callee, block, std::move(arguments), std::nullopt}));
  block.Append(OpCode::kReturn, results, {});
  return OkStatus();
}

Status Importer::WriteFunction(ir::Function& function, int computation) {
  const Computation& callee = table_.computations[computation];
  std::vector<Values> arguments;
  for (const int parameter : callee.parameters) {
    arguments.emplace_back();
    for (const TensorType& type : LeavesOf(callee.instructions[parameter].shape)) {
      arguments.back().push_back(function.body.AddArgument(type));
    }
  }
  function.parameters.resize(function.body.arguments.size());
  ASSIGN_OR_RETURN(const Values results, Write({callee, function.body, std::move(arguments), std::nullopt}));
  function.body.Append(OpCode::kReturn, results, {});
  return OkStatus();
}

StatusOr<Importer::Values> Importer::Parameter(Scope& scope, const Instruction& instruction) {
  Values leaves = scope.arguments[instruction.parameter_number];
  std::vector<TensorType> types = LeavesOf(instruction.shape);
  for (TensorType& type : types) {
    if (scope.lifted.has_value() && type.rank() == 0) type.dims = *scope.lifted;
  }
  const auto has_type = [](const ir::Value* value, const TensorType& type) { return value->type == type; };
  if (std::equal(leaves.begin(), leaves.end(), types.begin(), types.end(), has_type)) return leaves;
  return InvalidArgument(Format("Parameter {} of computation {} is called with another type.",
                                instruction.parameter_number, scope.computation.name));
}

StatusOr<Importer::Values> Importer::Constant(Scope& scope, const Instruction& instruction) {
  ASSIGN_OR_RETURN(const Message literal, instruction.message.Sub(instruction_field::kLiteral, "constant"));
  StatusOr<Values> leaves = LiteralLeaves(scope, literal, instruction.shape);
  if (!leaves.ok()) return leaves;
  if (!scope.lifted.has_value()) return leaves;
  for (ir::Value*& leaf : *leaves) {
    if (leaf->type.rank() != 0) return Unimplemented("A map's computation holds a constant that is not a scalar.");
    leaf = BuilderIn(scope).Fill(leaf, *scope.lifted);
  }
  return leaves;
}

StatusOr<Importer::Values> Importer::LiteralLeaves(Scope& scope, const Message& literal, const Shape& shape) {
  if (!shape.is_tuple) {
    ASSIGN_OR_RETURN(ir::Literal value, ReadLiteral(literal, shape));
    RETURN_IF_ERROR(writer_.Charge(value.bytes().size()));
    return Values{BuilderIn(scope).Constant(std::move(value))};
  }
  ASSIGN_OR_RETURN(const auto elements, literal.Subs(literal_field::kTupleLiterals, "constant"));
  if (elements.size() != shape.elements.size()) return InvalidArgument("A constant tuple lacks elements.");
  Values leaves;
  for (size_t i = 0; i < elements.size(); ++i) {
    ASSIGN_OR_RETURN(const Values inner, LiteralLeaves(scope, elements[i], shape.elements[i]));
    leaves.insert(leaves.end(), inner.begin(), inner.end());
  }
  return leaves;
}

StatusOr<Importer::Values> Importer::Tuple(Scope& scope, const Instruction& instruction) {
  return OperandLeaves(scope, instruction);
}

StatusOr<Importer::Values> Importer::GetTupleElement(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 1));
  const Shape& tuple = scope.computation.instructions[instruction.operands[0]].shape;
  const int64_t index = instruction.message.Int(instruction_field::kTupleIndex);
  if (!tuple.is_tuple || index < 0 || index >= static_cast<int64_t>(tuple.elements.size())) {
    return InvalidArgument(Format("{} takes element {} of what has no such element.", Describe(instruction), index));
  }
  const Values& leaves = scope.values[instruction.operands[0]];
  const auto first = leaves.begin() + tuple.FirstLeafOf(index);
  return Values(first, first + tuple.elements[index].num_leaves());
}

StatusOr<Importer::Values> Importer::Identity(Scope& scope, const Instruction& instruction) {
  if (instruction.operands.empty()) return InvalidArgument(Describe(instruction) + " has no operand.");
  return scope.values[instruction.operands[0]];
}

// The memory of the operand, in its layout, read as the result's in the result's layout.
StatusOr<Importer::Values> Importer::Bitcast(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 1));
  const Shape& from = scope.computation.instructions[instruction.operands[0]].shape;
  const Shape& to = instruction.shape;
  if (from.is_tuple || to.is_tuple || from.type.dtype != to.type.dtype || scope.lifted.has_value() ||
      from.type.num_elements() != to.type.num_elements()) {
    return Refuse(instruction);
  }
  ir::Builder builder = BuilderIn(scope);
  const auto transposed = [&](ir::Value* value, const std::vector<int64_t>& order) {
    return std::is_sorted(order.begin(), order.end()) ? value : builder.Transpose(value, order);
  };
  const std::vector<int64_t> order = MajorToMinor(to);
  ir::Value* value = transposed(scope.values[instruction.operands[0]][0], MajorToMinor(from));
  return Values{transposed(builder.Reshape(value, Permuted(to.type.dims, order)), Inverse(order))};
}

StatusOr<Importer::Values> Importer::DimensionSize(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 1));
  const Shape& operand = scope.computation.instructions[instruction.operands[0]].shape;
  const std::vector<int64_t> dimensions = instruction.message.Ints(instruction_field::kDimensions);
  if (operand.is_tuple || dimensions.size() != 1 || dimensions[0] < 0 || dimensions[0] >= operand.type.rank()) {
    return InvalidArgument(Describe(instruction) + " asks for a dimension that is not there.");
  }
  const auto extent = static_cast<double>(operand.type.dims[dimensions[0]]);
  return Values{BuilderIn(scope).Scalar(DType::kS32, extent)};
}

std::vector<TensorType> Importer::LeavesOf(const Shape& shape) {
  std::vector<TensorType> types;
  shape.AppendLeaves(types);
  return types;
}

Importer::Values Importer::ResultsOf(const ir::Op& op) {
  Values leaves;
  for (const auto& result : op.results) leaves.push_back(result.get());
  return leaves;
}

Importer::Values Importer::OperandLeaves(const Scope& scope, const Instruction& instruction, size_t first) const {
  Values leaves;
  for (size_t i = first; i < instruction.operands.size(); ++i) {
    const Values& own = scope.values[instruction.operands[i]];
    leaves.insert(leaves.end(), own.begin(), own.end());
  }
  return leaves;
}

StatusOr<ir::Op*> Importer::Append(Scope& scope, const Instruction& instruction, OpCode code, Values operands,
                                   ir::Attributes attributes) {
  std::vector<TensorType> types = LeavesOf(instruction.shape);
  for (TensorType& type : types) {
    if (scope.lifted.has_value()) type.dims = *scope.lifted;
  }
  return writer_.Append(scope.block, {code, std::move(operands), std::move(types), std::move(attributes), location_});
}

Status Importer::ExpectOperands(const Instruction& instruction, size_t count) const {
  if (instruction.operands.size() == count) return OkStatus();
  return InvalidArgument(
      Format("{} has {} operands, expected {}.", Describe(instruction), instruction.operands.size(), count));
}

Status Importer::ExpectCalled(const Instruction& instruction, size_t count) const {
  if (instruction.called.size() == count) return OkStatus();
  return InvalidArgument(
      Format("{} calls {} computations, expected {}.", Describe(instruction), instruction.called.size(), count));
}

StatusOr<int64_t> Importer::LeafOf(const Shape& shape, const std::vector<int64_t>& index) const {
  const Shape* at = &shape;
  int64_t leaf = 0;
  for (const int64_t i : index) {
    if (!at->is_tuple || i < 0 || i >= static_cast<int64_t>(at->elements.size())) {
      return InvalidArgument(Format("An alias names {} of a shape that has no such element.", ToString(index)));
    }
    leaf += at->FirstLeafOf(i);
    at = &at->elements[i];
  }
  if (at->is_tuple) return InvalidArgument("An alias names a whole tuple.");
  return leaf;
}

// Which parameters' memory results may take, and which parameters may be taken for any.
Status Importer::ImportAliases(ir::Function& main, const Shape& result) {
  const Computation& entry = table_.computations[table_.entry];
  const auto parameter_at = [&](const Message& message, uint32_t number_field,
                                uint32_t index_field) -> StatusOr<ir::ParameterInfo*> {
    const int64_t number = message.Int(number_field);
    if (number < 0 || number >= static_cast<int64_t>(entry.parameters.size())) {
      return InvalidArgument(Format("An alias names parameter {}, which is not there.", number));
    }
    int64_t leaf = 0;
    for (int64_t i = 0; i < number; ++i) leaf += entry.instructions[entry.parameters[i]].shape.num_leaves();
    ASSIGN_OR_RETURN(const int64_t own,
                     LeafOf(entry.instructions[entry.parameters[number]].shape, message.Ints(index_field)));
    return &main.parameters[leaf + own];
  };
  ASSIGN_OR_RETURN(const Message aliases, table_.message.Sub(module_field::kInputOutputAlias, "alias"));
  ASSIGN_OR_RETURN(const auto entries, aliases.Subs(alias_field::kEntries, "alias"));
  for (const Message& alias : entries) {
    ASSIGN_OR_RETURN(ir::ParameterInfo * parameter,
                     parameter_at(alias, alias_field::kParameterNumber, alias_field::kParameterShapeIndex));
    ASSIGN_OR_RETURN(const int64_t output, LeafOf(result, alias.Ints(alias_field::kOutputShapeIndex)));
    parameter->aliased_output = static_cast<int>(output);
  }
  ASSIGN_OR_RETURN(const Message donors, table_.message.Sub(module_field::kBufferDonor, "donor"));
  ASSIGN_OR_RETURN(const auto donated, donors.Subs(donor_field::kEntries, "donor"));
  for (const Message& donor : donated) {
    ASSIGN_OR_RETURN(ir::ParameterInfo * parameter,
                     parameter_at(donor, donor_field::kParameterNumber, donor_field::kParameterShapeIndex));
    parameter->is_donor = true;
  }
  return OkStatus();
}

std::string Importer::Describe(const Instruction& instruction) const {
  const auto add = [](const Shape& shape, std::vector<std::string>& texts) {
    for (const TensorType& type : LeavesOf(shape)) texts.push_back(type.ToString());
  };
  std::vector<std::string> operands, results;
  for (const int operand : instruction.operands) add(computation_->instructions[operand].shape, operands);
  add(instruction.shape, results);
  return read::Describe(instruction.opcode, operands, results);
}

Status Importer::Refuse(const Instruction& instruction) const { return read::RefuseOperation(Describe(instruction)); }

}  // namespace dragoman::hlo
