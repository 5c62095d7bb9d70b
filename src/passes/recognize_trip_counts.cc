// SPDX-License-Identifier: Apache-2.0
#include "passes/recognize_trip_counts.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/arithmetic.h"
#include "passes/loop_analysis.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxCounter = int64_t{1} << 26;  // products of two stay exact, in double too

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

std::optional<Comparison> ComparisonOf(const Op& loop, const Op& compare) {
  const auto direction = static_cast<ComparisonDirection>(compare.attributes.Int(AttrKey::kComparisonDirection));
  for (int side = 0; side < 2; ++side) {
    const Value* counter = compare.operands[side];
    const auto limit = IntegerOf(compare.operands[1 - side]);
    if (counter->block != loop.regions[0].get() || !limit.has_value()) continue;
    return Comparison{side == 0 ? direction : Mirrored(direction), counter->index, *limit};
  }
  return std::nullopt;
}

std::optional<int64_t> StepOf(const Op& loop, int carried) {
  const Block& body = *loop.regions[1];
  return StepFrom(body.arguments[carried].get(), body.terminator()->operands[carried]);
}

// Of signed types and unsigned ones below 64 bits; beyond, int64_t does not hold every value.
bool Fits(DType dtype, int64_t value) {
  const int bits = Info(dtype).bits - (IsSigned(dtype) ? 1 : 0);
  const int64_t max = bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
  return value <= max && value >= (IsSigned(dtype) ? -max - 1 : 0);
}

// How often `first`, first + step, ... stays below `limit`.
int64_t StepsBelow(int64_t first, int64_t limit, int64_t step) {
  return first >= limit ? 0 : CeilDiv(limit - first, step);
}

// How often the comparison holds before it first fails.
std::optional<int64_t> CountOf(const Op& loop, const Op& compare) {
  constexpr int64_t kMaxNumber = int64_t{1} << 53;  // keeps every sum below from overflowing
  const auto condition = ComparisonOf(loop, compare);
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

// A loop goes on while all of its comparisons hold: TensorFlow counts iterations beside what the program counts.
std::optional<int64_t> TripCount(const Op& loop) {
  std::optional<int64_t> least;
  std::vector<const Value*> left = {loop.regions[0]->terminator()->operands[0]};
  std::unordered_set<const Value*> seen;
  while (!left.empty()) {
    const Value* condition = left.back();
    left.pop_back();
    if (!seen.insert(condition).second) continue;
    if (const Op* both = DefinedBy(condition, OpCode::kAnd); both != nullptr) {
      left.insert(left.end(), both->operands.begin(), both->operands.end());
      continue;
    }
    const Op* compare = DefinedBy(condition, OpCode::kCompare);
    const auto count = compare == nullptr ? std::nullopt : CountOf(loop, *compare);
    if (!count.has_value()) return std::nullopt;
    least = std::min(least.value_or(*count), *count);
  }
  return least;
}

// What the counter is after the loop.
std::optional<int64_t> LastOf(const Op& loop, int carried, int64_t count) {
  const Value* initial = loop.operands[carried];
  if (initial->type.rank() != 0 || !IsInteger(initial->type.dtype)) return std::nullopt;
  const auto first = IntegerOf(initial);
  const auto step = StepOf(loop, carried);
  if (!first.has_value() || !step.has_value()) return std::nullopt;
  for (const int64_t number : {*first, *step, count}) {
    if (std::abs(number) > kMaxCounter) return std::nullopt;
  }
  const int64_t last = *first + *step * count;
  return Fits(initial->type.dtype, last) ? std::optional(last) : std::nullopt;
}

StatusOr<Replacement> Recognize(Op& op, RewriteContext& context) {
  if (op.code != OpCode::kWhile || op.attributes.Has(AttrKey::kTripCount)) return kKeep;
  const auto count = TripCount(op);
  if (!count.has_value()) return kKeep;
  op.attributes.Set(AttrKey::kTripCount, *count);
  std::vector<TensorType> types;
  for (const auto& result : op.results) types.push_back(result->type);
  Op* loop = context.builder.MakeTyped(OpCode::kWhile, op.operands, std::move(types), op.attributes);
  std::vector<Value*> results;
  for (size_t i = 0; i < op.results.size(); ++i) {
    const auto last = LastOf(op, static_cast<int>(i), *count);
    results.push_back(last.has_value()
                          ? context.builder.Scalar(op.type(static_cast<int>(i)).dtype, static_cast<double>(*last))
                          : loop->result(static_cast<int>(i)));
  }
  loop->regions = std::move(op.regions);
  for (const auto& region : loop->regions) region->parent_op = loop;
  return Replacement(std::move(results));
}

}  // namespace

StatusOr<PassResult> RecognizeTripCounts(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, Recognize));
  return PassResult{changed};
}

}  // namespace dragoman::passes
