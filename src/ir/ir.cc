// SPDX-License-Identifier: Apache-2.0
#include "ir/ir.h"

#include "base/format.h"

namespace dragoman::ir {

Value* Block::AddArgument(TensorType type) {
  auto value = std::make_unique<Value>();
  value->type = std::move(type);
  value->block = this;
  value->index = static_cast<int>(arguments.size());
  arguments.push_back(std::move(value));
  return arguments.back().get();
}

Op* Block::Insert(size_t at, OpCode code, std::vector<Value*> operands, std::vector<TensorType> result_types,
                  Attributes attributes) {
  auto op = std::make_unique<Op>();
  op->code = code;
  op->operands = std::move(operands);
  op->attributes = std::move(attributes);
  op->parent = this;
  for (size_t i = 0; i < result_types.size(); ++i) {
    auto value = std::make_unique<Value>();
    value->type = std::move(result_types[i]);
    value->op = op.get();
    value->index = static_cast<int>(i);
    op->results.push_back(std::move(value));
  }
  return ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(at), std::move(op))->get();
}

Op* Block::Append(OpCode code, std::vector<Value*> operands, std::vector<TensorType> result_types,
                  Attributes attributes) {
  return Insert(ops.size(), code, std::move(operands), std::move(result_types), std::move(attributes));
}

Block* Block::AddRegion(Op* op) {
  op->regions.push_back(std::make_unique<Block>());
  op->regions.back()->parent_op = op;
  return op->regions.back().get();
}

Function* Module::Find(std::string_view wanted) const {
  for (const auto& function : functions) {
    if (function->name == wanted) return function.get();
  }
  return nullptr;
}

std::string Module::Where(const Op& op) const {
  if (locations == nullptr || op.location == 0) return "";
  const std::string place = locations->Describe(op.location);
  return place.empty() ? "" : Format(" At {}.", place);
}

void ReplaceUses(Block& block, const std::unordered_map<const Value*, Value*>& replacements) {
  if (replacements.empty()) return;
  Walk(block, [&](Op* op) {
    for (Value*& operand : op->operands) {
      for (auto found = replacements.find(operand); found != replacements.end() && found->second != operand;
           found = replacements.find(operand)) {
        operand = found->second;
      }
    }
  });
}

std::unordered_map<const Value*, int> CountUses(const Block& block) {
  std::unordered_map<const Value*, int> uses;
  Walk(block, [&](Op* op) {
    for (const Value* operand : op->operands) ++uses[operand];
  });
  return uses;
}

namespace {

Value* Mapped(Value* value, const std::unordered_map<const Value*, Value*>& mapping) {
  const auto found = mapping.find(value);
  return found == mapping.end() ? value : found->second;
}

}  // namespace

std::unique_ptr<Op> CloneOp(const Op& op, std::unordered_map<const Value*, Value*>& mapping) {
  auto copy = std::make_unique<Op>();
  copy->code = op.code;
  copy->attributes = op.attributes;
  copy->location = op.location;
  for (Value* operand : op.operands) copy->operands.push_back(Mapped(operand, mapping));
  for (const auto& result : op.results) {
    auto value = std::make_unique<Value>(*result);
    value->op = copy.get();
    mapping[result.get()] = value.get();
    copy->results.push_back(std::move(value));
  }
  for (const auto& region : op.regions) {
    auto block = std::make_unique<Block>();
    block->parent_op = copy.get();
    for (const auto& argument : region->arguments) mapping[argument.get()] = block->AddArgument(argument->type);
    for (const auto& inner : region->ops) {
      auto inner_copy = CloneOp(*inner, mapping);
      inner_copy->parent = block.get();
      block->ops.push_back(std::move(inner_copy));
    }
    copy->regions.push_back(std::move(block));
  }
  return copy;
}

std::vector<Value*> CloneInto(const Block& from, Block& to, size_t at,
                              std::unordered_map<const Value*, Value*>& mapping) {
  std::vector<std::unique_ptr<Op>> copies;
  for (size_t i = 0; i + 1 < from.ops.size(); ++i) {
    copies.push_back(CloneOp(*from.ops[i], mapping));
    copies.back()->parent = &to;
  }
  to.ops.insert(to.ops.begin() + static_cast<std::ptrdiff_t>(at), std::make_move_iterator(copies.begin()),
                std::make_move_iterator(copies.end()));
  std::vector<Value*> results;
  for (Value* operand : from.terminator()->operands) results.push_back(Mapped(operand, mapping));
  return results;
}

}  // namespace dragoman::ir
