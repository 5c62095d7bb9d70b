// SPDX-License-Identifier: Apache-2.0
// Attention: walks over the scores for the reductions of their rows, then one for the products out of them; or one walk
// for all.
#include <algorithm>

#include "base/format.h"
#include "element/launch.h"
#include "lower/product/attention_kernel.h"
#include "lower/product/kinds.h"

namespace dragoman::kernel {
namespace {

// How far scores may lie above the reference of their exponentials: exp(10) is a third of f16's range.
constexpr float kMostAbove = 10;

}  // namespace

StatusOr<Dispatch> AttentionKernel::Emit() {
  RETURN_IF_ERROR(Begin());
  FindLevels();
  for (const ScoreSide& side : out_of_) factors_.push_back(FactorOf(side));
  const bool skips = SkipsDeadTiles();
  const bool takes_one = TakesOneWalk();
  RETURN_IF_ERROR(takes_one ? EmitOneWalk() : EmitWalks(skips));
  const fusion::ScoreSpace& space = attention_.space;
  const size_t walks = takes_one ? 1 : levels_.size() + (out_of_.empty() ? 0 : 1);
  return FinishDispatch(std::move(b_), elemental_, tile_.workgroup_size(), NumWorkgroups(),
                        Format("attention {}x{}x{}, {} by {}, walks: {}", space.batch, space.rows, space.columns,
                               tile_.own(), tile_.swept, walks));
}

Status AttentionKernel::EmitWalks(bool skips) {
  if (skips) RETURN_IF_ERROR(attention_.by_columns ? SkipDeadRows() : EmitFirstLevel());
  for (size_t i = row_values_[0].empty() ? 0 : 1; i < levels_.size(); ++i) {
    ASSIGN_OR_RETURN(const Values totals, EmitLevel(levels_[i]));
    RETURN_IF_ERROR(SetRowValues(levels_[i], totals));
  }
  RETURN_IF_ERROR(WriteRows());
  return out_of_.empty() ? OkStatus() : MultiplyOut();
}

// A product of nothing but a softmax.
bool AttentionKernel::TakesOneWalk() const {
  const bool is_softmax = levels_.size() == 1 && levels_[0].size() == 1 && levels_[0][0].sum != nullptr;
  return is_softmax && factors_.size() == 1 && factors_[0].divisor == levels_[0][0].sum->result();
}

// One walk for the maximum, the sum and the product: exponentials are taken of what scores have above a reference, the
// maximum of the first tile. Where the true one turns out to be so much larger that something could overflow, or not to
// hide dead tiles, the workgroup walks again, with the maximum that it has found as its reference.
Status AttentionKernel::EmitOneWalk() {
  constexpr int kMostWalks = 3;  // one finds that tiles count after all, the next the maximum with them
  const int rows = rows_of_lane();
  const V all = b_.I32(NumBlocks());
  end_block_ = b_.I32(1);
  ASSIGN_OR_RETURN(const Values first, EmitLevel(levels_[0]));
  Values start = {b_.I32(0), causal_.has_value() ? LiveEnd() : all};
  for (int row = 0; row < rows; ++row) start.push_back(first[2 * row]);
  for (int i = 0; i < 3 * rows; ++i) start.push_back(b_.F32(0));
  start.resize(start.size() + NumSums(), b_.MatrixZero());
  const auto goes_on = [&](std::span<const V> values) { return b_.Compare(KOp::kSLt, values[0], b_.I32(kMostWalks)); };
  // Carried: walks made, the end of the next, its references; those of this one, maxima, sums, results.
  const Values results = b_.While(kMostWalks, start, goes_on, [&](std::span<const V> values) {
    Elemental::Scope scope(elemental_);
    const Values references(values.begin() + 2, values.begin() + 2 + rows);
    end_block_ = values[1];
    const StatusOr<Values> walked = WalkOnce(references);
    Keep(walked.status());
    if (!walked.ok()) return Values(values.begin(), values.end());
    const V is_done = IsDone(references, *walked);
    Values next = {b_.Select(is_done, b_.I32(kMostWalks), b_.IAdd(values[0], b_.I32(1))), all};
    for (int row = 0; row < rows; ++row) next.push_back((*walked)[2 * row]);
    next.insert(next.end(), references.begin(), references.end());
    next.insert(next.end(), walked->begin(), walked->end());
    return next;
  });
  RETURN_IF_ERROR(status_);
  return FinishOneWalk(std::span(results).subspan(2 + rows));
}

// Whether no exponential was far above 1, and all dead scores are hidden.
V AttentionKernel::IsDone(std::span<const V> references, std::span<const V> walked) {
  V holds = b_.Bool(true);
  for (int row = 0; row < rows_of_lane(); ++row) {
    const V maximum = walked[2 * row];
    const V above = b_.FSub(maximum, references[row]);
    holds = b_.And(holds, b_.Compare(KOp::kFLe, above, b_.F32(kMostAbove)));
    if (causal_.has_value()) holds = b_.And(holds, HidesDeadScores(maximum, walked[2 * row + 1]));
  }
  return AllAgree(holds, kQuarters);
}

// `walked`: references, maxima with sums, results.
Status AttentionKernel::FinishOneWalk(std::span<const V> walked) {
  const RowReduction& softmax = levels_[0][0];
  const int rows = rows_of_lane();
  Values divisors;
  for (int row = 0; row < rows; ++row) {
    const V maximum = walked[rows + 2 * row];
    divisors.push_back(walked[rows + 2 * row + 1]);
    const V scale = Exponential(b_.FSub(walked[row], maximum));
    row_values_[row][softmax.op->result()] = {maximum, {}};
    row_values_[row][softmax.sum->result()] = {b_.FMul(divisors.back(), scale), {}};
  }
  RETURN_IF_ERROR(WriteRows());
  return StoreResults(walked.subspan(3 * rows), {divisors});
}

// The maximum and the sum of each row, then the results.
StatusOr<ScoreWalk::Values> AttentionKernel::WalkOnce(std::span<const V> references) {
  const RowReduction& softmax = levels_[0][0];
  const ir::Value* roots[] = {factors_[0].value, softmax.op->operands[0]};
  const ScoreDemand demand = DemandOf(roots);
  const int rows = rows_of_lane();
  Values start;
  for (int row = 0; row < rows; ++row) start.insert(start.end(), {Lowest(), b_.F32(0)});
  start.resize(start.size() + NumSums(), b_.MatrixZero());
  const Values walked = Walk(demand, true, start, [&](V first_swept, Values carried) {
    std::vector<FactorWord> words;
    carried = VisitRuns(
        first_swept, demand, std::move(carried),
        [&](int row, std::span<const ScoreElement> run, Values values) {
          elemental_.Pin(softmax.op->result(), {references[row], {}});
          AddFactors(run, row, demand, words);
          return AddOnce(row, run, demand, std::move(values));
        },
        true);
    StoreFactors(words);
    const Values sums = Multiply(std::span(carried).subspan(2 * rows));
    std::copy(sums.begin(), sums.end(), carried.begin() + 2 * rows);
    return carried;
  });
  const Level level = {{softmax.op, nullptr}, {softmax.sum, nullptr}};
  ASSIGN_OR_RETURN(Values totals, CombineQuarters(level, Values(walked.begin(), walked.begin() + 2 * rows)));
  totals.insert(totals.end(), walked.begin() + 2 * rows, walked.end());
  return totals;
}

ScoreWalk::Values AttentionKernel::AddOnce(int row, std::span<const ScoreElement> run, const ScoreDemand& demand,
                                           Values carried) {
  const RowReduction& softmax = levels_[0][0];
  V& maximum = carried[2 * row];
  V& sum = carried[2 * row + 1];
  maximum = AddRun({softmax.op, nullptr}, run, {maximum})[0];
  for (const ScoreElement& element : run) {
    const StatusOr<V> value = At(factors_[0].value, element, demand);
    Keep(value.status());
    if (value.ok()) sum = b_.FAdd(sum, b_.Select(element.is_valid, *value, b_.F32(0)));
  }
  return carried;
}

Status AttentionKernel::MultiplyOut() {
  std::vector<const ir::Value*> roots;
  std::vector<Values> divisors;
  for (const Factor& factor : factors_) {
    roots.push_back(factor.value);
    divisors.emplace_back();
    for (int row = 0; row < rows_of_lane() && factor.divisor != nullptr; ++row) {
      divisors.back().push_back(row_values_[row].at(factor.divisor).re);
    }
  }
  const ScoreDemand demand = DemandOf(roots);
  const Values zeros(NumSums(), b_.MatrixZero());
  const Values sums = Walk(demand, true, zeros, [&](V first_swept, Values carried) {
    std::vector<FactorWord> words;
    VisitRuns(
        first_swept, demand, {},
        [&](int row, std::span<const ScoreElement> run, Values none) {
          PinRow(row);
          AddFactors(run, row, demand, words);
          return none;
        },
        true);
    StoreFactors(words);
    return Multiply(carried);
  });
  RETURN_IF_ERROR(status_);
  return StoreResults(sums, divisors);
}

// Every walk finds zeros beyond the rows, if only the maxima hide what the mask puts there.
bool AttentionKernel::SkipsDeadTiles() {
  const std::optional<CausalScores> causal = FindCausalScores(group_, attention_.space);
  if (!causal.has_value() || causal->sum == nullptr) return false;
  const auto is_read = [&](const ir::Value* value) {
    return std::find(group_.inputs.begin(), group_.inputs.end(), value) != group_.inputs.end();
  };
  if (attention_.by_columns && !(is_read(causal->maximum->result()) && is_read(causal->sum))) return false;
  for (const Factor& factor : factors_) {
    if (!IsZeroBeyondRow(factor.value, *causal)) return false;
  }
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const RowReduction& reduction : levels_[i]) {
      const bool is_first = i == 0 && reduction.op == causal->maximum && reduction.sum != nullptr;
      const bool is_sum = reduction.op->regions[0]->ops[0]->code == ir::OpCode::kAdd;
      if (!is_first && !(i > 0 && is_sum && IsZeroBeyondRow(reduction.op->operands[0], *causal))) return false;
    }
  }
  if (attention_.by_columns == levels_.empty()) causal_ = causal;
  return causal_.has_value();
}

