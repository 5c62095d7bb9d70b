// SPDX-License-Identifier: Apache-2.0
#include "fusion/classify.h"

#include <algorithm>

#include "fusion/product_operand.h"
#include "fusion/update.h"

namespace dragoman::fusion {

using ir::OpCode;
using ir::OpKind;

bool IsElemental(const ir::Op& op) {
  switch (ir::Info(op.code).kind) {
    case OpKind::kElementwise:
    case OpKind::kMovement:
      return true;
    case OpKind::kData:
      return !IsMemoryConstant(op);
    case OpKind::kIndexing:
      return op.code == OpCode::kDynamicSlice || op.code == OpCode::kGather;
    case OpKind::kReduction:
    case OpKind::kContraction:
    case OpKind::kLinalg:
    case OpKind::kControl:
    case OpKind::kRandom:
    case OpKind::kCollective:
    case OpKind::kEffect:
      return false;
  }
  return false;
}

bool IsInlineConstant(const ir::Op& op) {
  if (op.code != OpCode::kConstant) return false;
  const ir::Literal& literal = op.attributes.GetLiteral(ir::AttrKey::kValue);
  return literal.is_splat() || literal.type().num_elements() <= 1;
}

bool IsMemoryConstant(const ir::Op& op) { return op.code == OpCode::kConstant && !IsInlineConstant(op); }

namespace {

struct KindRow {
  OpCode code;
  GroupKind kind;
};
constexpr KindRow kKinds[] = {
    {OpCode::kReduce, GroupKind::kReduce},
    {OpCode::kDotGeneral, GroupKind::kDot},
    {OpCode::kConvolution, GroupKind::kConvolution},
    {OpCode::kReduceWindow, GroupKind::kReduceWindow},
    {OpCode::kSelectAndScatter, GroupKind::kSelectAndScatter},
    {OpCode::kScan, GroupKind::kScan},
    {OpCode::kSort, GroupKind::kSort},
    {OpCode::kScatter, GroupKind::kScatter},
    {OpCode::kDynamicUpdateSlice, GroupKind::kDynamicUpdateSlice},
    {OpCode::kCholesky, GroupKind::kCholesky},
    {OpCode::kTriangularSolve, GroupKind::kTriangularSolve},
    {OpCode::kFourier, GroupKind::kFourier},
    {OpCode::kJacobiRotations, GroupKind::kPanel},
    {OpCode::kRotateBlocks, GroupKind::kPanel},
    {OpCode::kLuPanel, GroupKind::kPanel},
    {OpCode::kQrPanel, GroupKind::kPanel},
    {OpCode::kLuUpdate, GroupKind::kPanel},
    {OpCode::kCholeskyPanel, GroupKind::kPanel},
    {OpCode::kWhile, GroupKind::kWhile},
    {OpCode::kCase, GroupKind::kCase},
    {OpCode::kSend, GroupKind::kHostTransfer},
    {OpCode::kRecv, GroupKind::kHostTransfer},
    {OpCode::kCreateToken, GroupKind::kHostTransfer},
    {OpCode::kAfterAll, GroupKind::kHostTransfer},
};

struct CostRow {
  OpCode code;
  int cost;
};
constexpr CostRow kCosts[] = {
    {OpCode::kDivide, 3},       {OpCode::kRemainder, 6},
    {OpCode::kExponential, 8},  {OpCode::kExponentialMinusOne, 12},
    {OpCode::kLog, 10},         {OpCode::kLogPlusOne, 12},
    {OpCode::kLogistic, 12},    {OpCode::kPower, 24},
    {OpCode::kTanh, 14},        {OpCode::kSine, 16},
    {OpCode::kCosine, 16},      {OpCode::kTan, 20},
    {OpCode::kAtan2, 20},       {OpCode::kCbrt, 16},
    {OpCode::kSqrt, 3},         {OpCode::kRsqrt, 3},
    {OpCode::kErf, 20},         {OpCode::kErfc, 24},
    {OpCode::kConstant, 0},     {OpCode::kBroadcastInDim, 0},
    {OpCode::kReshape, 0},      {OpCode::kGather, 4},
    {OpCode::kConcatenate, 3},  {OpCode::kPad, 3},
    {OpCode::kDynamicSlice, 2},
};

}  // namespace

GroupKind KindOf(const ir::Op& op) {
  for (const KindRow& row : kKinds) {
    if (row.code == op.code) return row.kind;
  }
  return GroupKind::kLoop;
}

int ElementCost(const ir::Op& op) {
  for (const CostRow& row : kCosts) {
    if (row.code == op.code) return row.cost;
  }
  return 1;
}

bool CanComputeOperandInPlace(const ir::Op& user, int operand) {
  const ir::Op* producer = user.operands[operand]->op;
  if (producer != nullptr && IsInlineConstant(*producer) && user.code != OpCode::kWhile && user.code != OpCode::kCase &&
      user.code != OpCode::kReturn && user.code != OpCode::kSend) {
    // In-place ops start from what their operand's memory holds.
    return !(IsUpdate(user) && operand < static_cast<int>(user.results.size())) && user.code != OpCode::kSort &&
           !IsProduct(user);
  }
  if (IsElemental(user)) return true;
  if (IsProduct(user)) return producer != nullptr && IsOnTheWay(*producer);
  if (user.code == OpCode::kReduce) return true;
  if (IsUpdate(user)) return TakesUpdatesInPlace(user) && operand >= static_cast<int>(user.results.size());
  if (user.code == OpCode::kFourier) return operand == 0;
  // What a panel is cut out of a matrix by.
  const bool is_panel =
      user.code == OpCode::kLuPanel || user.code == OpCode::kQrPanel || user.code == OpCode::kCholeskyPanel;
  if (is_panel || user.code == OpCode::kTriangularSolve) return true;
  return false;
}

int64_t Expansion(const ir::Op& op) {
  if (op.operands.empty() || op.results.empty()) return 1;
  const int64_t from = std::max<int64_t>(1, op.operands[0]->type.num_elements());
  return std::max<int64_t>(1, op.type().num_elements() / from);
}

}  // namespace dragoman::fusion
