// SPDX-License-Identifier: Apache-2.0
// The walk of an attention's workgroup: it has some rows of the scores (or columns), and goes over the columns (rows).
// Tile by tile the scores come from matrix units into shared memory, invocations take runs of neighbours from there,
// and what they make of them goes to matrix units again as a factor of other products.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "fusion/attention.h"
#include "lower/product/product_emitter.h"
#include "lower/product/word_tile.h"

namespace dragoman::kernel {

// One product of an attention. Its own operand stays with a workgroup, or is made of scores; the other one is walked
// over.
struct ScoreSide {
  ScoreSide(Builder& builder, Elemental& elemental, const fusion::Attention& attention,
            const fusion::ScoreProduct& product_of_scores);
  ScoreSide(const ScoreSide&) = delete;
  ScoreSide& operator=(const ScoreSide&) = delete;

  const OperandMap& map(int operand) const { return operand == 0 ? product.lhs : product.rhs; }
  const LinearMap& linear(int operand) const { return operand == 0 ? form.lhs : form.rhs; }
  static ProductAxis axis(int operand) { return operand == 0 ? ProductAxis::kM : ProductAxis::kN; }
  int swept_operand() const { return 1 - own_operand; }
  int depth() const { return fusion::PaddedDepth(score); }
  int own_planes() const { return score.planes[own_operand]; }
  const ir::Value* factor() const { return score.dot->operands[own_operand]; }

  const fusion::ScoreProduct& score;
  const int own_operand;
  fusion::Group view;  // the group with this product as its hero, and what follows it as its outputs
  Product product;
  ProductForm form;
  ProductContext context;
  int tiles_of = -1;                // the product into scores whose tiles it takes
  int first_word = 0;               // of the operand that is walked over
  int first_score_word = 0;         // of the scores, or of the factor made of them
  std::vector<std::vector<V>> own;  // matrices of its own operand, by plane
};

// An element of the scores, clamped into them.
struct ScoreElement {
  V word;  // of its place in each tile of scores
  V column_in_tile;
  V row;  // of all batches
  V column;
  V is_valid;
  std::vector<Scalar> scores;  // of each product into them that is needed
};

// What values are computed from.
struct ScoreDemand {
  std::vector<bool> scores;          // of which products into them
  std::vector<const ir::Op*> parts;  // of a softmax, producers first
};

class ScoreWalk {
 public:
  using Values = std::vector<V>;

 protected:
  ScoreWalk(const fusion::Group& group, const fusion::Attention& attention, const fusion::AttentionTile& tile,
            const target::DeviceProfile& profile);

  // Products and places; the operands that stay.
  Status Begin();
  ScoreDemand DemandOf(std::span<const ir::Value* const> roots) const;
  // Over all tiles: the scores of the products that are asked for, then `visit`, which returns what it carries on.
  // With `multiplies` the operands of the products out of scores are in shared memory too.
  using Visit = std::function<Values(V first_swept, Values carried)>;
  Values Walk(const ScoreDemand& demand, bool multiplies, Values carried, const Visit& visit);
  // For each of an invocation's rows the runs of elements in a tile that it takes, with their scores; or all of them
  // as one run.
  using VisitRun = std::function<Values(int row, std::span<const ScoreElement> run, Values carried)>;
  Values VisitRuns(V first_swept, const ScoreDemand& demand, Values carried, const VisitRun& visit,
                   bool in_one_run = false);
  // The sums with the factors and operands that are in shared memory. Within a walk.
  Values Multiply(std::span<const V> sums);
  size_t NumSums() const;
  // `divisors`: of each product what its results are divided by, one of each of the invocation's rows; or none.
  Status StoreResults(std::span<const V> sums, const std::vector<Values>& divisors);

  // `value` is one of those that the demand is for.
  StatusOr<V> At(const ir::Value* value, const ScoreElement& element, const ScoreDemand& demand);
  V OwnIndex(int row);  // clamped
  V IsRealRow(int row);
  V first_own() const { return first_own_; }
  int64_t NumBlocks() const;
  V RowInTile(int row);
  int rows_at_once() const;
  int rows_of_lane() const { return tile_.rows / rows_at_once(); }
  int factor_pitch() const { return tile_.swept / 2 + kPaddingWords; }
  int64_t NumWorkgroups() const;
  void Keep(const Status& status) {
    if (status_.ok()) status_ = status;
  }

  static constexpr int kQuarters = 4;  // invocations that share a row
  const fusion::Group& group_;
  const fusion::Attention& attention_;
  const fusion::AttentionTile& tile_;
  Builder b_;
  Elemental elemental_;
  std::deque<ScoreSide> into_;
  std::deque<ScoreSide> out_of_;
  int array_ = -1;
  Status status_;
  V batch_;
  V local_;
  V quarter_;
  V first_block_;  // of what is walked over
  V end_block_;

 private:
  struct Swept;
  void PlaceWords();
  void Locate();
  Status LoadOwn(ScoreSide& side);
  void PlaceSwept(std::deque<Swept>& tiles, const ScoreDemand& demand, bool multiplies);
  Values LoadSwept(std::deque<Swept>& tiles, V block);
  void StoreSwept(std::deque<Swept>& tiles, std::span<const V> values);
  void MakeScores(const Swept& tile);
  V LoadOther(const ScoreSide& side, int plane, int column, int k);
  void MultiplyStep(const ScoreSide& side, int k, std::span<V> sums);
  ScoreElement Element(int row, V first_swept, V column);
  void LoadScores(const ScoreDemand& demand, ScoreElement& element);
  Index IndexOf(const ir::Value* value, const ScoreElement& element);
  StatusOr<V> PartAt(const ir::Op& part, const ScoreElement& element);
  void StoreResult(ScoreSide& side, std::span<const V> sums, const Values& divisors);
  ResultTile StripTile(const ScoreSide& side, bool divides);
  V Result(const ScoreSide& side, V row, V column, bool divides);
  int strip_pitch(const ScoreSide& side) const { return side.depth() + kPaddingWords; }
  V DivisorWord(const ScoreSide& side, V row) { return b_.IAdd(row, b_.I32(int64_t{tile_.own()} * strip_pitch(side))); }
  bool own_fits() const { return attention_.own() % tile_.own() == 0; }
  bool swept_fits() const { return attention_.swept() % tile_.swept == 0; }
  int score_pitch() const { return tile_.swept + fusion::kScorePadding; }
  int row_matrices() const { return tile_.rows / tile_.matrix.m; }
  V SubgroupRow(int row) { return b_.IAdd(b_.IMul(subgroup_, b_.I32(tile_.rows)), b_.I32(row)); }

  std::deque<Swept>* tiles_ = nullptr;  // of the walk that is being emitted
  V first_own_;
  V subgroup_;  // as matrix units number them
  V part_;      // a subgroup's share of the invocations, by their index alone
  V lane_;
};

}  // namespace dragoman::kernel
