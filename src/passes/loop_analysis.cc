// SPDX-License-Identifier: Apache-2.0
#include "passes/loop_analysis.h"

#include <cstdlib>
#include <limits>

#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxPlace = int64_t{1} << 30;  // affine values stay within, so that no integer type wraps around

bool IsIntegerScalar(const Value* value) {
  return value->type.rank() == 0 && IsInteger(value->type.dtype) && Info(value->type.dtype).bits >= 32;
}

// Of a vector whose element k is first + step k; units around it do not matter.
std::optional<Affine> AffineVector(const Value* value) {
  if (value->op == nullptr || NonUnitDims(value->type.dims).size() > 1) return std::nullopt;
  const Op& op = *value->op;
  if (op.code == OpCode::kReshape) return AffineVector(op.operands[0]);
  if (op.code == OpCode::kIota && value->type.rank() == 1) return Affine{0, 1};
  if (op.code != OpCode::kAdd && op.code != OpCode::kMultiply) return std::nullopt;
  for (int side = 0; side < 2; ++side) {
    const auto number = SplatOf(op.operands[1 - side]);
    if (!number.has_value() || std::abs(*number) >= static_cast<double>(kMaxPlace)) continue;
    const auto vector = AffineVector(op.operands[side]);
    if (!vector.has_value()) return std::nullopt;
    const auto whole = static_cast<int64_t>(*number);
    if (op.code == OpCode::kAdd) return Affine{vector->first + whole, vector->step};
    if (std::abs(vector->first) >= kMaxPlace || std::abs(vector->step) >= kMaxPlace) return std::nullopt;
    return Affine{vector->first * whole, vector->step * whole};
  }
  return std::nullopt;
}

}  // namespace

LoopAnalysis::LoopAnalysis(const Op& loop)
    : loop_(loop), body_(*loop.regions[1]), trip_count_(loop.attributes.Int(AttrKey::kTripCount)) {
  for (const auto& region : loop.regions) {
    ir::Walk(*region, [this](const Op* op) {
      for (const Value* operand : op->operands) ++uses_[operand];
    });
  }
  for (const auto& argument : body_.arguments) inside_[argument.get()] = true;
  for (const auto& op : body_.ops) {
    for (const auto& result : op->results) inside_[result.get()] = true;
  }
  FindCounters();
  FindAffines();
  for (size_t i = 0; i < loop.operands.size(); ++i) carries_.push_back(Classify(i));
}

// The constant that the value is more than the argument.
std::optional<int64_t> StepFrom(const Value* argument, const Value* next) {
  if (const Op* add = DefinedBy(next, OpCode::kAdd); add != nullptr) {
    if (add->operands[0] == argument) return IntegerOf(add->operands[1]);
    if (add->operands[1] == argument) return IntegerOf(add->operands[0]);
  }
  const Op* subtract = DefinedBy(next, OpCode::kSubtract);
  if (subtract == nullptr || subtract->operands[0] != argument) return std::nullopt;
  const auto step = IntegerOf(subtract->operands[1]);
  if (!step.has_value() || *step == std::numeric_limits<int64_t>::min()) return std::nullopt;
  return -*step;
}

void LoopAnalysis::FindCounters() {
  for (size_t i = 0; i < loop_.operands.size(); ++i) {
    const Value* argument = body_.arguments[i].get();
    const auto first = IntegerOf(loop_.operands[i]);
    const auto step = StepFrom(argument, body_.terminator()->operands[i]);
    if (!IsIntegerScalar(argument) || !first.has_value() || !step.has_value()) continue;
    if (std::abs(*first) >= kMaxPlace || std::abs(*step) >= kMaxPlace) continue;
    const Affine affine{*first, *step};
    const int64_t last = affine.At(trip_count_);
    if (std::abs(last) < kMaxPlace && (last >= 0 || IsSigned(argument->type.dtype))) affines_[argument] = affine;
  }
}

