// SPDX-License-Identifier: Apache-2.0
#include "fusion/score_product.h"

#include <algorithm>
#include <numeric>

#include "types/scalar_ops.h"

namespace dragoman::fusion {
namespace {

using ir::AttrKey;
using Numbers = std::vector<int64_t>;

// The dimensions of one operand of a dot_general that have more than one element, by what becomes of them.
struct DotSide {
  Numbers batch;
  Numbers free;
  Numbers summed;
};

bool HoldsDim(const Numbers& list, int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }

DotSide SideOf(const ir::Op& dot, int operand) {
  const auto ints = [&](AttrKey lhs, AttrKey rhs) { return dot.attributes.Ints(operand == 0 ? lhs : rhs); };
  const Numbers batch = ints(AttrKey::kLhsBatchingDimensions, AttrKey::kRhsBatchingDimensions);
  const Numbers summed = ints(AttrKey::kLhsContractingDimensions, AttrKey::kRhsContractingDimensions);
  const Dims& extents = dot.operands[operand]->type.dims;
  const auto wide = [&](const Numbers& dims) {
    Numbers kept;
    for (const int64_t dim : dims) {
      if (extents[dim] != 1) kept.push_back(dim);
    }
    return kept;
  };
  Numbers free;
  for (int64_t dim = 0; dim < static_cast<int64_t>(extents.size()); ++dim) {
    if (!HoldsDim(batch, dim) && !HoldsDim(summed, dim)) free.push_back(dim);
  }
  return {wide(batch), wide(free), wide(summed)};
}

int64_t CountOf(const ir::Op& dot, int operand, const Numbers& dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1},
                         [&](int64_t count, int64_t dim) { return count * dot.operands[operand]->type.dims[dim]; });
}

// Whether the dimensions of the lists stand in this order.
bool AreInOrder(const Numbers& a, const Numbers& b, const Numbers& c) {
  Numbers all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return std::is_sorted(all.begin(), all.end());
}

// How matrix units take the operands: f32 as the sum of two bf16, unless it must be exact, and beside it f16 too.
bool ChooseInput(const ir::Op& dot, ScoreProduct& product) {
  const bool is_exact = dot.attributes.Int(AttrKey::kPrecision) == static_cast<int64_t>(Precision::kHighest);
  const DType types[] = {dot.operands[0]->type.dtype, dot.operands[1]->type.dtype, dot.type().dtype};
  const auto is_known = [](DType type) { return type == DType::kF32 || type == DType::kBF16 || type == DType::kF16; };
  if (!std::all_of(std::begin(types), std::end(types), is_known)) return false;
  if (types[0] == DType::kF16 && types[1] == DType::kF16) {
    product.input = DType::kF16;
    return true;
  }
  TakeAsBF16(product);
  return !is_exact || (types[0] != DType::kF32 && types[1] != DType::kF32);
}

}  // namespace

void TakeAsBF16(ScoreProduct& product) {
  product.input = DType::kBF16;
  for (int i = 0; i < 2; ++i) product.planes[i] = product.dot->operands[i]->type.dtype == DType::kBF16 ? 1 : 2;
}

ScoreSpace SpaceOf(const ir::Op& dot) {
  const DotSide lhs = SideOf(dot, 0);
  return {CountOf(dot, 0, lhs.batch), CountOf(dot, 0, lhs.free), CountOf(dot, 1, SideOf(dot, 1).free)};
}

std::optional<ScoreProduct> ProductIntoScores(const ir::Op& dot) {
  ScoreProduct product;
  product.dot = &dot;
  const DotSide lhs = SideOf(dot, 0);
  if (lhs.summed.size() > 1 || !ChooseInput(dot, product)) return std::nullopt;
  product.depth = CountOf(dot, 0, lhs.summed);
  return product;
}

std::optional<ScoreProduct> ProductOutOfScores(const ir::Op& dot, int operand, const ScoreSpace& space) {
  ScoreProduct product;
  product.dot = &dot;
  product.score_operand = operand;
  const DotSide side = SideOf(dot, operand);
  if (side.summed.size() > 1 || !ChooseInput(dot, product)) return std::nullopt;
  const int64_t free = CountOf(dot, operand, side.free);
  const int64_t summed = CountOf(dot, operand, side.summed);
  product.sums_rows = !AreInOrder(side.batch, side.free, side.summed);
  if (product.sums_rows && !AreInOrder(side.batch, side.summed, side.free)) return std::nullopt;
  const ScoreSpace seen = {CountOf(dot, operand, side.batch), product.sums_rows ? summed : free,
                           product.sums_rows ? free : summed};
  if (!(seen == space)) return std::nullopt;
  product.depth = CountOf(dot, 1 - operand, SideOf(dot, 1 - operand).free);
  return product;
}

bool LoadsPairs(const Group& group, const ir::Op& dot, int operand) {
  const ir::Value* value = dot.operands[operand];
  Numbers place(value->type.dims.size());  // of each dimension in the dot's operand
  std::iota(place.begin(), place.end(), 0);
  while (std::find(group.inputs.begin(), group.inputs.end(), value) == group.inputs.end()) {
    const ir::Op* op = value->op;
    if (op == nullptr || (op->code != ir::OpCode::kTranspose && op->code != ir::OpCode::kConvert)) return false;
    if (op->code == ir::OpCode::kTranspose) {
      const Numbers& permutation = op->attributes.Ints(AttrKey::kPermutation);
      Numbers moved(place.size());
      for (size_t i = 0; i < place.size(); ++i) moved[permutation[i]] = place[i];
      place = moved;
    }
    value = op->operands[0];
  }
  const Dims& extents = value->type.dims;
  int64_t innermost = value->type.rank() - 1;
  while (innermost >= 0 && extents[innermost] == 1) --innermost;
  if (innermost < 0 || extents[innermost] % 2 != 0) return false;
  const DotSide side = SideOf(dot, operand);
  const auto ends_in = [&](const Numbers& dims) { return !dims.empty() && dims.back() == place[innermost]; };
  return ends_in(side.free) || ends_in(side.summed);
}

}  // namespace dragoman::fusion
