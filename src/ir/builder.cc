// SPDX-License-Identifier: Apache-2.0
#include "ir/builder.h"

#include <unordered_map>

#include "base/check.h"
#include "ir/shape_rules.h"
#include "types/small_float.h"

namespace dragoman::ir {
namespace {

template <typename T>
void AppendBytes(T value, std::vector<std::byte>& out) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

void AppendElement(DType dtype, double value, std::vector<std::byte>& out) {
  const DTypeInfo& info = Info(dtype);
  if (IsComplex(dtype)) {
    AppendElement(RealPart(dtype), value, out);
    AppendElement(RealPart(dtype), 0, out);
  } else if (dtype == DType::kF64) {
    AppendBytes(value, out);
  } else if (dtype == DType::kF32) {
    AppendBytes(static_cast<float>(value), out);
  } else if (IsFloat(dtype)) {
    const uint32_t bits = EncodeNearestSmallFloat(dtype, value);
    for (int i = 0; i < info.size_bytes; ++i) out.push_back(static_cast<std::byte>(bits >> (8 * i)));
  } else if (IsPred(dtype)) {
    out.push_back(static_cast<std::byte>(value != 0));
  } else {
    const uint64_t bits = value < 0 ? static_cast<uint64_t>(static_cast<int64_t>(value)) : static_cast<uint64_t>(value);
    for (int i = 0; i < info.size_bytes; ++i) out.push_back(static_cast<std::byte>(bits >> (8 * i)));
  }
}

}  // namespace

Literal SplatLiteral(const TensorType& type, double value) {
  std::vector<std::byte> bytes;
  AppendElement(type.dtype, value, bytes);
  return Literal(type, std::move(bytes));
}

Literal DenseLiteral(const TensorType& type, std::span<const double> values) {
  CHECK(static_cast<int64_t>(values.size()) == type.num_elements());
  std::vector<std::byte> bytes;
  for (const double value : values) AppendElement(type.dtype, value, bytes);
  return Literal(type, std::move(bytes));
}

Op* Builder::Make(OpCode code, std::vector<Value*> operands, Attributes attributes) {
  Op* op = MakeTyped(code, std::move(operands), {TensorType{}}, std::move(attributes));
  auto types = InferTypes(*op);
  CHECK(types.ok() && types->size() == 1);
  op->results[0]->type = std::move((*types)[0]);
  return op;
}

Op* Builder::MakeTyped(OpCode code, std::vector<Value*> operands, std::vector<TensorType> types,
                       Attributes attributes) {
  Op* op = block_.Append(code, std::move(operands), std::move(types), std::move(attributes));
  op->location = location_;
  return op;
}

Value* Builder::Constant(Literal literal) {
  TensorType type = literal.type();
  Attributes attributes;
  attributes.Set(AttrKey::kValue, std::move(literal));
  return MakeTyped(OpCode::kConstant, {}, {std::move(type)}, std::move(attributes))->result();
}

Value* Builder::Iota(const TensorType& type, int64_t dimension) {
  Attributes attributes;
  attributes.Set(AttrKey::kIotaDimension, dimension);
  return MakeTyped(OpCode::kIota, {}, {type}, std::move(attributes))->result();
}

Value* Builder::Compare(ComparisonDirection direction, Value* lhs, Value* rhs, ComparisonType type) {
  Attributes attributes;
  attributes.Set(AttrKey::kComparisonDirection, static_cast<int64_t>(direction));
  attributes.Set(AttrKey::kCompareType, static_cast<int64_t>(type));
  return Make(OpCode::kCompare, {lhs, rhs}, std::move(attributes))->result();
}

Value* Builder::Select(Value* predicate, Value* on_true, Value* on_false) {
  if (predicate->type.rank() == 0) predicate = Fill(predicate, on_true->type.dims);
  return Make(OpCode::kSelect, {predicate, on_true, on_false})->result();
}

Value* Builder::Convert(Value* operand, DType dtype) {
  if (operand->type.dtype == dtype) return operand;
  return MakeTyped(OpCode::kConvert, {operand}, {{dtype, operand->type.dims}})->result();
}

Value* Builder::Bitcast(Value* operand, TensorType type) {
  return MakeTyped(OpCode::kBitcastConvert, {operand}, {std::move(type)})->result();
}

Value* Builder::Broadcast(Value* operand, const Dims& dims, std::vector<int64_t> broadcast_dimensions) {
  Attributes attributes;
  attributes.Set(AttrKey::kBroadcastDimensions, std::move(broadcast_dimensions));
  const TensorType type{operand->type.dtype, dims};
  return MakeTyped(OpCode::kBroadcastInDim, {operand}, {type}, std::move(attributes))->result();
}

Value* Builder::Reshape(Value* operand, const Dims& dims) {
  if (operand->type.dims == dims) return operand;
  CHECK(NumElements(dims) == operand->type.num_elements());
  return MakeTyped(OpCode::kReshape, {operand}, {{operand->type.dtype, dims}})->result();
}

Value* Builder::Transpose(Value* operand, std::vector<int64_t> permutation) {
  Attributes attributes;
  attributes.Set(AttrKey::kPermutation, std::move(permutation));
  return Make(OpCode::kTranspose, {operand}, std::move(attributes))->result();
}

Value* Builder::Reverse(Value* operand, std::vector<int64_t> dimensions) {
  Attributes attributes;
  attributes.Set(AttrKey::kDimensions, std::move(dimensions));
  return Make(OpCode::kReverse, {operand}, std::move(attributes))->result();
}

Value* Builder::Slice(Value* operand, std::vector<int64_t> starts, std::vector<int64_t> limits) {
  Attributes attributes;
  attributes.Set(AttrKey::kStrides, std::vector<int64_t>(starts.size(), 1));
  attributes.Set(AttrKey::kStartIndices, std::move(starts));
  attributes.Set(AttrKey::kLimitIndices, std::move(limits));
  return Make(OpCode::kSlice, {operand}, std::move(attributes))->result();
}

Value* Builder::SliceDim(Value* operand, int64_t dimension, int64_t start, int64_t limit) {
  std::vector<int64_t> starts(operand->type.dims.size(), 0);
  std::vector<int64_t> limits = operand->type.dims;
  starts[dimension] = start;
  limits[dimension] = limit;
  return Slice(operand, std::move(starts), std::move(limits));
}

Value* Builder::Concatenate(std::vector<Value*> operands, int64_t dimension) {
  Attributes attributes;
  attributes.Set(AttrKey::kDimension, dimension);
  return Make(OpCode::kConcatenate, std::move(operands), std::move(attributes))->result();
}

Value* Builder::Pad(Value* operand, Value* value, std::vector<int64_t> low, std::vector<int64_t> high) {
  Attributes attributes;
  attributes.Set(AttrKey::kInteriorPadding, std::vector<int64_t>(low.size(), 0));
  attributes.Set(AttrKey::kEdgePaddingLow, std::move(low));
  attributes.Set(AttrKey::kEdgePaddingHigh, std::move(high));
  return Make(OpCode::kPad, {operand, value}, std::move(attributes))->result();
}

Value* Builder::DynamicSlice(Value* operand, std::vector<Value*> starts, std::vector<int64_t> sizes) {
  Attributes attributes;
  attributes.Set(AttrKey::kSliceSizes, std::move(sizes));
  starts.insert(starts.begin(), operand);
  return Make(OpCode::kDynamicSlice, std::move(starts), std::move(attributes))->result();
}

Value* Builder::DynamicUpdateSlice(Value* operand, Value* update, std::vector<Value*> starts) {
  starts.insert(starts.begin(), {operand, update});
  return Make(OpCode::kDynamicUpdateSlice, std::move(starts))->result();
}

Value* Builder::Dot(Value* lhs, Value* rhs, const DotDimensions& dimensions) {
  Attributes attributes;
  attributes.Set(AttrKey::kLhsBatchingDimensions, dimensions.lhs_batching);
  attributes.Set(AttrKey::kRhsBatchingDimensions, dimensions.rhs_batching);
  attributes.Set(AttrKey::kLhsContractingDimensions, dimensions.lhs_contracting);
  attributes.Set(AttrKey::kRhsContractingDimensions, dimensions.rhs_contracting);
  attributes.Set(AttrKey::kPrecision, static_cast<int64_t>(dimensions.precision));
  Op* op = MakeTyped(OpCode::kDotGeneral, {lhs, rhs}, {{lhs->type.dtype, {}}}, std::move(attributes));
  auto types = InferTypes(*op);
  CHECK(types.ok());
  op->results[0]->type = (*types)[0];
  return op->result();
}

Value* Builder::Reduce(Value* operand, double initial, std::vector<int64_t> dimensions, OpCode combiner) {
  const DType dtype = operand->type.dtype;
  Value* start = Scalar(dtype, initial);
  Attributes attributes;
  attributes.Set(AttrKey::kDimensions, std::move(dimensions));
  Op* op = MakeTyped(OpCode::kReduce, {operand, start}, {TensorType{}}, std::move(attributes));
  Block* region = block_.AddRegion(op);
  Value* lhs = region->AddArgument({dtype, {}});
  Value* rhs = region->AddArgument({dtype, {}});
  Value* combined = region->Append(combiner, {lhs, rhs}, {{dtype, {}}})->result();
  region->Append(OpCode::kReturn, {combined}, {});
  auto types = InferTypes(*op);
  CHECK(types.ok());
  op->results[0]->type = (*types)[0];
  return op->result();
}

void Builder::CopyRegion(const Block& region, Op* op) {
  Block* copy = op->parent->AddRegion(op);
  std::unordered_map<const Value*, Value*> mapping;
  for (const auto& argument : region.arguments) mapping[argument.get()] = copy->AddArgument(argument->type);
  for (const auto& inner : region.ops) {
    copy->ops.push_back(CloneOp(*inner, mapping));
    copy->ops.back()->parent = copy;
  }
}

std::vector<Value*> Builder::ForLoop(int64_t trip_count, const std::vector<Value*>& initial, const LoopBody& body) {
  std::vector<Value*> carried = {Scalar(DType::kS32, 0)};
  carried.insert(carried.end(), initial.begin(), initial.end());
  Attributes attributes;
  attributes.Set(AttrKey::kTripCount, trip_count);
  const auto goes_on = [&](Builder& inside, const std::vector<Value*>& values) {
    return inside.Compare(ComparisonDirection::kLt, values[0],
                          inside.Scalar(DType::kS32, static_cast<double>(trip_count)));
  };
  const auto step = [&](Builder& inside, const std::vector<Value*>& values) {
    std::vector<Value*> next = body(inside, values[0], {values.begin() + 1, values.end()});
    next.insert(next.begin(), inside.Add(values[0], inside.Scalar(DType::kS32, 1)));
    return next;
  };
  std::vector<Value*> results = While(carried, goes_on, step, std::move(attributes));
  results.erase(results.begin());
  return results;
}

std::vector<Value*> Builder::While(const std::vector<Value*>& initial, const Condition& condition,
                                   const CarriedBody& body, Attributes attributes) {
  std::vector<TensorType> types;
  for (const Value* value : initial) types.push_back(value->type);
  Op* loop = MakeTyped(OpCode::kWhile, initial, types, std::move(attributes));
  const auto add_region = [&](const CarriedBody& make) {
    Block* region = block_.AddRegion(loop);
    std::vector<Value*> arguments;
    for (const TensorType& type : types) arguments.push_back(region->AddArgument(type));
    Builder inside(*region);
    region->Append(OpCode::kReturn, make(inside, arguments), {});
  };
  add_region([&](Builder& inside, const std::vector<Value*>& carried) {
    return std::vector<Value*>{condition(inside, carried)};
  });
  add_region(body);
  std::vector<Value*> results;
  for (size_t i = 0; i < loop->results.size(); ++i) results.push_back(loop->result(static_cast<int>(i)));
  return results;
}

}  // namespace dragoman::ir
