// SPDX-License-Identifier: Apache-2.0
// What a loop of known trip count does with each value that it carries.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "passes/names.h"

namespace dragoman::passes {

// An integer scalar that is first + step t in iteration t.
struct Affine {
  int64_t first = 0;
  int64_t step = 0;
  int64_t At(int64_t t) const { return first + step * t; }
};

enum class CarryKind : uint8_t {
  kCounter,  // affine
  kStack,    // row first + step t of the whole buffer is overwritten with a value, once each, or zeros get it added;
             // not read in the loop
  kAccumulator,  // a value is added to it; not read otherwise
  kRecurrent,    // anything else
};

struct Carry {
  CarryKind kind = CarryKind::kRecurrent;
  Value* value = nullptr;   // stack: the row, [1, ...]; accumulator: what is added
  bool is_reverse = false;  // stack: iteration t writes row n - 1 - t
  bool is_added = false;    // stack: to zeros
  Affine counter;
};

// The constant step of a carried integer: what `next` is more than the argument, if that is a constant.
std::optional<int64_t> StepFrom(const Value* argument, const Value* next);

class LoopAnalysis {
 public:
  // `loop` is a while with AttrKey::kTripCount.
  explicit LoopAnalysis(const Op& loop);

  const Op& loop() const { return loop_; }
  int64_t trip_count() const { return trip_count_; }
  const std::vector<Carry>& carries() const { return carries_; }
  // Of a value in the body, or of a constant; nullopt for all but affine ones.
  std::optional<Affine> AffineOf(const Value* value) const;
  // Whether the value is defined in the body (or an argument of it) rather than outside.
  bool IsInside(const Value* value) const { return inside_.contains(value); }
  // A dynamic_slice of a value from outside, of one row of one dimension at a place that is affine and never clamped,
  // and of all of the other dimensions.
  struct RowOfInvariant {
    int64_t dimension;
    Affine place;
  };
  std::optional<RowOfInvariant> AsRowOfInvariant(const Op& op) const;

 private:
  void FindAffines();
  void FindCounters();
  std::optional<Affine> AffineOfOp(const Op& op) const;
  std::optional<bool> DecidedComparison(const Value* predicate) const;
  Carry Classify(size_t index) const;
  std::optional<Carry> AsStack(size_t index) const;
  const Op* RowAddedToZeros(size_t index) const;
  std::optional<Affine> AffineElement(const Op& reshape) const;
  bool IsUsedOnce(const Value* value) const;

  const Op& loop_;
  const Block& body_;
  int64_t trip_count_;
  std::vector<Carry> carries_;
  std::unordered_map<const Value*, Affine> affines_;
  std::unordered_map<const Value*, int> uses_;  // in body and condition
  std::unordered_map<const Value*, bool> inside_;
};

}  // namespace dragoman::passes
