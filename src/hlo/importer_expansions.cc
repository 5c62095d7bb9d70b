// SPDX-License-Identifier: Apache-2.0
// Instructions that become several operations.
#include <cstring>

#include "base/format.h"
#include "hlo/fields.h"
#include "hlo/importer.h"
#include "hlo/op_attributes.h"

namespace dragoman::hlo {
namespace {

using ir::Attributes;
using ir::AttrKey;
using ir::OpCode;

ComparisonType OrderOf(DType dtype) {
  if (IsFloat(dtype)) return ComparisonType::kTotalOrder;
  return IsSigned(dtype) ? ComparisonType::kSigned : ComparisonType::kUnsigned;
}

// A sort's comparison of two values, each with its index: the indices do not matter.
void WriteComparison(ir::Op* sort, ComparisonDirection direction) {
  ir::Block& block = *sort->parent->AddRegion(sort);
  std::vector<ir::Value*> arguments;
  for (const ir::Value* operand : sort->operands) {
    for (int side = 0; side < 2; ++side) arguments.push_back(block.AddArgument({operand->type.dtype, {}}));
  }
  ir::Builder builder(block, sort->location);
  ir::Value* before = builder.Compare(direction, arguments[0], arguments[1], OrderOf(arguments[0]->type.dtype));
  block.Append(OpCode::kReturn, {before}, {});
}

}  // namespace

// In f32 where the type is narrower.
StatusOr<Importer::Values> Importer::WriteComposed(Scope& scope, const Instruction& instruction,
                                                   Composition composition) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 1));
  const Values& operand = scope.values[instruction.operands[0]];
  if (operand.size() != 1 || !IsFloat(operand[0]->type.dtype)) {
    return Refuse(instruction);
  }
  const DType dtype = operand[0]->type.dtype;
  ir::Builder builder = BuilderIn(scope);
  ir::Value* x = builder.Convert(operand[0], dtype == DType::kF64 ? dtype : DType::kF32);
  return Values{builder.Convert(composition(builder, x), dtype)};
}

// Draws from a state that outlives the program. Its operation has the extents as an operand too.
StatusOr<Importer::Values> Importer::Rng(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 2));
  RETURN_IF_ERROR(RefuseLifted(scope, instruction));
  if (instruction.shape.is_tuple) return InvalidArgument(Describe(instruction) + " is a tuple.");
  const Dims& dims = instruction.shape.type.dims;
  std::vector<std::byte> bytes(dims.size() * sizeof(int64_t));
  if (!dims.empty()) std::memcpy(bytes.data(), dims.data(), bytes.size());
  ir::Builder builder = BuilderIn(scope);
  Values operands = OperandLeaves(scope, instruction);
  operands.push_back(builder.Constant({{DType::kS64, {static_cast<int64_t>(dims.size())}}, std::move(bytes)}));
  Attributes attributes;
  attributes.Set(AttrKey::kRngDistribution, instruction.message.Int(instruction_field::kDistribution));
  return Values{builder.MakeTyped(OpCode::kRng, operands, {instruction.shape.type}, std::move(attributes))->result()};
}

// The first k of each row of a sort, with their indices.
StatusOr<Importer::Values> Importer::TopK(Scope& scope, const Instruction& instruction) {
  RETURN_IF_ERROR(ExpectOperands(instruction, 1));
  RETURN_IF_ERROR(RefuseLifted(scope, instruction));
  const Values& operand = scope.values[instruction.operands[0]];
  const std::vector<TensorType> types = LeavesOf(instruction.shape);
  if (operand.size() != 1 || operand[0]->type.rank() == 0 || types.size() != 2 || types[0].dims != types[1].dims ||
      types[0].rank() != operand[0]->type.rank() || !IsInteger(types[1].dtype)) {
    return InvalidArgument(Describe(instruction) + " has operands or results that do not fit.");
  }
  const Dims& dims = operand[0]->type.dims;
  const auto last = static_cast<int64_t>(dims.size()) - 1;
  ir::Builder builder = BuilderIn(scope);
  const auto with = [](AttrKey key, ir::AttrValue value) {
    Attributes attributes;
    attributes.Set(key, std::move(value));
    return attributes;
  };
  const TensorType index_type{types[1].dtype, dims};
  ir::Value* index = builder.Iota(index_type, last);
  Attributes sorting = with(AttrKey::kDimension, last);
  sorting.Set(AttrKey::kIsStable, int64_t{1});
  ir::Op* sort =
      builder.MakeTyped(OpCode::kSort, {operand[0], index}, {operand[0]->type, index_type}, std::move(sorting));
  if (instruction.called.empty()) {
    const bool is_largest = instruction.opcode != "topk" || instruction.message.Bool(instruction_field::kLargest);
    WriteComparison(sort, is_largest ? ComparisonDirection::kGt : ComparisonDirection::kLt);
  } else {
    RETURN_IF_ERROR(WriteRegion(sort, instruction.called[0]));
  }
  Attributes slicing = with(AttrKey::kStartIndices, std::vector<int64_t>(dims.size(), 0));
  slicing.Set(AttrKey::kLimitIndices, types[0].dims);
  slicing.Set(AttrKey::kStrides, std::vector<int64_t>(dims.size(), 1));
  Values leaves;
  for (int i = 0; i < 2; ++i) {
    leaves.push_back(builder.MakeTyped(OpCode::kSlice, {sort->result(i)}, {types[i]}, slicing)->result());
  }
  return leaves;
}

StatusOr<Importer::Values> Importer::CustomCall(Scope& scope, const Instruction& instruction) {
  if (instruction.message.Text(instruction_field::kCustomCallTarget) == "TopK") return TopK(scope, instruction);
  RETURN_IF_ERROR(RefuseLifted(scope, instruction));
  return WritePlain(scope, instruction, OpCode::kCustomCall);
}

}  // namespace dragoman::hlo
