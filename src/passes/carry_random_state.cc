// SPDX-License-Identifier: Apache-2.0
#include "passes/carry_random_state.h"

#include <unordered_map>

#include "passes/names.h"
#include "passes/random_draws.h"

namespace dragoman::passes {
namespace {

using ir::Function;
using ir::Module;

const TensorType& StateType() {
  static const TensorType type{DType::kU64, {2}};
  return type;
}

class StateCarrier {
 public:
  explicit StateCarrier(Module& module) : module_(module) {
    for (const auto& function : module.functions) Draws(*function);
  }

  StatusOr<bool> Run() {
    if (!Draws(*module_.main())) return false;
    for (const auto& function : module_.functions) {
      if (!Draws(*function)) continue;
      Value* state = function->body.AddArgument(StateType());
      RETURN_IF_ERROR(Rewrite(function->body, state));
      const bool is_main = function.get() == module_.main();
      function->parameters.push_back({.is_random_seed = is_main});
      if (!is_main) function->body.terminator()->operands.push_back(state);
      ir::ReplaceUses(function->body, replacements_);
    }
    return true;
  }

 private:
  bool Draws(const Function& function) {
    const auto [entry, is_new] = draws_.try_emplace(&function, false);  // in a circle of calls: not by those
    if (!is_new) return entry->second;
    const bool draws = Draws(function.body);
    draws_[&function] = draws;
    return draws;
  }
  bool Draws(const Block& block) {
    bool draws = false;
    ir::Walk(block, [&](const Op* op) { draws = draws || op->code == OpCode::kRng || CallsWhatDraws(*op); });
    return draws;
  }
  bool CallsWhatDraws(const Op& op) {
    if (op.code != OpCode::kCall && op.code != OpCode::kComposite) return false;
    const Function* callee =
        module_.Find(op.attributes.Text(op.code == OpCode::kCall ? AttrKey::kCallee : AttrKey::kDecomposition));
    return callee != nullptr && Draws(*callee);
  }
  bool Draws(const Op& op) {
    bool draws = op.code == OpCode::kRng || CallsWhatDraws(op);
    for (const auto& region : op.regions) draws = draws || Draws(*region);
    return draws;
  }

  // `state`: before the block, then after it.
  Status Rewrite(Block& block, Value*& state) {
    std::vector<std::unique_ptr<Op>> old_ops = std::move(block.ops);
    block.ops.clear();
    for (auto& op : old_ops) {
      if (!Draws(*op)) {
        block.ops.push_back(std::move(op));
        continue;
      }
      RETURN_IF_ERROR(Replace(*op, block, state));
      dropped_.push_back(std::move(op));
    }
    return OkStatus();
  }

  Status Replace(Op& op, Block& block, Value*& state) {
    Builder builder(block);
    if (op.code == OpCode::kRng) {
      StatusOr<Draw> draw = WriteDraw(op, state, builder);
      if (!draw.ok()) return Unimplemented(draw.status().message() + module_.Where(op));
      replacements_[op.result()] = draw->value;
      state = draw->state;
      return OkStatus();
    }
    const bool is_loop = op.code == OpCode::kWhile;
    if (!is_loop && op.code != OpCode::kCase && !CallsWhatDraws(op)) return Refuse(op);
    if (is_loop && Draws(*op.regions[0])) return Refuse(op);
    std::vector<Value*> operands = op.operands;
    if (op.code != OpCode::kCase) operands.push_back(state);
    std::vector<TensorType> types;
    for (const auto& result : op.results) types.push_back(result->type);
    types.push_back(StateType());
    Op* carrying = builder.MakeTyped(op.code, std::move(operands), std::move(types), op.attributes);
    carrying->location = op.location;
    for (auto& region : op.regions) {
      Value* inner = is_loop ? region->AddArgument(StateType()) : state;
      RETURN_IF_ERROR(Rewrite(*region, inner));
      const bool is_condition = is_loop && &region == &op.regions[0];
      if (!is_condition) region->terminator()->operands.push_back(inner);
      region->parent_op = carrying;
      carrying->regions.push_back(std::move(region));
    }
    const auto last = static_cast<int>(op.results.size());
    for (int i = 0; i < last; ++i) replacements_[op.result(i)] = carrying->result(i);
    state = carrying->result(last);
    return OkStatus();
  }

  Status Refuse(const Op& op) const {
    return Unimplemented("The operation rng is not supported inside of " + std::string(ir::Info(op.code).name) +
                         (op.code == OpCode::kWhile ? "'s condition." : ".") + module_.Where(op));
  }

  Module& module_;
  std::unordered_map<const Function*, bool> draws_;
  std::unordered_map<const Value*, Value*> replacements_;
  std::vector<std::unique_ptr<Op>> dropped_;  // until the end, so that no new value takes their address
};

}  // namespace

StatusOr<PassResult> CarryRandomState(Module& module, const target::CompileContext&) {
  if (module.main() == nullptr) return InvalidArgument("The program has no function main.");
  ASSIGN_OR_RETURN(const bool changed, StateCarrier(module).Run());
  return PassResult{changed};
}

}  // namespace dragoman::passes
