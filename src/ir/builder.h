// SPDX-License-Identifier: Apache-2.0
// Builds tensor IR at the end of a block, for passes and readers that write ops of their own. Result types come from
// the ops' shape rules, so a call that does not fit its operands is a bug of the caller and stops at once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ir/ir.h"

namespace dragoman::ir {

// A literal whose elements are all `value`, rounded to the type (complex: the real part).
Literal SplatLiteral(const TensorType& type, double value);
// A rank-1 or higher literal from values in row-major order.
Literal DenseLiteral(const TensorType& type, std::span<const double> values);

class Builder {
 public:
  // All of `location`.
  explicit Builder(Block& block, LocationId location = 0) : block_(block), location_(location) {}

  Block& block() { return block_; }

  // Any op. `Make` infers the types, `MakeTyped` states them.
  Op* Make(OpCode code, std::vector<Value*> operands, Attributes attributes = {});
  Op* MakeTyped(OpCode code, std::vector<Value*> operands, std::vector<TensorType> types, Attributes attributes = {});

  // Data.
  Value* Constant(Literal literal);
  Value* Splat(const TensorType& type, double value) { return Constant(SplatLiteral(type, value)); }
  Value* Scalar(DType dtype, double value) { return Splat({dtype, {}}, value); }
  Value* SplatLike(const Value* other, double value) { return Splat(other->type, value); }
  Value* Iota(const TensorType& type, int64_t dimension);

  // Elementwise.
  Value* Unary(OpCode code, Value* operand) { return Make(code, {operand})->result(); }
  Value* Binary(OpCode code, Value* lhs, Value* rhs) { return Make(code, {lhs, rhs})->result(); }
  Value* Add(Value* lhs, Value* rhs) { return Binary(OpCode::kAdd, lhs, rhs); }
  Value* Subtract(Value* lhs, Value* rhs) { return Binary(OpCode::kSubtract, lhs, rhs); }
  Value* Multiply(Value* lhs, Value* rhs) { return Binary(OpCode::kMultiply, lhs, rhs); }
  Value* Divide(Value* lhs, Value* rhs) { return Binary(OpCode::kDivide, lhs, rhs); }
  Value* And(Value* lhs, Value* rhs) { return Binary(OpCode::kAnd, lhs, rhs); }
  Value* Compare(ComparisonDirection direction, Value* lhs, Value* rhs, ComparisonType type = ComparisonType::kNoType);
  Value* Select(Value* predicate, Value* on_true, Value* on_false);
  Value* Convert(Value* operand, DType dtype);
  Value* Bitcast(Value* operand, TensorType type);

  // Movement.
  Value* Broadcast(Value* operand, const Dims& dims, std::vector<int64_t> broadcast_dimensions);
  // A scalar to all of `dims`.
  Value* Fill(Value* scalar, const Dims& dims) { return dims.empty() ? scalar : Broadcast(scalar, dims, {}); }
  Value* Reshape(Value* operand, const Dims& dims);
  Value* Transpose(Value* operand, std::vector<int64_t> permutation);
  Value* Reverse(Value* operand, std::vector<int64_t> dimensions);
  Value* Slice(Value* operand, std::vector<int64_t> starts, std::vector<int64_t> limits);
  // [start, limit) of one dimension, all of the others.
  Value* SliceDim(Value* operand, int64_t dimension, int64_t start, int64_t limit);
  Value* Concatenate(std::vector<Value*> operands, int64_t dimension);
  Value* Pad(Value* operand, Value* value, std::vector<int64_t> low, std::vector<int64_t> high);
  Value* DynamicSlice(Value* operand, std::vector<Value*> starts, std::vector<int64_t> sizes);
  Value* DynamicUpdateSlice(Value* operand, Value* update, std::vector<Value*> starts);

  // Contraction and reduction. Reduce combines by a binary elementwise op from `initial`.
  struct DotDimensions {
    std::vector<int64_t> lhs_batching, rhs_batching, lhs_contracting, rhs_contracting;
    Precision precision = Precision::kHighest;
  };
  Value* Dot(Value* lhs, Value* rhs, const DotDimensions& dimensions);
  Value* Reduce(Value* operand, double initial, std::vector<int64_t> dimensions, OpCode combiner);
  Value* Sum(Value* operand, std::vector<int64_t> dimensions) {
    return Reduce(operand, 0, std::move(dimensions), OpCode::kAdd);
  }

  // A copy of `region` as the last region of `op`.
  static void CopyRegion(const Block& region, Op* op);

  // A loop over i = 0 .. trip_count - 1 (an si32 scalar). `body` maps the carried values to their next ones.
  using LoopBody = std::function<std::vector<Value*>(Builder& body, Value* index, const std::vector<Value*>& carried)>;
  std::vector<Value*> ForLoop(int64_t trip_count, const std::vector<Value*>& initial, const LoopBody& body);
  // While `condition` holds of the carried values, `body` maps them to their next ones.
  using Condition = std::function<Value*(Builder& inside, const std::vector<Value*>& carried)>;
  using CarriedBody = std::function<std::vector<Value*>(Builder& inside, const std::vector<Value*>& carried)>;
  std::vector<Value*> While(const std::vector<Value*>& initial, const Condition& condition, const CarriedBody& body,
                            Attributes attributes = {});

 private:
  Block& block_;
  const LocationId location_;
};

}  // namespace dragoman::ir
