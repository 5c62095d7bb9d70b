// SPDX-License-Identifier: Apache-2.0
#include "lower/product/softmax_parts.h"

#include <cstring>
#include <limits>

namespace dragoman::kernel {
namespace {

bool IsReduceBy(const ir::Op* op, ir::OpCode code) {
  return op != nullptr && op->code == ir::OpCode::kReduce && op->results.size() == 1 &&
         op->regions[0]->ops[0]->code == code && op->regions[0]->ops.size() == 2;
}

bool IsMinusInfinity(const ir::Value* value) {
  if (value->op == nullptr || value->op->code != ir::OpCode::kConstant || value->type.dtype != DType::kF32)
    return false;
  const std::vector<std::byte>& bytes = value->op->attributes.GetLiteral(ir::AttrKey::kValue).bytes();
  float number = 0;
  if (bytes.size() != sizeof(number)) return false;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number == -std::numeric_limits<float>::infinity();
}

// The reduce that `value` is, or the larger of it and -inf.
const ir::Op* ReducedMaximum(const ir::Value* value) {
  const ir::Op* op = SourceOfBroadcast(value)->op;
  if (op != nullptr && op->code == ir::OpCode::kMaximum) {
    const int other = IsMinusInfinity(SourceOfBroadcast(op->operands[0])) ? 1 : 0;
    if (!IsMinusInfinity(SourceOfBroadcast(op->operands[1 - other]))) return nullptr;
    op = SourceOfBroadcast(op->operands[other])->op;
  }
  return IsReduceBy(op, ir::OpCode::kMaximum) ? op : nullptr;
}

}  // namespace

const ir::Value* SourceOfBroadcast(const ir::Value* value) {
  while (value->op != nullptr &&
         (value->op->code == ir::OpCode::kReshape || value->op->code == ir::OpCode::kBroadcastInDim)) {
    value = value->op->operands[0];
  }
  return value;
}

const ir::Op* MaximumOfExponential(const ir::Op& exponential) {
  if (exponential.code != ir::OpCode::kExponential || exponential.type().dtype != DType::kF32) return nullptr;
  const ir::Op* difference = SourceOfBroadcast(exponential.operands[0])->op;
  if (difference == nullptr || difference->code != ir::OpCode::kSubtract) return nullptr;
  const ir::Op* maximum = ReducedMaximum(difference->operands[1]);
  if (maximum == nullptr) return nullptr;
  const bool is_same = SourceOfBroadcast(difference->operands[0]) == SourceOfBroadcast(maximum->operands[0]);
  return is_same ? maximum : nullptr;
}

const ir::Op* MaximumOfSum(const ir::Op& sum) {
  if (!IsReduceBy(&sum, ir::OpCode::kAdd)) return nullptr;
  const ir::Op* exponential = SourceOfBroadcast(sum.operands[0])->op;
  return exponential == nullptr ? nullptr : MaximumOfExponential(*exponential);
}

bool DividesBySum(const ir::Op& divide) {
  if (divide.code != ir::OpCode::kDivide || divide.type().dtype != DType::kF32) return false;
  const ir::Op* sum = SourceOfBroadcast(divide.operands[1])->op;
  return sum != nullptr && MaximumOfSum(*sum) != nullptr;
}

}  // namespace dragoman::kernel
