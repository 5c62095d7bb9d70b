// SPDX-License-Identifier: Apache-2.0
#include "fusion/operand_rows.h"

#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/arithmetic.h"
#include "fusion/access.h"
#include "fusion/classify.h"
#include "fusion/code_size.h"
#include "ir/access.h"

namespace dragoman::fusion {
namespace {

using ir::OpCode;

constexpr int64_t kMostRows = 8;  // of which products share no tiles
constexpr int64_t kLeastOthers = 64;
constexpr int64_t kLeastColumns = 64;
constexpr int64_t kRun = 4;  // elements that an invocation computes at once
constexpr int64_t kMostSharedBytes = 32768;
constexpr int kMostReduces = 2;  // whose sums meet in kBytesBesideRows
constexpr int64_t kMostCode = 100;
constexpr size_t kMostReads = 8;
// What computing the rows again may take a compute unit, in cycles: about as long as a dispatch is waited for.
constexpr int64_t kMostCycles = 2000;
constexpr int64_t kLanes = 128;
constexpr int64_t kColumnsOfWorkgroup = 32;

bool IsPlainFloat(DType dtype) { return IsFloat(dtype) && SizeBytes(dtype) >= 2 && SizeBytes(dtype) <= 4; }

// A sum, product, minimum or maximum, in any order.
bool IsPlainReduce(const ir::Op& op) {
  if (op.code != OpCode::kReduce || op.results.size() != 1 || op.regions.size() != 1) return false;
  const ir::Block& block = *op.regions[0];
  if (block.ops.size() != 2 || !IsPlainFloat(op.type().dtype)) return false;
  const ir::Op& combine = *block.ops[0];
  constexpr OpCode kKnown[] = {OpCode::kAdd, OpCode::kMultiply, OpCode::kMaximum, OpCode::kMinimum};
  const bool is_known = std::ranges::find(kKnown, combine.code) != std::end(kKnown);
  const ir::Op* init = op.operands[1]->op;
  return is_known && combine.operands[0] == block.arguments[0].get() &&
         combine.operands[1] == block.arguments[1].get() && init != nullptr && IsInlineConstant(*init);
}

class RowsSearch {
 public:
  RowsSearch(const Graph& graph, int head, const target::DeviceProfile& profile)
      : graph_(graph), head_(head), profile_(profile) {}

  std::vector<int> Find() {
    if (!SetShape()) return {};
    Grow();
    const bool has_reduces = num_reduces_ > 0 && num_reduces_ <= kMostReduces;
    return has_reduces && StaysInRows() && IsWorthIt() ? positions_ : std::vector<int>();
  }

 private:
  // All users are products of the head's few rows with many.
  bool SetShape() {
    const Node& node = graph_.node(head_);
    const TensorType& type = node.op->type();
    if (!node.is_elemental || node.is_result || node.uses.empty() || type.rank() == 0) return false;
    if (!IsPlainFloat(type.dtype)) return false;
    shape_ = {type.num_elements() / std::max<int64_t>(type.dims.back(), 1), type.dims.back()};
    const int64_t bytes = type.num_elements() * 4;
    const bool fits = bytes <= kMostSharedBytes && bytes + kBytesBesideRows <= profile_.shared_memory_bytes;
    if (shape_.rows > kMostRows || shape_.cols < kLeastColumns || shape_.cols % kRun != 0 || !fits) return false;
    return std::ranges::all_of(node.uses, [&](const Use& use) { return TakesRows(use); });
  }

  bool TakesRows(const Use& use) {
    const ir::Op& dot = *graph_.node(use.user).op;
    if (dot.code != OpCode::kDotGeneral || use.operand < 0) return false;
    const bool is_left = use.operand == 0;
    const auto& contracting =
        dot.attributes.Ints(is_left ? ir::AttrKey::kLhsContractingDimensions : ir::AttrKey::kRhsContractingDimensions);
    const ir::Value& other = *dot.operands[is_left ? 1 : 0];
    if (!dot.attributes.Ints(ir::AttrKey::kLhsBatchingDimensions).empty()) return false;
    if (contracting.size() != 1 || contracting[0] != graph_.node(head_).op->type().rank() - 1) return false;
    if (!IsPlainFloat(other.type.dtype) || !IsPlainFloat(dot.type().dtype)) return false;
    const int64_t others = dot.type().num_elements() / shape_.rows;
    most_others_ = std::max(most_others_, others);
    return others >= kLeastOthers;
  }

