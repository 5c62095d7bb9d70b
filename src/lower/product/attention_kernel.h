// SPDX-License-Identifier: Apache-2.0
// The kernel of an attention: which walks over the scores it takes, what they sum up, and what of them is multiplied.
#pragma once

#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "element/reduce_combiner.h"
#include "lower/product/causal_scores.h"
#include "lower/product/score_walk.h"

namespace dragoman::kernel {

// A reduction of rows. A maximum with the sum of exponentials that it is subtracted in takes one walk: whenever the
// maximum grows, the sum so far is scaled.
struct RowReduction {
  const ir::Op* op = nullptr;
  const ir::Op* sum = nullptr;
  int num_values() const { return sum == nullptr ? 1 : 2; }
};
using Level = std::vector<RowReduction>;  // that can be taken in one walk

inline Combiner RowCombinerOf(const ir::Op& op) { return Combiner(*op.regions[0], InitialValues(op)); }

class AttentionKernel : public ScoreWalk {
 public:
  AttentionKernel(const fusion::Group& group, const fusion::Attention& attention, const fusion::AttentionTile& tile,
                  const target::DeviceProfile& profile)
      : ScoreWalk(group, attention, tile, profile), row_values_(rows_of_lane()) {}

  StatusOr<Dispatch> Emit();

 private:
  void FindLevels();
  void PairSums();
  Status EmitWalks(bool skips);
  bool TakesOneWalk() const;
  Status EmitOneWalk();
  V IsDone(std::span<const V> references, std::span<const V> walked);
  Status FinishOneWalk(std::span<const V> walked);
  StatusOr<Values> WalkOnce(std::span<const V> references);
  Values AddOnce(int row, std::span<const ScoreElement> run, const ScoreDemand& demand, Values carried);
  StatusOr<Values> EmitLevel(const Level& level);
  bool SkipsDeadTiles();
  Status EmitFirstLevel();
  Status SkipDeadRows();
  V HidesDeadScores(V maximum, V sum);
  V AllAgree(V holds, int step);
  Values AddRun(const RowReduction& reduction, std::span<const ScoreElement> run, Values sums);
  Values AddExponentials(const RowReduction& reduction, std::span<const ScoreElement> run, Values sums);
  Values Combined(const RowReduction& reduction, std::span<const V> a, std::span<const V> b);
  StatusOr<Values> CombineQuarters(const Level& level, const Values& sums);
  Status SetRowValues(const Level& level, const Values& totals);
  Status WriteRows();
  Status MultiplyOut();
  struct Factor {
    const ir::Value* value;
    std::vector<DType> converts;  // in order, after the value
    const ir::Value* divisor;
  };
  Factor FactorOf(const ScoreSide& side) const;
  StatusOr<V> FactorAt(const Factor& factor, const ScoreElement& element, const ScoreDemand& demand);
  struct FactorWord {
    V at;
    V value;
  };
  void AddFactors(std::span<const ScoreElement> run, int row, const ScoreDemand& demand, std::vector<FactorWord>& to);
  void StoreFactors(const std::vector<FactorWord>& words);
  V LiveEnd();
  void PinRow(int row) {
    for (const auto& [value, scalar] : row_values_[row]) elemental_.Pin(value, scalar);
  }
  V Exponential(V value) { return b_.Unary(KOp::kExp, value); }
  V IsLowest(V value) { return b_.Compare(KOp::kFEq, value, Lowest()); }
  V Lowest() { return b_.F32(-std::numeric_limits<float>::infinity()); }

  std::vector<Level> levels_;
  std::vector<Factor> factors_;  // of each product out of the scores
  std::optional<CausalScores> causal_;
  std::vector<std::unordered_map<const ir::Value*, Scalar>> row_values_;  // of each of an invocation's rows
};

}  // namespace dragoman::kernel
