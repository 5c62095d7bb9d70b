// SPDX-License-Identifier: Apache-2.0
// All iterations of a loop's ops at once: a value of shape [...] in the body becomes one of shape [trip count, ...]
// outside.
#pragma once

#include <unordered_map>

#include "passes/loop_analysis.h"
#include "passes/names.h"

namespace dragoman::passes {

// Whether the op can be vectorized once its operands are. Values from outside of the loop must stand outside of the
// body.
bool IsVectorizable(const Op& op, const LoopAnalysis& loop);
// Of those: it costs little to compute it once more.
bool IsCheapToRepeat(const Op& op);

class Vectorizer {
 public:
  Vectorizer(const LoopAnalysis& loop, Builder& builder) : loop_(loop), builder_(builder) {}

  // The whole of a value of the body that is computed elsewhere, for example stacked by a loop.
  void Set(const Value* value, Value* whole) { wholes_[value] = whole; }
  bool IsSet(const Value* value) const { return wholes_.contains(value); }

  // [trip count, ...] of a value of the body; all that it depends on is vectorizable, set, or from outside. An argument
  // is its initial value, then what the iterations before made of it: that must not lead back to the argument itself.
  Value* Whole(Value* value);
  // The sum over all iterations, without the whole in between where a product or sum can do it alone.
  Value* Total(Value* value);

 private:
  bool IsUniform(const Value* value) const { return !loop_.IsInside(value); }
  Value* Compute(Value* value);
  Value* WholeOfRow(const Op& op, const LoopAnalysis::RowOfInvariant& row);
  Value* WholeOfArgument(const Value* argument);
  Value* WholeOfAffine(const Value* value, const Affine& affine);
  Value* WholeOfDot(const Op& op);
  Value* WholeOfReduce(const Op& op, bool sums_iterations);
  Value* TotalOfDot(const Op& op);
  Value* Spread(Value* value);

  const LoopAnalysis& loop_;
  Builder& builder_;
  std::unordered_map<const Value*, Value*> wholes_;
};

}  // namespace dragoman::passes
