// SPDX-License-Identifier: Apache-2.0
#include "element/reduce_choice.h"

#include <algorithm>

namespace dragoman::kernel {
namespace {

using ir::OpCode;

const ir::Op* DefinedBy(const ir::Value* value, OpCode code) {
  return value->op != nullptr && value->op->code == code ? value->op : nullptr;
}

bool Compares(const ir::Value* value, std::initializer_list<ComparisonDirection> directions, const ir::Value* lhs,
              const ir::Value* rhs) {
  const ir::Op* compare = DefinedBy(value, OpCode::kCompare);
  if (compare == nullptr || compare->operands[0] != lhs || compare->operands[1] != rhs) return false;
  if (compare->attributes.Int(ir::AttrKey::kCompareType) == static_cast<int64_t>(ComparisonType::kTotalOrder))
    return false;
  const int64_t direction = compare->attributes.Int(ir::AttrKey::kComparisonDirection);
  return std::any_of(directions.begin(), directions.end(),
                     [&](ComparisonDirection d) { return static_cast<int64_t>(d) == direction; });
}

// Whether it is `code` of two values, of which one meets `first` and the other `second`.
template <typename First, typename Second>
bool Joins(const ir::Value* value, OpCode code, const First& first, const Second& second) {
  const ir::Op* op = DefinedBy(value, code);
  if (op == nullptr) return false;
  const ir::Value *a = op->operands[0], *b = op->operands[1];
  return (first(a) && second(b)) || (first(b) && second(a));
}

// Numbers of the dimension that is reduced, all of which the type can hold.
bool CountsAlong(const ir::Value* positions, int64_t dimension) {
  const ir::Op* op = positions->op;
  if (op != nullptr && op->code == OpCode::kBroadcastInDim) {
    const auto& dims = op->attributes.Ints(ir::AttrKey::kBroadcastDimensions);
    if (dims.size() != 1 || dims[0] != dimension || op->operands[0]->type.num_elements() == 1) return false;
    positions = op->operands[0];
    dimension = 0;
  }
  const ir::Op* iota = DefinedBy(positions, OpCode::kIota);
  if (iota == nullptr || iota->attributes.Int(ir::AttrKey::kIotaDimension) != dimension) return false;
  const DType dtype = positions->type.dtype;
  const int bits = Info(dtype).bits - (IsSigned(dtype) ? 1 : 0);
  return IsInteger(dtype) && positions->type.dims[dimension] <= int64_t{1} << std::min(bits, 31);
}

}  // namespace

bool ChoosesByPosition(const ir::Op& reduce) {
  if (reduce.code != OpCode::kReduce || reduce.operands.size() != 4) return false;
  const auto& dimensions = reduce.attributes.Ints(ir::AttrKey::kDimensions);
  const DType dtype = reduce.operands[0]->type.dtype;
  if (dimensions.size() != 1 || IsComplex(dtype) || !CountsAlong(reduce.operands[1], dimensions[0])) return false;
  const ir::Block& region = *reduce.regions[0];
  const ir::Value* a = region.arguments[0].get();
  const ir::Value* a_position = region.arguments[1].get();
  const ir::Value* b = region.arguments[2].get();
  const ir::Value* b_position = region.arguments[3].get();
  const auto selects = [&](const ir::Value* result, const ir::Value* lhs, const ir::Value* rhs) -> const ir::Value* {
    const ir::Op* select = DefinedBy(result, OpCode::kSelect);
    return select != nullptr && select->operands[1] == lhs && select->operands[2] == rhs ? select->operands[0]
                                                                                         : nullptr;
  };
  const auto& results = region.terminator()->operands;
  const ir::Value* takes = selects(results[0], a, b);
  const ir::Value* takes_position = selects(results[1], a_position, b_position);
  if (takes == nullptr || takes_position == nullptr) return false;
  const auto is_better = [&](const ir::Value* v) {
    return Compares(v, {ComparisonDirection::kGt, ComparisonDirection::kLt}, a, b);
  };
  const auto is_nan = [&](const ir::Value* v) { return Compares(v, {ComparisonDirection::kNe}, a, a); };
  const auto is_equal = [&](const ir::Value* v) { return Compares(v, {ComparisonDirection::kEq}, a, b); };
  const auto is_before = [&](const ir::Value* v) {
    return Compares(v, {ComparisonDirection::kLt}, a_position, b_position);
  };
  const auto is_tie = [&](const ir::Value* v) { return Joins(v, OpCode::kAnd, is_equal, is_before); };
  const bool takes_best = IsFloat(dtype) ? Joins(takes, OpCode::kOr, is_better, is_nan) : is_better(takes);
  return takes_best && Joins(
                           takes_position, OpCode::kOr, [&](const ir::Value* v) { return v == takes; }, is_tie);
}

}  // namespace dragoman::kernel