// Whether exp(lowest - maximum) is exactly 0, and so is that over the sum.
V AttentionKernel::HidesDeadScores(V maximum, V sum) {
  const V is_above = b_.Compare(KOp::kFLt, b_.F32(causal_->lowest / 2), maximum);
  const V is_finite = b_.Compare(KOp::kFLe, maximum, b_.F32(std::numeric_limits<float>::max()));
  const V is_number = b_.And(b_.Compare(KOp::kFLt, b_.F32(0), sum),
                             b_.Compare(KOp::kFLe, sum, b_.F32(std::numeric_limits<float>::max())));
  return b_.And(b_.And(is_above, is_finite), is_number);
}

// Of every `step`th invocation.
V AttentionKernel::AllAgree(V holds, int step) {
  b_.Barrier();
  b_.StoreShared(array_, local_, b_.Select(holds, b_.I32(1), b_.I32(0)));
  b_.Barrier();
  const V size = b_.I32(tile_.workgroup_size());
  const Values all = b_.For(b_.I32(0), size, b_.I32(step), {b_.I32(1)}, [&](V i, std::span<const V> carried) {
    return Values{b_.And(carried[0], b_.LoadShared(array_, i))};
  });
  return b_.IEq(all[0], b_.I32(1));
}

// Of the blocks of columns that any of the workgroup's rows reaches.
V AttentionKernel::LiveEnd() {
  const V last = b_.IAdd(first_own(), b_.I32(tile_.own() + tile_.swept - 1));
  return b_.UMin(b_.UDiv(last, b_.I32(tile_.swept)), b_.I32(NumBlocks()));
}