void LoopAnalysis::FindAffines() {
  for (const auto& op : body_.ops) {
    if (op->results.size() != 1 || !IsIntegerScalar(op->result())) continue;
    const auto affine = AffineOfOp(*op);
    if (!affine.has_value()) continue;
    const int64_t first = affine->At(0), last = affine->At(trip_count_ - 1);
    const bool wraps = std::abs(first) >= kMaxPlace || std::abs(last) >= kMaxPlace ||
                       (IsUnsigned(op->type().dtype) && (first < 0 || last < 0));
    if (!wraps) affines_[op->result()] = *affine;
  }
}

// Whether a comparison of affine values comes out the same in each iteration, and how.
std::optional<bool> LoopAnalysis::DecidedComparison(const Value* predicate) const {
  const Op* compare = DefinedBy(predicate, OpCode::kCompare);
  if (compare == nullptr) return std::nullopt;
  const auto lhs = AffineOf(compare->operands[0]);
  const auto rhs = AffineOf(compare->operands[1]);
  if (!lhs.has_value() || !rhs.has_value()) return std::nullopt;
  const int64_t first = lhs->At(0) - rhs->At(0);
  const int64_t last = lhs->At(trip_count_ - 1) - rhs->At(trip_count_ - 1);
  const auto direction = static_cast<ComparisonDirection>(compare->attributes.Int(AttrKey::kComparisonDirection));
  const bool is_less = direction == ComparisonDirection::kLt;
  if (!is_less && direction != ComparisonDirection::kGe) return std::nullopt;
  if (first < 0 && last < 0) return is_less;
  if (first >= 0 && last >= 0) return !is_less;
  return std::nullopt;
}

std::optional<Affine> LoopAnalysis::AffineOfOp(const Op& op) const {
  if (op.code == OpCode::kConvert) return AffineOf(op.operands[0]);
  if (op.code == OpCode::kReshape) return AffineElement(op);
  if (op.code == OpCode::kSelect) {
    const auto chosen = DecidedComparison(op.operands[0]);
    return chosen.has_value() ? AffineOf(op.operands[*chosen ? 1 : 2]) : std::nullopt;
  }
  if (op.operands.size() != 2) return std::nullopt;
  const auto lhs = AffineOf(op.operands[0]);
  const auto rhs = AffineOf(op.operands[1]);
  if (!lhs.has_value() || !rhs.has_value()) return std::nullopt;
  if (op.code == OpCode::kAdd) return Affine{lhs->first + rhs->first, lhs->step + rhs->step};
  if (op.code == OpCode::kSubtract) return Affine{lhs->first - rhs->first, lhs->step - rhs->step};
  if (op.code == OpCode::kMultiply && lhs->step == 0) return Affine{lhs->first * rhs->first, lhs->first * rhs->step};
  if (op.code == OpCode::kMultiply && rhs->step == 0) return Affine{lhs->first * rhs->first, lhs->step * rhs->first};
  return std::nullopt;
}

// What a scalar is that is read from an affine vector outside at an affine place that is never clamped.
std::optional<Affine> LoopAnalysis::AffineElement(const Op& reshape) const {
  const Op* slice = DefinedBy(reshape.operands[0], OpCode::kDynamicSlice);
  if (slice == nullptr || slice->type().rank() != 1 || IsInside(slice->operands[0])) return std::nullopt;
  const auto vector = AffineVector(slice->operands[0]);
  const auto place = AffineOf(slice->operands[1]);
  if (!vector.has_value() || !place.has_value()) return std::nullopt;
  const int64_t size = slice->operands[0]->type.dims[0];
  for (const int64_t at : {place->At(0), place->At(trip_count_ - 1)}) {
    if (at < 0 || at >= size) return std::nullopt;
  }
  for (const int64_t at : {int64_t{0}, size - 1}) {
    if (std::abs(vector->step) >= kMaxPlace || std::abs(vector->At(at)) >= kMaxPlace) return std::nullopt;
  }
  return Affine{vector->At(place->first), vector->step * place->step};
}

std::optional<Affine> LoopAnalysis::AffineOf(const Value* value) const {
  if (const auto found = affines_.find(value); found != affines_.end()) return found->second;
  const auto number = IsIntegerScalar(value) ? IntegerOf(value) : std::nullopt;
  if (!number.has_value() || std::abs(*number) >= kMaxPlace) return std::nullopt;
  return Affine{*number, 0};
}