  bool IsMember(int position) const {
    const Node& node = graph_.node(position);
    if (IsInlineConstant(*node.op)) return true;
    if (node.is_result || !(node.is_elemental || IsRowReduce(*node.op))) return false;
    return position == head_ || std::ranges::all_of(node.uses, [&](const Use& use) {
             return use.operand >= 0 && members_.contains(use.user);
           });
  }

  bool IsRowReduce(const ir::Op& op) const { return IsPlainReduce(op) && RowShapeOfReduce(op) == shape_; }

  // From the last op to the first: users come before what they read.
  void Grow() {
    std::priority_queue<int> next;
    next.push(head_);
    while (!next.empty()) {
      const int position = next.top();
      next.pop();
      if (members_.contains(position) || !IsMember(position)) continue;
      members_.insert(position);
      positions_.push_back(position);
      num_reduces_ += graph_.node(position).op->code == OpCode::kReduce ? 1 : 0;
      for (const ir::Value* value : graph_.node(position).reads) {
        const int producer = graph_.PositionOf(value);
        if (producer >= 0) next.push(producer);
      }
    }
  }

  // What is made of a row's reductions belongs to that row.
  bool StaysInRows() const {
    std::unordered_set<const ir::Value*> dependent;
    for (auto position = positions_.rbegin(); position != positions_.rend(); ++position) {
      const ir::Op& op = *graph_.node(*position).op;
      bool depends = op.code == OpCode::kReduce;
      for (const ir::Value* operand : op.operands) {
        if (!dependent.contains(operand)) continue;
        depends = true;
        if (op.code == OpCode::kReduce || IsRowBroadcast(op, shape_)) continue;
        const bool keeps_place = shape_.IsFull(op.type()) || shape_.IsRow(op.type());
        if (!ir::KeepsLinearIndex(op, operand) || !keeps_place) return false;
      }
      if (depends) dependent.insert(op.result());
    }
    return true;
  }

  bool IsWorthIt() const {
    int64_t code = 0, cost = 0;
    std::unordered_set<const ir::Value*> reads;
    for (const int position : positions_) {
      const Node& node = graph_.node(position);
      code += CodeSize(*node.op);
      if (shape_.IsFull(node.op->type())) cost += ElementCost(*node.op);
      for (const ir::Value* value : node.reads) {
        const int producer = graph_.PositionOf(value);
        if (producer < 0 || !members_.contains(producer)) reads.insert(value);
      }
    }
    if (code > kMostCode || reads.size() > kMostReads) return false;
    const int64_t units = std::max(profile_.compute_units, 1);
    const int64_t times = CeilDiv(most_others_, kColumnsOfWorkgroup * units);
    return shape_.rows * shape_.cols * cost / kLanes * times <= kMostCycles;
  }

  const Graph& graph_;
  const int head_;
  const target::DeviceProfile& profile_;
  RowShape shape_;
  int64_t most_others_ = 0;
  int num_reduces_ = 0;
  std::unordered_set<int> members_;
  std::vector<int> positions_;  // descending
};

}  // namespace

std::vector<int> FindOperandRows(const Graph& graph, int head, const target::DeviceProfile& profile) {
  if (profile.unrolling_is_costly) return {};
  return RowsSearch(graph, head, profile).Find();
}

bool IsComputedByRows(const Group& group, const ir::Value* operand) {
  const std::unordered_set<const ir::Op*> members(group.members.begin(), group.members.end());
  std::unordered_set<const ir::Op*> seen;
  std::vector<const ir::Op*> stack = {operand->op};
  while (!stack.empty()) {
    const ir::Op* op = stack.back();
    stack.pop_back();
    if (op == nullptr || !members.contains(op) || !seen.insert(op).second) continue;
    if (op->code == OpCode::kReduce) return true;
    for (const ir::Value* value : op->operands) stack.push_back(value->op);
  }
  return false;
}

}  // namespace dragoman::fusion