// The first walk passes over dead tiles. Should a row of the workgroup then not hide what they hold, it walks again
// over all of them, and so do the walks that follow.
Status AttentionKernel::EmitFirstLevel() {
  const Level& level = levels_[0];
  const V all = b_.I32(NumBlocks());
  const size_t width = level.size() * 2 * rows_of_lane();
  Values carried(width, b_.F32(0));
  carried.push_back(LiveEnd());
  carried.push_back(b_.I32(0));
  const Values results = b_.For(b_.I32(0), b_.I32(2), b_.I32(1), carried, [&](V attempt, std::span<const V> values) {
    Elemental::Scope scope(elemental_);
    const V is_done = b_.IEq(values[width + 1], b_.I32(1));
    end_block_ = b_.Select(is_done, b_.I32(0), values[width]);
    const StatusOr<Values> totals = EmitLevel(level);
    Keep(totals.status());
    Values next(values.begin(), values.end());
    if (!totals.ok()) return next;
    V holds = b_.Bool(true);
    for (size_t i = 0; i < width; ++i) next[i] = b_.Select(is_done, values[i], (*totals)[i]);
    for (size_t i = 0; i < width; i += 2) holds = b_.And(holds, HidesDeadScores(next[i], next[i + 1]));
    const V is_hidden = AllAgree(holds, kQuarters);
    next[width] = b_.Select(is_hidden, values[width], all);
    next[width + 1] = b_.Select(b_.Or(is_hidden, b_.IEq(attempt, b_.I32(1))), b_.I32(1), b_.I32(0));
    return next;
  });
  RETURN_IF_ERROR(status_);
  end_block_ = results[width];
  return SetRowValues(level, results);
}

