// SPDX-License-Identifier: Apache-2.0
#include "passes/remove_identities.h"

#include <algorithm>
#include <numeric>

#include "ir/collectives.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

bool CountsUp(const std::vector<int64_t>& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

bool ReversesNothing(const Op& op) {
  const auto& dimensions = op.attributes.Ints(AttrKey::kDimensions);
  return std::all_of(dimensions.begin(), dimensions.end(), [&op](int64_t d) { return op.type().dims[d] <= 1; });
}

bool PadsNothing(const Op& op) {
  return AllAre(op.attributes.Ints(AttrKey::kEdgePaddingLow), 0) &&
         AllAre(op.attributes.Ints(AttrKey::kEdgePaddingHigh), 0) && op.type() == op.operands[0]->type;
}

bool KeepsType(const Op& op) { return op.operands[0]->type == op.type(); }

// When each says that the op gives back operand 0. A transpose that only moves dimensions of extent 1 keeps the order
// of elements, but it is a reshape, not an identity.
constexpr struct {
  OpCode code;
  bool (*is_identity)(const Op& op);
} kIdentities[] = {
    {OpCode::kConvert, KeepsType},
    {OpCode::kBitcastConvert, KeepsType},
    {OpCode::kReshape, KeepsType},
    {OpCode::kSlice, KeepsType},
    {OpCode::kDynamicSlice, KeepsType},
    {OpCode::kBroadcastInDim,
     [](const Op& op) { return KeepsType(op) && CountsUp(op.attributes.Ints(AttrKey::kBroadcastDimensions)); }},
    {OpCode::kTranspose, [](const Op& op) { return CountsUp(op.attributes.Ints(AttrKey::kPermutation)); }},
    {OpCode::kReverse, ReversesNothing},
    {OpCode::kConcatenate, [](const Op& op) { return op.operands.size() == 1; }},
    {OpCode::kPad, PadsNothing},
};

bool IsIdentity(const Op& op) {
  return std::any_of(std::begin(kIdentities), std::end(kIdentities),
                     [&op](const auto& row) { return row.code == op.code && row.is_identity(op); });
}

StatusOr<Replacement> RemoveIdentity(Op& op, RewriteContext& context) {
  if (op.code == OpCode::kOptimizationBarrier) return Replacement(op.operands);
  if (op.code == OpCode::kCustomCall) {
    const bool is_mark = context.module.num_partitions == 1 && ir::IsPartitioningMark(op);
    return is_mark ? ReplaceWith(op.operands[0]) : Replacement();
  }
  // The update covers all; the indices are clamped to 0.
  if (op.code == OpCode::kDynamicUpdateSlice && op.operands[1]->type == op.type()) return ReplaceWith(op.operands[1]);
  if (IsIdentity(op)) return ReplaceWith(op.operands[0]);
  return Replacement();
}

}  // namespace

StatusOr<PassResult> RemoveIdentities(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, RemoveIdentity));
  return PassResult{changed};
}

}  // namespace dragoman::passes
