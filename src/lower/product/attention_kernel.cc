// SPDX-License-Identifier: Apache-2.0
#include "lower/product/attention_kernel.h"

#include <algorithm>

#include "lower/product/softmax_parts.h"

namespace dragoman::kernel {

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
    ASSIGN_OR_RETURN(const std::vector<Scalar> values, RowCombinerOf(*reduction.op).Start(elemental_));
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

ScoreWalk::Values AttentionKernel::Combined(const RowReduction& reduction, std::span<const V> a, std::span<const V> b) {
  const Scalar lhs[] = {{a[0], {}}};
  const Scalar rhs[] = {{b[0], {}}};
  const auto combined = RowCombinerOf(*reduction.op).Combine(elemental_, lhs, rhs);
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
      ASSIGN_OR_RETURN(const auto result, RowCombinerOf(*reduction.op).Finish(elemental_, accumulator));
      row_values_[row][reduction.op->result()] = result[0];
      if (reduction.sum == nullptr) continue;
      // -inf less -inf is NaN in a row that has nothing else.
      const V nan = b_.F32(std::numeric_limits<float>::quiet_NaN());
      const Scalar whole[] = {{b_.Select(IsLowest(total), nan, totals[next++]), {}}};
      ASSIGN_OR_RETURN(const auto finished, RowCombinerOf(*reduction.sum).Finish(elemental_, whole));
      row_values_[row][reduction.sum->result()] = finished[0];
    }
  }
  return OkStatus();
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

// All scores were read: factors take their place.
void AttentionKernel::StoreFactors(const std::vector<FactorWord>& words) {
  b_.Barrier();
  for (const FactorWord& word : words) b_.StoreShared(array_, word.at, word.value);
  b_.Barrier();
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

}  // namespace dragoman::kernel
