// SPDX-License-Identifier: Apache-2.0
#include "passes/sink_cheap_values.h"

#include <unordered_map>
#include <unordered_set>

#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

bool IsCheapToRepeat(const Op& op) {
  if (op.code == OpCode::kIota) return true;
  if (op.code == OpCode::kConstant) {
    return op.attributes.GetLiteral(AttrKey::kValue).bytes().size() == static_cast<size_t>(SizeBytes(op.type().dtype));
  }
  return op.code == OpCode::kBroadcastInDim && op.operands[0]->type.num_elements() < op.type().num_elements();
}

class Sinking {
 public:
  bool Run(ir::Function& function) {
    VisitBlock(function.body);
    return changed_;
  }

 private:
  // From outside to inside: what a branch copied, a loop inside of it copies again.
  void VisitBlock(Block& block) {
    for (const auto& op : block.ops) {
      const bool is_control = op->code == OpCode::kWhile || op->code == OpCode::kCase;
      for (const auto& region : op->regions) {
        if (is_control) SinkInto(*region);
        VisitBlock(*region);
      }
    }
  }

  void SinkInto(Block& region) {
    inside_.clear();
    copies_.clear();
    fresh_.clear();
    ir::Walk(region, [this](const Op* op) {
      for (const auto& result : op->results) inside_.insert(result.get());
    });
    ir::Walk(region, [&](Op* op) {
      for (Value*& operand : op->operands) operand = Sunk(operand, region);
    });
    changed_ |= !fresh_.empty();
    region.ops.insert(region.ops.begin(), std::make_move_iterator(fresh_.begin()),
                      std::make_move_iterator(fresh_.end()));
  }

  Value* Sunk(Value* value, Block& region) {
    if (value->op == nullptr || inside_.contains(value) || !IsCheapToRepeat(*value->op)) return value;
    if (const auto found = copies_.find(value); found != copies_.end()) return found->second;
    std::unordered_map<const Value*, Value*> mapping;
    for (Value* operand : value->op->operands) mapping[operand] = Sunk(operand, region);
    fresh_.push_back(ir::CloneOp(*value->op, mapping));
    fresh_.back()->parent = &region;
    Value* copy = fresh_.back()->result();
    inside_.insert(copy);
    copies_[value] = copy;
    return copy;
  }

  std::unordered_set<const Value*> inside_;
  std::unordered_map<const Value*, Value*> copies_;
  std::vector<std::unique_ptr<Op>> fresh_;
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> SinkCheapValues(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<Sinking>(module);
}

}  // namespace dragoman::passes
