// SPDX-License-Identifier: Apache-2.0
#include "fusion/code_size.h"

#include <set>

namespace dragoman::fusion {
namespace {

using ir::OpCode;

struct SizeRow {
  OpCode code;
  int real;  // integers too
  int complex;
};
// Words of SPIR-V / 8, of the larger of f32 and f64; ops that are not listed have 1, complex ones 4.
constexpr SizeRow kSizes[] = {
    {OpCode::kAbs, 1, 25},           {OpCode::kAtan2, 38, 190},
    {OpCode::kBroadcastInDim, 1, 1}, {OpCode::kCbrt, 31, 280},
    {OpCode::kClamp, 5, 9},          {OpCode::kConstant, 0, 0},
    {OpCode::kConvert, 3, 3},        {OpCode::kCosine, 82, 210},
    {OpCode::kDivide, 4, 11},        {OpCode::kDynamicSlice, 4, 4},
    {OpCode::kErf, 90, 90},          {OpCode::kErfc, 70, 70},
    {OpCode::kExponential, 25, 176}, {OpCode::kExponentialMinusOne, 27, 280},
    {OpCode::kGather, 6, 6},         {OpCode::kLog, 42, 135},
    {OpCode::kLogistic, 27, 200},    {OpCode::kLogPlusOne, 46, 190},
    {OpCode::kMaximum, 3, 5},        {OpCode::kMinimum, 3, 5},
    {OpCode::kMultiply, 1, 6},       {OpCode::kPad, 5, 5},
    {OpCode::kPower, 110, 280},      {OpCode::kReducePrecision, 12, 12},
    {OpCode::kRemainder, 24, 24},    {OpCode::kReshape, 2, 2},
    {OpCode::kReverse, 4, 4},        {OpCode::kRoundNearestAfz, 7, 7},
    {OpCode::kRsqrt, 5, 48},         {OpCode::kSelect, 1, 2},
    {OpCode::kSign, 3, 18},          {OpCode::kSine, 82, 210},
    {OpCode::kSlice, 3, 3},          {OpCode::kSqrt, 1, 25},
    {OpCode::kTan, 82, 290},         {OpCode::kTanh, 34, 290},
    {OpCode::kTranspose, 2, 2},
};
constexpr int kComplexSize = 4;
constexpr int kPartSize = 4;  // of a concatenation
// Rounding to types that only memory has, after every operation.
constexpr int kRoundingSize = 6;

int SizeOfCode(const ir::Op& op, bool is_complex) {
  for (const SizeRow& row : kSizes) {
    if (row.code == op.code) return is_complex ? row.complex : row.real;
  }
  return is_complex ? kComplexSize : 1;
}

}  // namespace

int CodeSize(const ir::Op& op) {
  if (op.code == OpCode::kConcatenate) return kPartSize * static_cast<int>(op.operands.size());
  if (op.operands.empty() || op.results.empty()) return SizeOfCode(op, false);
  const DType dtype = op.operands.back()->type.dtype;
  const bool rounds = ir::IsElementwise(op.code) && IsFloat(op.type().dtype) && SizeBytes(op.type().dtype) < 4;
  return SizeOfCode(op, IsComplex(dtype)) + (rounds ? kRoundingSize : 0);
}

int64_t CodeSize(std::span<const ir::Op* const> roots, const std::function<bool(const ir::Value*)>& is_computed,
                 Positions& positions) {
  using Visit = std::pair<const ir::Op*, Positions::Id>;
  std::set<Visit> seen;
  std::set<std::pair<const ir::Value*, Positions::Id>> loads;
  std::vector<Visit> pending;
  for (const ir::Op* root : roots) pending.emplace_back(root, Positions::kOwn);
  int64_t size = 0;
  std::vector<Positions::Id> to;
  while (!pending.empty() && size <= kMaxCodeSize) {
    const auto [op, at] = pending.back();
    pending.pop_back();
    if (!seen.emplace(op, at).second) continue;
    size += CodeSize(*op);
    for (size_t i = 0; i < op->operands.size(); ++i) {
      const ir::Value* operand = op->operands[i];
      to.clear();
      positions.Follow(*op, static_cast<int>(i), at, to);
      for (const Positions::Id position : to) {
        if (is_computed(operand)) {
          pending.emplace_back(operand->op, position);
        } else if (loads.emplace(operand, position).second) {
          size += kLoadSize;
        }
      }
    }
  }
  return size;
}

}  // namespace dragoman::fusion
