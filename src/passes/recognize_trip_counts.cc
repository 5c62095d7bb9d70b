// SPDX-License-Identifier: Apache-2.0
#include "passes/recognize_trip_counts.h"

#include <limits>
#include <optional>

#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

struct Comparison {
  ComparisonDirection direction;
  int carried;  // which value is compared
  int64_t limit;
};

ComparisonDirection Mirrored(ComparisonDirection direction) {
  switch (direction) {
    case ComparisonDirection::kEq:
      return ComparisonDirection::kEq;
    case ComparisonDirection::kNe:
      return ComparisonDirection::kNe;
    case ComparisonDirection::kGe:
      return ComparisonDirection::kLe;
    case ComparisonDirection::kGt:
      return ComparisonDirection::kLt;
    case ComparisonDirection::kLe:
      return ComparisonDirection::kGe;
    case ComparisonDirection::kLt:
      return ComparisonDirection::kGt;
  }
  return direction;
}

std::optional<Comparison> ConditionOf(const Op& loop) {
  const Block& condition = *loop.regions[0];
  const Op* compare = DefinedBy(condition.terminator()->operands[0], OpCode::kCompare);
  if (compare == nullptr) return std::nullopt;
  const auto direction = static_cast<ComparisonDirection>(compare->attributes.Int(AttrKey::kComparisonDirection));
  for (int side = 0; side < 2; ++side) {
    const Value* counter = compare->operands[side];
    const auto limit = IntegerOf(compare->operands[1 - side]);
    if (counter->block != &condition || !limit.has_value()) continue;
    return Comparison{side == 0 ? direction : Mirrored(direction), counter->index, *limit};
  }
  return std::nullopt;
}

std::optional<int64_t> StepOf(const Op& loop, int carried) {
  const Block& body = *loop.regions[1];
  const Value* next = body.terminator()->operands[carried];
  const Value* counter = body.arguments[carried].get();
  if (const Op* add = DefinedBy(next, OpCode::kAdd); add != nullptr) {
    if (add->operands[0] == counter) return IntegerOf(add->operands[1]);
    if (add->operands[1] == counter) return IntegerOf(add->operands[0]);
  }
  if (const Op* subtract = DefinedBy(next, OpCode::kSubtract); subtract != nullptr) {
    const auto step = IntegerOf(subtract->operands[1]);
    if (subtract->operands[0] == counter && step.has_value()) return -*step;
  }
  return std::nullopt;
}

// Of signed types and unsigned ones below 64 bits; beyond, int64_t does not hold every value.
bool Fits(DType dtype, int64_t value) {
  const int bits = Info(dtype).bits - (IsSigned(dtype) ? 1 : 0);
  const int64_t max = bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
  return value <= max && value >= (IsSigned(dtype) ? -max - 1 : 0);
}

// How often `first`, first + step, ... stays below `limit`.
int64_t StepsBelow(int64_t first, int64_t limit, int64_t step) {
  return first >= limit ? 0 : (limit - first + step - 1) / step;
}

std::optional<int64_t> TripCount(const Op& loop) {
  constexpr int64_t kMaxNumber = int64_t{1} << 53;  // keeps every sum below from overflowing
  const auto condition = ConditionOf(loop);
  if (!condition.has_value()) return std::nullopt;
  const Value* initial = loop.operands[condition->carried];
  const auto first = IntegerOf(initial);
  const auto step = StepOf(loop, condition->carried);
  if (!first.has_value() || !step.has_value() || *step == 0 || !IsInteger(initial->type.dtype)) return std::nullopt;
  const int64_t limit = condition->limit;
  for (const int64_t number : {*first, *step, limit}) {
    if (number > kMaxNumber || number < -kMaxNumber) return std::nullopt;
  }
  int64_t count = -1;
  switch (condition->direction) {
    case ComparisonDirection::kLt:
      count = *step > 0 ? StepsBelow(*first, limit, *step) : -1;
      break;
    case ComparisonDirection::kLe:
      count = *step > 0 ? StepsBelow(*first, limit + 1, *step) : -1;
      break;
    case ComparisonDirection::kGt:
      count = *step < 0 ? StepsBelow(-*first, -limit, -*step) : -1;
      break;
    case ComparisonDirection::kGe:
      count = *step < 0 ? StepsBelow(-*first, -limit + 1, -*step) : -1;
      break;
    case ComparisonDirection::kNe:
      if ((limit - *first) % *step == 0) count = (limit - *first) / *step;
      break;
    case ComparisonDirection::kEq:
      break;
  }
  if (count < 0 || !Fits(initial->type.dtype, *first + count * *step)) return std::nullopt;
  return count;
}

}  // namespace

StatusOr<PassResult> RecognizeTripCounts(ir::Module& module, const PassContext&) {
  PassResult result;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&result](Op* op) {
      if (op->code != OpCode::kWhile || op->attributes.Has(AttrKey::kTripCount)) return;
      const auto count = TripCount(*op);
      if (!count.has_value()) return;
      op->attributes.Set(AttrKey::kTripCount, *count);
      result.changed = true;
    });
  }
  return result;
}

}  // namespace dragoman::passes
