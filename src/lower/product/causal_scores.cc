// SPDX-License-Identifier: Apache-2.0
#include "lower/product/causal_scores.h"

#include <cstring>
#include <limits>

#include "lower/product/softmax_parts.h"
#include "types/scalar_ops.h"

namespace dragoman::kernel {
namespace {

constexpr float kLargestLowest = -1e30F;

enum class Counts : uint8_t { kNeither, kRows, kColumns };

// What dimension `dim` of a tensor of all scores counts.
Counts CountsOf(const Dims& dims, int64_t dim, const fusion::ScoreSpace& space) {
  int64_t inner = 1;
  for (size_t i = static_cast<size_t>(dim) + 1; i < dims.size(); ++i) inner *= dims[i];
  if (inner == 1 && dims[dim] == space.columns) return Counts::kColumns;
  return inner == space.columns && dims[dim] == space.rows ? Counts::kRows : Counts::kNeither;
}

// The op behind broadcasts of `value`; each step maps the dimensions of its operand.
const ir::Op* BehindBroadcasts(const ir::Value* value, std::vector<std::vector<int64_t>>& maps) {
  while (value->op != nullptr && value->op->code == ir::OpCode::kBroadcastInDim) {
    maps.push_back(value->op->attributes.Ints(ir::AttrKey::kBroadcastDimensions));
    value = value->op->operands[0];
  }
  return value->op;
}

// What an operand of a comparison counts, when it is an iota.
Counts CountsOf(const ir::Value* operand, std::vector<std::vector<int64_t>> maps, const Dims& dims,
                const fusion::ScoreSpace& space) {
  const ir::Op* iota = BehindBroadcasts(operand, maps);
  if (iota == nullptr || iota->code != ir::OpCode::kIota) return Counts::kNeither;
  int64_t dim = iota->attributes.Int(ir::AttrKey::kIotaDimension);
  for (size_t i = maps.size(); i-- > 0;) dim = maps[i][dim];
  return CountsOf(dims, dim, space);
}

// Whether the predicate holds nowhere beyond the row.
bool IsCausal(const ir::Value* predicate, const fusion::ScoreSpace& space) {
  std::vector<std::vector<int64_t>> maps;
  const ir::Op* compare = BehindBroadcasts(predicate, maps);
  if (compare == nullptr || compare->code != ir::OpCode::kCompare || !IsInteger(compare->operands[0]->type.dtype)) {
    return false;
  }
  const auto direction = static_cast<ComparisonDirection>(compare->attributes.Int(ir::AttrKey::kComparisonDirection));
  const bool is_at_least = direction == ComparisonDirection::kGe || direction == ComparisonDirection::kGt;
  const bool is_at_most = direction == ComparisonDirection::kLe || direction == ComparisonDirection::kLt;
  const Counts lhs = CountsOf(compare->operands[0], maps, predicate->type.dims, space);
  const Counts rhs = CountsOf(compare->operands[1], maps, predicate->type.dims, space);
  return (is_at_least && lhs == Counts::kRows && rhs == Counts::kColumns) ||
         (is_at_most && lhs == Counts::kColumns && rhs == Counts::kRows);
}

std::optional<float> SplatNumber(const ir::Value* value) {
  const ir::Op* op = SourceOfBroadcast(value)->op;
  if (op == nullptr || op->code != ir::OpCode::kConstant || value->type.dtype != DType::kF32) return std::nullopt;
  const std::vector<std::byte>& bytes = op->attributes.GetLiteral(ir::AttrKey::kValue).bytes();
  float number = 0;
  if (bytes.size() != sizeof(number)) return std::nullopt;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

// The select that the softmax of an exponential has for its scores.
const ir::Op* MaskedScores(const ir::Op& maximum, const fusion::ScoreSpace& space) {
  const ir::Op* select = SourceOfBroadcast(maximum.operands[0])->op;
  if (select == nullptr || select->code != ir::OpCode::kSelect) return nullptr;
  const std::optional<float> lowest = SplatNumber(select->operands[2]);
  const bool is_low =
      lowest.has_value() && *lowest <= kLargestLowest && *lowest >= std::numeric_limits<float>::lowest();
  return is_low && IsCausal(select->operands[0], space) ? select : nullptr;
}

}  // namespace

std::optional<CausalScores> FindCausalScores(const fusion::Group& group, const fusion::ScoreSpace& space) {
  CausalScores causal;
  for (const ir::Op* op : group.members) {
    const ir::Op* maximum = MaximumOfExponential(*op);
    if (maximum == nullptr) continue;
    if (causal.maximum != nullptr && causal.maximum != maximum) return std::nullopt;
    causal.maximum = maximum;
  }
  if (causal.maximum == nullptr) return std::nullopt;
  causal.masked = MaskedScores(*causal.maximum, space);
  if (causal.masked == nullptr) return std::nullopt;
  causal.lowest = *SplatNumber(causal.masked->operands[2]);
  const auto look_at = [&](const ir::Value* value) {
    const ir::Op* op = SourceOfBroadcast(value)->op;
    if (op != nullptr && MaximumOfSum(*op) == causal.maximum) causal.sum = op->result();
  };
  for (const ir::Op* op : group.members) {
    for (const ir::Value* operand : op->operands) look_at(operand);
    for (const auto& result : op->results) look_at(result.get());
  }
  return causal;
}

bool IsZeroBeyondRow(const ir::Value* value, const CausalScores& causal) {
  const ir::Op* op = value->op;
  if (op == nullptr) return false;
  const auto is_zero = [&](int operand) { return IsZeroBeyondRow(op->operands[operand], causal); };
  switch (op->code) {
    case ir::OpCode::kExponential:
      return MaximumOfExponential(*op) == causal.maximum;
    case ir::OpCode::kConvert:
    case ir::OpCode::kNegate:
    case ir::OpCode::kReshape:
    case ir::OpCode::kDivide:
      return is_zero(0);
    case ir::OpCode::kMultiply:
      return is_zero(0) || is_zero(1);
    case ir::OpCode::kSelect:
      return is_zero(2) && (op->operands[0] == causal.masked->operands[0] || is_zero(1));
    case ir::OpCode::kConstant:
      return SplatNumber(value) == 0.0F;
    default:
      return false;
  }
}

}  // namespace dragoman::kernel
