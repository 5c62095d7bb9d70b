// SPDX-License-Identifier: Apache-2.0
#include "kernel/group_access.h"

#include <algorithm>
#include <bit>
#include <set>

#include "kernel/elemental_ops.h"

namespace dragoman::kernel {
namespace {

// Needs no buffer even where the plan lists it as an input.
bool IsFreeConstant(const ir::Op& op) {
  if (op.code == ir::OpCode::kIota) return true;
  return op.code == ir::OpCode::kConstant &&
         (op.type().num_elements() == 1 || op.attributes.GetLiteral(ir::AttrKey::kValue).is_splat());
}

bool KeepsShape(const ir::Op& op) {
  return op.code == ir::OpCode::kBitcastConvert && op.operands[0]->type.dims == op.type().dims;
}

bool OnlyAddsUnitDims(const ir::Op& op) {
  const std::vector<int64_t>& dimensions = op.attributes.Ints(ir::AttrKey::kBroadcastDimensions);
  return op.operands[0]->type.num_elements() == op.type().num_elements() &&
         std::is_sorted(dimensions.begin(), dimensions.end());
}

struct Visit {
  const ir::Value* value;
  LaneRule manner;
};

LaneRule Narrow(LaneRule manner, LaneRule rule) { return manner == LaneRule::kContiguous ? rule : manner; }

}  // namespace

Membership::Membership(const fusion::Group& group)
    : members_(group.members.begin(), group.members.end()), inputs_(group.inputs.begin(), group.inputs.end()) {}

bool Membership::IsComputed(const ir::Value* v) const {
  if (v->op == nullptr) return false;
  if (IsFreeConstant(*v->op)) return true;
  if (inputs_.contains(v)) return false;
  return members_.contains(v->op) || (v->op->code == ir::OpCode::kConstant && IsInlineConstant(*v->op));
}

LaneAccess AnalyzeLanes(const fusion::Group& group, std::span<const ir::Value* const> roots, int lanes,
                        const std::unordered_set<const ir::Value*>& known) {
  const Membership membership(group);
  LaneAccess access;
  std::set<std::pair<const ir::Value*, LaneRule>> seen;
  std::vector<Visit> pending;
  for (const ir::Value* root : roots) pending.push_back({root, LaneRule::kContiguous});
  while (!pending.empty()) {
    auto [v, manner] = pending.back();
    pending.pop_back();
    if (v->type.num_elements() == 1) manner = LaneRule::kUniform;
    if (known.contains(v) || !seen.insert({v, manner}).second) continue;
    if (!membership.IsComputed(v)) {
      access.contiguous += manner == LaneRule::kContiguous;
      access.uniform += manner == LaneRule::kUniform;
      access.separate += manner == LaneRule::kSeparate;
      continue;
    }
    ++access.num_ops;
    const ir::Op& op = *v->op;
    const ElementalRow* row = FindElementalRow(op.code);
    const LaneRule rule =
        row == nullptr || manner != LaneRule::kContiguous ? LaneRule::kContiguous : row->lane_rule(op, lanes);
    for (size_t i = 0; i < op.operands.size(); ++i) {
      const bool is_data = i == 0 || row == nullptr || op.code == ir::OpCode::kConcatenate;
      pending.push_back({op.operands[i], is_data ? Narrow(manner, rule) : Narrow(manner, LaneRule::kUniform)});
    }
  }
  return access;
}

bool IsLinearAccess(const fusion::Group& group, std::span<const ir::Value* const> roots) {
  const Membership membership(group);
  std::unordered_set<const ir::Value*> seen;
  std::vector<const ir::Value*> pending(roots.begin(), roots.end());
  while (!pending.empty()) {
    const ir::Value* v = pending.back();
    pending.pop_back();
    if (v->type.num_elements() == 1 || !seen.insert(v).second || !membership.IsComputed(v)) continue;
    const ir::Op& op = *v->op;
    if (op.code == ir::OpCode::kConstant) continue;
    if (op.code == ir::OpCode::kIota) {
      if (op.type().dims[op.attributes.Int(ir::AttrKey::kIotaDimension)] != op.type().num_elements()) return false;
      continue;
    }
    const bool is_linear =
        ir::IsElementwise(op.code) || op.code == ir::OpCode::kReshape || op.code == ir::OpCode::kOptimizationBarrier ||
        KeepsShape(op) ||
        (op.code == ir::OpCode::kBroadcastInDim && (op.operands[0]->type.num_elements() == 1 || OnlyAddsUnitDims(op)));
    if (!is_linear) return false;
    pending.insert(pending.end(), op.operands.begin(), op.operands.end());
  }
  return true;
}

int PreferredLanes(const fusion::Group& group, int vector_bytes) {
  int widest = 1;
  for (const ir::Value* output : group.outputs) widest = std::max(widest, SizeBytes(output->type.dtype));
  for (const ir::Value* input : group.inputs) {
    if (input->type.num_elements() > 1) widest = std::max(widest, SizeBytes(input->type.dtype));
  }
  const int lanes = std::clamp(vector_bytes / widest, 1, kMaxLanes);
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(lanes)));
}

}  // namespace dragoman::kernel
