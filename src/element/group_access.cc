// SPDX-License-Identifier: Apache-2.0
#include "element/group_access.h"

#include <algorithm>
#include <bit>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "element/elemental_ops.h"
#include "fusion/code_size.h"
#include "fusion/positions.h"
#include "ir/access.h"

namespace dragoman::kernel {
namespace {

// Needs no buffer even where the plan lists it as an input.
bool IsFreeConstant(const ir::Op& op) {
  if (op.code == ir::OpCode::kIota) return true;
  return op.code == ir::OpCode::kConstant &&
         (op.type().num_elements() == 1 || op.attributes.GetLiteral(ir::AttrKey::kValue).is_splat());
}

// The operand's element at the same linear index, or the only one that it has.
bool ReadsLinearly(const ir::Op& op, const ir::Value* operand) {
  const bool spreads = ir::IsElementwise(op.code) || op.code == ir::OpCode::kBroadcastInDim;
  return (spreads && operand->type.num_elements() == 1) || ir::KeepsLinearIndex(op, operand);
}

struct Visit {
  const ir::Value* value;
  LaneRule manner;
  fusion::Positions::Id at;
  auto operator<=>(const Visit&) const = default;
};
// Groups of fusion's have less; what is beyond counts as this much.
constexpr int kMaxCountedOps = 4096;

LaneRule Narrow(LaneRule manner, LaneRule rule) { return manner == LaneRule::kContiguous ? rule : manner; }

// The same in all lanes, as all operands but those in `varying` are.
bool IsUniform(const ir::Op& op, const std::unordered_map<const ir::Value*, int>& varying) {
  const bool spreads =
      ir::IsElementwise(op.code) || op.code == ir::OpCode::kConstant || op.code == ir::OpCode::kBroadcastInDim;
  return spreads && std::none_of(op.operands.begin(), op.operands.end(),
                                 [&](const ir::Value* operand) { return varying.contains(operand); });
}

// What `roots` need but for single elements, as Elemental computes it: operands first, and of these the last.
std::vector<const ir::Value*> InOrder(const Membership& membership, std::span<const ir::Value* const> roots) {
  std::unordered_set<const ir::Value*> seen;
  std::vector<const ir::Value*> order;
  std::vector<std::pair<const ir::Value*, size_t>> path;  // and how many operands are done
  const auto enter = [&](const ir::Value* value) {
    if (value->type.num_elements() > 1 && seen.insert(value).second) path.emplace_back(value, 0);
  };
  for (const ir::Value* root : roots) {
    enter(root);
    while (!path.empty()) {
      const ir::Value* value = path.back().first;
      const bool is_computed = membership.IsComputed(value);
      if (!is_computed || path.back().second == value->op->operands.size()) {
        order.push_back(value);
        path.pop_back();
      } else {
        enter(value->op->operands[value->op->operands.size() - ++path.back().second]);
      }
    }
  }
  return order;
}

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
  fusion::Positions positions;
  std::set<Visit> seen;
  std::set<std::pair<const ir::Value*, LaneRule>> loads;
  std::vector<Visit> pending;
  std::vector<fusion::Positions::Id> to;
  for (const ir::Value* root : roots) pending.push_back({root, LaneRule::kContiguous, fusion::Positions::kOwn});
  while (!pending.empty() && access.num_ops < kMaxCountedOps) {
    auto [v, manner, at] = pending.back();
    pending.pop_back();
    if (v->type.num_elements() == 1) manner = LaneRule::kUniform;
    if (known.contains(v) || !seen.insert({v, manner, at}).second) continue;
    if (!membership.IsComputed(v)) {
      if (!loads.insert({v, manner}).second) continue;
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
      const LaneRule next = is_data ? Narrow(manner, rule) : Narrow(manner, LaneRule::kUniform);
      to.clear();
      positions.Follow(op, static_cast<int>(i), at, to);
      for (const fusion::Positions::Id position : to) pending.push_back({op.operands[i], next, position});
    }
  }
  return access;
}

LaneCost CostOfLane(const fusion::Group& group, std::span<const ir::Value* const> roots) {
  const Membership membership(group);
  std::unordered_map<const ir::Value*, int> uses;  // of what differs from lane to lane
  std::vector<const ir::Value*> order;
  for (const ir::Value* value : InOrder(membership, roots)) {
    const bool is_computed = membership.IsComputed(value);
    if (is_computed && IsUniform(*value->op, uses)) continue;
    order.push_back(value);
    uses[value] = 0;
    if (!is_computed) continue;
    for (const ir::Value* operand : value->op->operands) {
      if (const auto found = uses.find(operand); found != uses.end()) ++found->second;
    }
  }
  LaneCost cost;
  int live = 0;
  for (const ir::Value* value : order) {
    cost.live = std::max(cost.live, ++live);
    const bool is_computed = membership.IsComputed(value);
    cost.code += is_computed ? fusion::CodeSize(*value->op) : fusion::kLoadSize;
    if (!is_computed) continue;
    for (const ir::Value* operand : value->op->operands) {
      const auto found = uses.find(operand);
      if (found != uses.end() && --found->second == 0) --live;
    }
  }
  return cost;
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
    for (const ir::Value* operand : op.operands) {
      if (!ReadsLinearly(op, operand)) return false;
      pending.push_back(operand);
    }
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