bool LoopAnalysis::IsUsedOnce(const Value* value) const {
  const auto found = uses_.find(value);
  return found != uses_.end() && found->second == 1;
}

Carry LoopAnalysis::Classify(size_t index) const {
  const Value* argument = body_.arguments[index].get();
  if (const auto found = affines_.find(argument); found != affines_.end()) {
    return {.kind = CarryKind::kCounter,
            .value = nullptr,
            .is_reverse = false,
            .is_added = false,
            .counter = found->second};
  }
  // Used in the body alone: the condition has arguments of its own.
  const bool decides = uses_.contains(loop_.regions[0]->arguments[index].get());
  if (decides || !IsUsedOnce(argument)) return {};
  if (const auto stack = AsStack(index); stack.has_value()) return *stack;
  const Op* add = DefinedBy(body_.terminator()->operands[index], OpCode::kAdd);
  if (add == nullptr || !IsUsedOnce(add->result()) || IsPred(argument->type.dtype)) return {};
  for (int side = 0; side < 2; ++side) {
    if (add->operands[side] == argument) {
      return {.kind = CarryKind::kAccumulator,
              .value = add->operands[1 - side],
              .is_reverse = false,
              .is_added = false,
              .counter = {}};
    }
  }
  return {};
}

std::optional<Carry> LoopAnalysis::AsStack(size_t index) const {
  const Value* argument = body_.arguments[index].get();
  const Op* update = DefinedBy(body_.terminator()->operands[index], OpCode::kDynamicUpdateSlice);
  const bool is_added = update == nullptr;
  if (is_added) update = RowAddedToZeros(index);
  if (update == nullptr || !IsUsedOnce(update->result())) return std::nullopt;
  if (!is_added && update->operands[0] != argument) return std::nullopt;
  Dims row = argument->type.dims;
  if (row.empty() || row[0] != trip_count_) return std::nullopt;
  row[0] = 1;
  const auto place = AffineOf(update->operands[2]);
  if (update->operands[1]->type.dims != row || !place.has_value()) return std::nullopt;
  const bool is_forward = place->first == 0 && place->step == 1;
  const bool is_reverse = place->first == trip_count_ - 1 && place->step == -1;
  if (!is_forward && !is_reverse) return std::nullopt;
  return Carry{.kind = CarryKind::kStack,
               .value = update->operands[1],
               .is_reverse = is_reverse,
               .is_added = is_added,
               .counter = {}};
}

// TensorFlow adds gradients of a list's elements to zeros: the row, put into zeros.
const Op* LoopAnalysis::RowAddedToZeros(size_t index) const {
  const Op* add = DefinedBy(body_.terminator()->operands[index], OpCode::kAdd);
  if (add == nullptr || !IsUsedOnce(add->result()) || !IsSplat(loop_.operands[index], 0)) return nullptr;
  for (int side = 0; side < 2; ++side) {
    if (add->operands[side] != body_.arguments[index].get()) continue;
    const Op* update = DefinedBy(add->operands[1 - side], OpCode::kDynamicUpdateSlice);
    return update != nullptr && IsSplat(update->operands[0], 0) ? update : nullptr;
  }
  return nullptr;
}

std::optional<LoopAnalysis::RowOfInvariant> LoopAnalysis::AsRowOfInvariant(const Op& op) const {
  if (op.code != OpCode::kDynamicSlice || IsInside(op.operands[0])) return std::nullopt;
  const Dims& from = op.operands[0]->type.dims;
  std::optional<RowOfInvariant> row;
  for (size_t d = 0; d < from.size(); ++d) {
    if (op.type().dims[d] == from[d]) continue;  // clamped to 0
    const auto place = AffineOf(op.operands[1 + d]);
    if (row.has_value() || op.type().dims[d] != 1 || !place.has_value() || place->step == 0) return std::nullopt;
    const int64_t last = place->At(trip_count_ - 1);
    if (place->first < 0 || place->first >= from[d] || last < 0 || last >= from[d]) return std::nullopt;
    row = RowOfInvariant{static_cast<int64_t>(d), *place};
  }
  return row;
}

}  // namespace dragoman::passes
