// SPDX-License-Identifier: Apache-2.0
// Attention: walks over the scores for the reductions of their rows, then one for the products out of them.
#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "element/launch.h"
#include "element/reduce_combiner.h"
#include "lower/product/causal_scores.h"
#include "lower/product/kinds.h"
#include "lower/product/score_walk.h"
#include "lower/product/softmax_parts.h"

namespace dragoman::kernel {
namespace {

// A reduction of rows. A maximum with the sum of exponentials that it is subtracted in takes one walk: whenever the
// maximum grows, the sum so far is scaled.
struct RowReduction {
  const ir::Op* op = nullptr;
  const ir::Op* sum = nullptr;
  int num_values() const { return sum == nullptr ? 1 : 2; }
};
using Level = std::vector<RowReduction>;  // that can be taken in one walk

Combiner CombinerOf(const ir::Op& op) { return Combiner(*op.regions[0], InitialValues(op)); }

class AttentionKernel : public ScoreWalk {
 public:
  AttentionKernel(const fusion::Group& group, const fusion::Attention& attention, const fusion::AttentionTile& tile,
                  const target::DeviceProfile& profile)
      : ScoreWalk(group, attention, tile, profile), row_values_(rows_of_lane()) {}

  StatusOr<Dispatch> Emit() {
    RETURN_IF_ERROR(Begin());
    FindLevels();
    for (const ScoreSide& side : out_of_) factors_.push_back(FactorOf(side));
    if (SkipsDeadTiles()) {
      RETURN_IF_ERROR(attention_.by_columns ? SkipDeadRows() : EmitFirstLevel());
    }
    for (size_t i = row_values_[0].empty() ? 0 : 1; i < levels_.size(); ++i) {
      ASSIGN_OR_RETURN(const Values totals, EmitLevel(levels_[i]));
      RETURN_IF_ERROR(SetRowValues(levels_[i], totals));
    }
    RETURN_IF_ERROR(WriteRows());
    if (!out_of_.empty()) RETURN_IF_ERROR(MultiplyOut());
    const fusion::ScoreSpace& space = attention_.space;
    return FinishDispatch(std::move(b_), elemental_, tile_.workgroup_size(), NumWorkgroups(),
                          Format("attention {}x{}x{}, {} by {} in {} walks", space.batch, space.rows, space.columns,
                                 tile_.own(), tile_.swept, levels_.size() + (out_of_.empty() ? 0 : 1)));
  }

