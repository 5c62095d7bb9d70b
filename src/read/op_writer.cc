// SPDX-License-Identifier: Apache-2.0
#include "read/op_writer.h"

#include "base/format.h"
#include "read/checks.h"

namespace dragoman::read {
namespace {

// Real programs stay under ten bytes of shared types and attributes, and under a hundred of all, for each of their own.
constexpr size_t kExpansionLimit = 256;
constexpr size_t kSmallExpansion = size_t{1} << 20;

// A literal's data is the reader's to charge: it is shared where the program shares it.
size_t SizeBytesOf(const StatedOp& stated) {
  size_t size = stated.operands.size() * sizeof(ir::Value*);
  for (const TensorType& type : stated.types) size += sizeof(TensorType) + type.dims.size() * sizeof(int64_t);
  for (const auto& [key, value] : stated.attributes.entries()) {
    size += sizeof(std::pair<ir::AttrKey, ir::AttrValue>);
    if (const auto* text = std::get_if<std::string>(&value)) size += text->size();
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) size += ints->size() * sizeof(int64_t);
    if (const auto* literal = std::get_if<ir::Literal>(&value)) size += literal->type().dims.size() * sizeof(int64_t);
  }
  return size;
}

// Only control flow and effects hand tokens on; nothing computes with them.
bool MayHaveTokens(ir::OpCode code) {
  const ir::OpKind kind = ir::Info(code).kind;
  return kind == ir::OpKind::kControl || kind == ir::OpKind::kEffect || code == ir::OpCode::kCustomCall;
}

Status RefuseTokens(const StatedOp& stated) {
  if (MayHaveTokens(stated.code)) return OkStatus();
  bool has_token = false;
  for (const ir::Value* operand : stated.operands) has_token |= IsToken(operand->type.dtype);
  for (const TensorType& type : stated.types) has_token |= IsToken(type.dtype);
  return has_token ? InvalidArgument("The operation takes or gives a token, which it cannot.") : OkStatus();
}

// StableHLO and HLO let the type of comparison follow from the operands' type.
void StateCompareType(const TensorType& operand, ir::Attributes& attributes) {
  if (attributes.Int(ir::AttrKey::kCompareType) != static_cast<int64_t>(ComparisonType::kNoType)) return;
  ComparisonType type = ComparisonType::kUnsigned;
  if (IsSigned(operand.dtype)) type = ComparisonType::kSigned;
  if (IsFloat(operand.dtype) || IsComplex(operand.dtype)) type = ComparisonType::kFloat;
  attributes.Set(ir::AttrKey::kCompareType, static_cast<int64_t>(type));
}

}  // namespace

OpWriter::OpWriter(size_t program_bytes) : budget_bytes_(program_bytes * kExpansionLimit + kSmallExpansion) {}

Status OpWriter::Charge(size_t bytes) {
  if (bytes > budget_bytes_) {
    return InvalidArgument(Format("The program expands to more than {} times its size.", kExpansionLimit));
  }
  budget_bytes_ -= bytes;
  return OkStatus();
}

Status OpWriter::Enter() {
  if (++depth_ <= ir::kMaxRegionDepth) return OkStatus();
  return Unimplemented(
      Format("Regions and computations nested deeper than {} are not supported.", ir::kMaxRegionDepth));
}

StatusOr<ir::Op*> OpWriter::Append(ir::Block& block, StatedOp stated) {
  RETURN_IF_ERROR(RefuseTokens(stated));
  RETURN_IF_ERROR(CheckNumbers(stated.attributes));
  RETURN_IF_ERROR(Charge(SizeBytesOf(stated)));
  if (stated.code == ir::OpCode::kCompare && !stated.operands.empty()) {
    StateCompareType(stated.operands[0]->type, stated.attributes);
  }
  ir::Op* op =
      block.Append(stated.code, std::move(stated.operands), std::move(stated.types), std::move(stated.attributes));
  op->location = stated.location;
  return op;
}

}  // namespace dragoman::read
