// SPDX-License-Identifier: Apache-2.0
// Writes operations at the end of a block, all of one place in the program.
#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "ir/ir.h"

namespace dragoman::hlo {

class OpWriter {
 public:
  OpWriter(ir::Block& block, ir::LocationId location) : block_(block), location_(location) {}

  ir::Op* Make(ir::OpCode code, std::vector<ir::Value*> operands, std::vector<TensorType> types,
               ir::Attributes attributes = {}) {
    ir::Op* op = block_.Append(code, std::move(operands), std::move(types), std::move(attributes));
    op->location = location_;
    return op;
  }
  // Of the operands' type.
  ir::Value* Unary(ir::OpCode code, ir::Value* x) { return Make(code, {x}, {x->type})->result(); }
  ir::Value* Binary(ir::OpCode code, ir::Value* x, ir::Value* y) { return Make(code, {x, y}, {x->type})->result(); }
  ir::Value* Add(ir::Value* x, ir::Value* y) { return Binary(ir::OpCode::kAdd, x, y); }
  ir::Value* Subtract(ir::Value* x, ir::Value* y) { return Binary(ir::OpCode::kSubtract, x, y); }
  ir::Value* Multiply(ir::Value* x, ir::Value* y) { return Binary(ir::OpCode::kMultiply, x, y); }
  ir::Value* Divide(ir::Value* x, ir::Value* y) { return Binary(ir::OpCode::kDivide, x, y); }
  ir::Value* Convert(ir::Value* x, DType dtype) {
    return x->type.dtype == dtype ? x : Make(ir::OpCode::kConvert, {x}, {{dtype, x->type.dims}})->result();
  }
  ir::Value* Compare(ComparisonDirection direction, ComparisonType type, ir::Value* x, ir::Value* y) {
    ir::Attributes attributes;
    attributes.Set(ir::AttrKey::kComparisonDirection, static_cast<int64_t>(direction));
    attributes.Set(ir::AttrKey::kCompareType, static_cast<int64_t>(type));
    return Make(ir::OpCode::kCompare, {x, y}, {{DType::kPred, x->type.dims}}, std::move(attributes))->result();
  }
  ir::Value* Select(ir::Value* predicate, ir::Value* x, ir::Value* y) {
    return Make(ir::OpCode::kSelect, {predicate, x, y}, {x->type})->result();
  }
  ir::Value* Constant(ir::Literal literal) {
    const TensorType type = literal.type();
    ir::Attributes attributes;
    attributes.Set(ir::AttrKey::kValue, std::move(literal));
    return Make(ir::OpCode::kConstant, {}, {type}, std::move(attributes))->result();
  }
  // The number everywhere in a tensor of x's type, which is f32 or f64.
  ir::Value* Like(const ir::Value* x, double number) {
    const auto narrow = static_cast<float>(number);
    std::vector<std::byte> bytes(SizeBytes(x->type.dtype));
    if (x->type.dtype == DType::kF64) std::memcpy(bytes.data(), &number, sizeof(number));
    if (x->type.dtype == DType::kF32) std::memcpy(bytes.data(), &narrow, sizeof(narrow));
    return Constant(ir::Literal(x->type, std::move(bytes)));
  }

 private:
  ir::Block& block_;
  const ir::LocationId location_;
};

}  // namespace dragoman::hlo