 private:
  void FindLevels();
  void PairSums();
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

// A reduction comes after those that its operand is computed from.
void AttentionKernel::FindLevels() {
  std::unordered_map<const ir::Value*, size_t> level_of;
  for (const ir::Op* op : group_.members) {
    size_t level = 0;
    for (const ir::Value* operand : op->operands) {
      if (const auto found = level_of.find(operand); found != level_of.end()) level = std::max(level, found->second);
    }
    if (op->code == ir::OpCode::kReduce) {
      if (levels_.size() <= level) levels_.resize(level + 1);
      levels_[level++].push_back({op, nullptr});
    }
    for (const auto& result : op->results) level_of[result.get()] = level;
  }
  PairSums();
}

void AttentionKernel::PairSums() {
  for (size_t i = 0; i + 1 < levels_.size(); ++i) {
    for (RowReduction& maximum : levels_[i]) {
      const auto is_sum = [&](const RowReduction& each) {
        return maximum.sum == nullptr && MaximumOfSum(*each.op) == maximum.op;
      };
      const auto sum = std::find_if(levels_[i + 1].begin(), levels_[i + 1].end(), is_sum);
      if (sum == levels_[i + 1].end()) continue;
      maximum.sum = sum->op;
      levels_[i + 1].erase(sum);
    }
  }
  std::erase_if(levels_, [](const Level& level) { return level.empty(); });
}

StatusOr<ScoreWalk::Values> AttentionKernel::EmitLevel(const Level& level) {
  std::vector<const ir::Value*> roots;
  Values start;
  for (const RowReduction& reduction : level) {
    roots.push_back(reduction.op->operands[0]);
    ASSIGN_OR_RETURN(const std::vector<Scalar> values, CombinerOf(*reduction.op).Start(elemental_));
    start.push_back(values[0].re);
    if (reduction.sum != nullptr) start.push_back(b_.F32(0));
  }
  const ScoreDemand demand = DemandOf(roots);
  const size_t width = start.size();
  Values carried;
  for (int row = 0; row < rows_of_lane(); ++row) carried.insert(carried.end(), start.begin(), start.end());
  const auto visit_run = [&](int row, std::span<const ScoreElement> run, Values sums) {
    PinRow(row);
    size_t next = row * width;
    for (const RowReduction& reduction : level) {
      const size_t count = reduction.num_values();
      const auto first = sums.begin() + static_cast<std::ptrdiff_t>(next);
      const Values own(first, first + static_cast<std::ptrdiff_t>(count));
      const Values added = count == 1 ? AddRun(reduction, run, own) : AddExponentials(reduction, run, own);
      std::copy(added.begin(), added.end(), sums.begin() + static_cast<std::ptrdiff_t>(next));
      next += count;
    }
    return sums;
  };
  const Values sums = Walk(demand, false, carried, [&](V first_swept, Values values) {
    return VisitRuns(first_swept, demand, std::move(values), visit_run);
  });
  RETURN_IF_ERROR(status_);
  return CombineQuarters(level, sums);
}

ScoreWalk::Values AttentionKernel::AddRun(const RowReduction& reduction, std::span<const ScoreElement> run,
                                          Values sums) {
  const ir::Value* roots[] = {reduction.op->operands[0]};
  const ScoreDemand demand = DemandOf(roots);
  for (const ScoreElement& element : run) {
    const StatusOr<V> value = At(roots[0], element, demand);
    Keep(value.status());
    if (!value.ok()) return sums;
    const V sum[] = {*value};
    sums[0] = b_.Select(element.is_valid, Combined({reduction.op, nullptr}, sums, sum)[0], sums[0]);
  }
  return sums;
}

// `sums`: the maximum, and the sum of exponentials less that. Before the first finite element both are none.
ScoreWalk::Values AttentionKernel::AddExponentials(const RowReduction& reduction, std::span<const ScoreElement> run,
                                                   Values sums) {
  const V maximum = AddRun({reduction.op, nullptr}, run, {sums[0]})[0];
  elemental_.Pin(reduction.op->result(), {maximum, {}});
  const ir::Value* roots[] = {reduction.sum->operands[0]};
  const ScoreDemand demand = DemandOf(roots);
  V sum = b_.F32(0);
  for (const ScoreElement& element : run) {
    const StatusOr<V> value = At(roots[0], element, demand);
    Keep(value.status());
    if (!value.ok()) return sums;
    sum = b_.FAdd(sum, b_.Select(element.is_valid, *value, b_.F32(0)));
  }
  const V before[] = {sums[0], sums[1]};
  const V scale = b_.Select(IsLowest(before[0]), b_.F32(0), Exponential(b_.FSub(before[0], maximum)));
  const V total = b_.Fma(before[1], scale, sum);
  return {maximum, b_.Select(IsLowest(maximum), b_.F32(0), total)};
}

ScoreWalk::Values AttentionKernel::Combined(const RowReduction& reduction, std::span<const V> a,
                                            std::span<const V> b) {
  const Scalar lhs[] = {{a[0], {}}};
  const Scalar rhs[] = {{b[0], {}}};
  const auto combined = CombinerOf(*reduction.op).Combine(elemental_, lhs, rhs);
  Keep(combined.status());
  if (!combined.ok()) return {a.begin(), a.end()};
  const V result = (*combined)[0].re;
  if (reduction.sum == nullptr) return {result};
  const auto scaled = [&](std::span<const V> part) {
    const V scale = Exponential(b_.FSub(part[0], result));
    return b_.Select(IsLowest(part[0]), b_.F32(0), b_.FMul(part[1], scale));
  };
  return {result, b_.FAdd(scaled(a), scaled(b))};
}

// The invocations of a row exchange their sums in shared memory, and all have the same in the end.
StatusOr<ScoreWalk::Values> AttentionKernel::CombineQuarters(const Level& level, const Values& sums) {
  const int size = tile_.workgroup_size();
  const V first_of_row = b_.ISub(local_, quarter_);
  b_.Barrier();
  for (size_t i = 0; i < sums.size(); ++i) {
    b_.StoreShared(array_, b_.IAdd(local_, b_.I32(static_cast<int64_t>(i) * size)), b_.Bitcast(sums[i], KType::kI32));
  }
  b_.Barrier();
  Values totals;
  for (int row = 0; row < rows_of_lane(); ++row) {
    for (const RowReduction& reduction : level) {
      Values total;
      for (int quarter = 0; quarter < kQuarters; ++quarter) {
        Values part;
        for (int i = 0; i < reduction.num_values(); ++i) {
          const int64_t at = static_cast<int64_t>(totals.size() + i) * size + quarter;
          part.push_back(b_.Bitcast(b_.LoadShared(array_, b_.IAdd(first_of_row, b_.I32(at))), KType::kF32));
        }
        total = quarter == 0 ? part : Combined(reduction, total, part);
      }
      totals.insert(totals.end(), total.begin(), total.end());
    }
  }
  RETURN_IF_ERROR(status_);
  return totals;
}

Status AttentionKernel::SetRowValues(const Level& level, const Values& totals) {
  size_t next = 0;
  for (int row = 0; row < rows_of_lane(); ++row) {
    for (const RowReduction& reduction : level) {
      const V total = totals[next++];
      const Scalar accumulator[] = {{total, {}}};
      ASSIGN_OR_RETURN(const auto result, CombinerOf(*reduction.op).Finish(elemental_, accumulator));
      row_values_[row][reduction.op->result()] = result[0];
      if (reduction.sum == nullptr) continue;
      // -inf less -inf is NaN in a row that has nothing else.
      const V nan = b_.F32(std::numeric_limits<float>::quiet_NaN());
      const Scalar whole[] = {{b_.Select(IsLowest(total), nan, totals[next++]), {}}};
      ASSIGN_OR_RETURN(const auto finished, CombinerOf(*reduction.sum).Finish(elemental_, whole));
      row_values_[row][reduction.sum->result()] = finished[0];
    }
  }
  return OkStatus();
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

// The first walk passes over dead tiles. Should a row of the workgroup then not hide what they hold, it walks again
// over all of them, and so do the walks that follow.
Status AttentionKernel::EmitFirstLevel() {
  const Level& level = levels_[0];
  const V all = b_.I32(NumBlocks());
  const V last = b_.IAdd(first_own(), b_.I32(tile_.own() + tile_.swept - 1));
  const V live = b_.UMin(b_.UDiv(last, b_.I32(tile_.swept)), all);
  const size_t width = level.size() * 2 * rows_of_lane();
  Values carried(width, b_.F32(0));
  carried.push_back(live);
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

// Outputs of one value a row.
Status AttentionKernel::WriteRows() {
  std::vector<const ir::Value*> outputs;
  for (const ir::Value* output : group_.outputs) {
    const bool is_result = std::any_of(out_of_.begin(), out_of_.end(), [&](const ScoreSide& side) {
      return std::find(side.view.outputs.begin(), side.view.outputs.end(), output) != side.view.outputs.end();
    });
    if (!is_result) outputs.push_back(output);
  }
  for (int row = 0; row < rows_of_lane() && !outputs.empty(); ++row) {
    PinRow(row);
    b_.If(b_.And(IsRealRow(row), b_.IEq(quarter_, b_.I32(0))), [&] {
      Elemental::Scope scope(elemental_);
      const V at = b_.IAdd(b_.IMul(batch_, b_.I32(attention_.space.rows)), OwnIndex(row));
      for (const ir::Value* output : outputs) {
        const StatusOr<Scalar> value = elemental_.At(output, Index::FromLinear(at));
        Keep(value.status());
        if (value.ok()) elemental_.Store(output, Index::FromLinear(at), *value);
      }
    });
  }
  return status_;
}

// What of a product's factor is stored: all of it, or what is divided by a row's sum afterwards.
AttentionKernel::Factor AttentionKernel::FactorOf(const ScoreSide& side) const {
  Factor factor{side.factor(), {}, nullptr};
  const ir::Value* value = factor.value;
  while (value->op != nullptr && (value->op->code == ir::OpCode::kConvert || value->op->code == ir::OpCode::kReshape)) {
    if (value->op->code == ir::OpCode::kConvert) factor.converts.insert(factor.converts.begin(), value->type.dtype);
    value = value->op->operands[0];
  }
  if (value->op == nullptr || !DividesBySum(*value->op)) return {side.factor(), {}, nullptr};
  const ir::Op* exponential = SourceOfBroadcast(value->op->operands[0])->op;
  const ir::Value* sum = SourceOfBroadcast(value->op->operands[1]);
  const bool is_own = std::find(group_.members.begin(), group_.members.end(), sum->op) != group_.members.end();
  if (!is_own || exponential == nullptr || MaximumOfExponential(*exponential) == nullptr) {
    return {side.factor(), {}, nullptr};
  }
  factor.value = value->op->operands[0];
  factor.divisor = sum;
  return factor;
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
    b_.Barrier();  // all scores were read: factors take their place
    for (const FactorWord& word : words) b_.StoreShared(array_, word.at, word.value);
    b_.Barrier();
    return Multiply(carried);
  });
  RETURN_IF_ERROR(status_);
  return StoreResults(sums, divisors);
}

// Zero beyond the scores.
StatusOr<V> AttentionKernel::FactorAt(const Factor& factor, const ScoreElement& element, const ScoreDemand& demand) {
  ASSIGN_OR_RETURN(const V value, At(factor.value, element, demand));
  Scalar scalar{value, {}};
  DType type = factor.value->type.dtype;
  for (const DType next : factor.converts) {
    ASSIGN_OR_RETURN(scalar, ConvertScalar(b_, scalar, type, next));
    type = next;
  }
  ASSIGN_OR_RETURN(scalar, ConvertScalar(b_, scalar, type, DType::kF32));
  return b_.Select(element.is_valid, scalar.re, b_.F32(0));
}

void AttentionKernel::AddFactors(std::span<const ScoreElement> run, int row, const ScoreDemand& demand,
                                 std::vector<FactorWord>& to) {
  for (size_t i = 0; i + 1 < run.size(); i += 2) {
    std::vector<Values> pairs(out_of_.size());
    for (const ScoreElement& element : run.subspan(i, 2)) {
      for (size_t k = 0; k < out_of_.size(); ++k) {
        const StatusOr<V> value = FactorAt(factors_[k], element, demand);
        Keep(value.status());
        if (!value.ok()) return;
        pairs[k].push_back(*value);
      }
    }
    const V pair = b_.UDiv(run[i].column_in_tile, b_.I32(2));
    for (size_t k = 0; k < out_of_.size(); ++k) {
      const ScoreSide& side = out_of_[k];
      const Values words = WordPacker(b_, side.score.input).Planes(pairs[k][0], pairs[k][1], side.own_planes());
      for (size_t plane = 0; plane < words.size(); ++plane) {
        const int first = side.first_score_word + static_cast<int>(plane) * tile_.own() * factor_pitch();
        const V at = b_.IAdd(b_.MulAdd(RowInTile(row), factor_pitch(), b_.I32(first)), pair);
        to.push_back({at, words[plane]});
      }
    }
  }
}

}  // namespace

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
