// SPDX-License-Identifier: Apache-2.0
#include "passes/patterns.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "types/elements.h"
#include "types/small_float.h"

namespace dragoman::passes {
namespace {

int64_t LoadInteger(DType dtype, const std::byte* bytes) { return IntegerOf(dtype, LoadBits(dtype, bytes)); }

double LoadReal(DType dtype, const std::byte* bytes) {
  if (dtype == DType::kF64) {
    double value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  if (dtype == DType::kF32) {
    float value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  if (IsFloat(dtype)) {
    return DecodeSmallFloat(dtype, static_cast<uint32_t>(LoadBits(dtype, bytes)));
  }
  const int64_t integer = LoadInteger(dtype, bytes);
  return dtype == DType::kU64 ? static_cast<double>(static_cast<uint64_t>(integer)) : static_cast<double>(integer);
}

}  // namespace

Op* DefinedBy(const Value* value, OpCode code) {
  return value->op != nullptr && value->op->code == code ? value->op : nullptr;
}

const ir::Literal* ConstantOf(const Value* value) {
  const Op* op = DefinedBy(value, OpCode::kConstant);
  return op == nullptr ? nullptr : &op->attributes.GetLiteral(AttrKey::kValue);
}

std::optional<double> SplatOf(const Value* value) {
  const ir::Literal* literal = ConstantOf(value);
  if (literal == nullptr || IsComplex(value->type.dtype) || IsToken(value->type.dtype)) return std::nullopt;
  if (literal->bytes().size() != static_cast<size_t>(SizeBytes(value->type.dtype))) return std::nullopt;
  return LoadReal(value->type.dtype, literal->bytes().data());
}

bool IsSplat(const Value* value, double number) { return SplatOf(value) == number; }

bool IsSplatConstant(const Value* value) {
  const ir::Literal* literal = ConstantOf(value);
  return literal != nullptr && literal->bytes().size() == static_cast<size_t>(SizeBytes(value->type.dtype));
}

std::optional<int64_t> IntegerOf(const Value* value) {
  const ir::Literal* literal = ConstantOf(value);
  const DType dtype = value->type.dtype;
  if (literal == nullptr || !(IsInteger(dtype) || IsPred(dtype)) || value->type.num_elements() != 1) {
    return std::nullopt;
  }
  return LoadInteger(dtype, literal->bytes().data());
}

std::optional<std::vector<int64_t>> IntegersOf(const Value* value) {
  const ir::Literal* literal = ConstantOf(value);
  if (literal == nullptr || !IsInteger(value->type.dtype)) return std::nullopt;
  std::vector<int64_t> integers;
  for (int64_t i = 0; i < value->type.num_elements(); ++i) {
    integers.push_back(LoadInteger(value->type.dtype, literal->element(i)));
  }
  return integers;
}

std::vector<int64_t> NonUnitDims(const Dims& dims) {
  std::vector<int64_t> result;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) result.push_back(static_cast<int64_t>(i));
  }
  return result;
}

bool SameButUnits(const Dims& a, const Dims& b) {
  const auto squeezed = [](const Dims& dims) {
    Dims result;
    std::copy_if(dims.begin(), dims.end(), std::back_inserter(result), [](int64_t extent) { return extent != 1; });
    return result;
  };
  return squeezed(a) == squeezed(b);
}

bool AllAre(const std::vector<int64_t>& list, int64_t value) {
  return std::all_of(list.begin(), list.end(), [value](int64_t v) { return v == value; });
}

std::optional<OpCode> CombinerOf(const Block& region) {
  if (region.arguments.size() != 2 || region.ops.size() != 2) return std::nullopt;
  const Op& op = *region.ops[0];
  if (!IsElementwise(op.code) || op.operands.size() != 2) return std::nullopt;
  if (region.terminator()->operands != std::vector<Value*>{op.result()}) return std::nullopt;
  const Value* first = region.arguments[0].get();
  const Value* second = region.arguments[1].get();
  const bool is_straight = op.operands[0] == first && op.operands[1] == second;
  const bool is_swapped = op.operands[0] == second && op.operands[1] == first;
  constexpr OpCode kCommutative[] = {OpCode::kAdd, OpCode::kMultiply, OpCode::kMaximum, OpCode::kMinimum,
                                     OpCode::kAnd, OpCode::kOr,       OpCode::kXor};
  const bool commutes = std::find(std::begin(kCommutative), std::end(kCommutative), op.code) != std::end(kCommutative);
  if (!is_straight && !(is_swapped && commutes)) return std::nullopt;
  return op.code;
}

bool ReturnsArgument(const Block& region, int index) {
  const auto& returned = region.terminator()->operands;
  return returned.size() == 1 && returned[0] == region.arguments[index].get();
}

bool IsElementwiseRegion(const Block& region) {
  return std::all_of(region.ops.begin(), region.ops.end(), [](const auto& op) {
    return IsElementwise(op->code) || op->code == OpCode::kConstant || op->code == OpCode::kReturn;
  });
}

std::vector<Value*> ApplyElementwise(const Block& region, const std::vector<Value*>& arguments, const Dims& dims,
                                     Builder& builder) {
  std::unordered_map<const Value*, Value*> values;
  for (size_t i = 0; i < arguments.size(); ++i) values[region.arguments[i].get()] = arguments[i];
  const auto mapped = [&](Value* value) {
    const auto found = values.find(value);
    if (found != values.end()) return found->second;
    Value* whole = builder.Fill(value, dims);
    values[value] = whole;
    return whole;
  };
  for (const auto& op : region.ops) {
    if (op->code == OpCode::kReturn) break;
    if (op->code == OpCode::kConstant) {
      values[op->result()] = builder.Constant(op->attributes.GetLiteral(AttrKey::kValue).Reshaped(dims));
      continue;
    }
    std::vector<Value*> operands;
    for (Value* operand : op->operands) operands.push_back(mapped(operand));
    values[op->result()] =
        builder.MakeTyped(op->code, std::move(operands), {{op->type().dtype, dims}}, op->attributes)->result();
  }
  std::vector<Value*> results;
  for (Value* value : region.terminator()->operands) results.push_back(mapped(value));
  return results;
}

}  // namespace dragoman::passes