// Columns pass over the tiles of rows before them, if all rows hide what the mask puts there.
Status AttentionKernel::SkipDeadRows() {
  const int64_t rows = attention_.space.rows;
  const V first = b_.IMul(batch_, b_.I32(rows));
  const int64_t most = (rows + tile_.workgroup_size() - 1) / tile_.workgroup_size();
  const LoopRange range{local_, b_.I32(rows), b_.I32(tile_.workgroup_size()), most};
  const Values hidden = b_.For(range, {b_.I32(1)}, [&](V row, std::span<const V> carried) {
    Elemental::Scope scope(elemental_);
    const Index at = Index::FromLinear(b_.IAdd(first, row));
    const Scalar maximum = elemental_.Load(causal_->maximum->result(), at);
    const Scalar sum = elemental_.Load(causal_->sum, at);
    return Values{b_.Select(HidesDeadScores(maximum.re, sum.re), carried[0], b_.I32(0))};
  });
  const V is_hidden = AllAgree(b_.IEq(hidden[0], b_.I32(1)), 1);
  first_block_ = b_.Select(is_hidden, b_.UDiv(first_own(), b_.I32(tile_.swept)), b_.I32(0));
  return status_;
}

StatusOr<LoweredGroup> LowerAttention(const fusion::Group& group, const target::CompileContext& context) {
  ASSIGN_OR_RETURN(const fusion::Attention attention, fusion::FindAttention(group));
  const auto tile = fusion::ChooseAttentionTile(attention, context.profile);
  if (!tile.has_value()) return Internal("An attention was joined that no tile fits.");
  LoweredGroup lowered;
  ASSIGN_OR_RETURN(Dispatch dispatch, AttentionKernel(group, attention, *tile, context.profile).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  lowered.reason = Format("A workgroup has {} {} of the scores and walks over the others, {} at a time.", tile->own(),
                          attention.by_columns ? "columns" : "rows", tile->swept);
  return lowered;
}

}  // namespace dragoman::kernel
