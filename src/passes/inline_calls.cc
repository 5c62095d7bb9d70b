// SPDX-License-Identifier: Apache-2.0
#include "passes/inline_calls.h"

#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

using ir::Function;
using ir::Module;

// Composites that have an op of their own, more accurate than their decomposition.
constexpr struct {
  std::string_view name;
  OpCode code;
} kOpsOfComposites[] = {
    {"chlo.erf", OpCode::kErf},
    {"chlo.erfc", OpCode::kErfc},
};

std::optional<OpCode> OpOfComposite(const Op& op) {
  for (const auto& [name, code] : kOpsOfComposites) {
    const bool fits = op.operands.size() == 1 && op.results.size() == 1 && op.operands[0]->type == op.type() &&
                      IsFloat(op.type().dtype);
    if (fits && op.attributes.Text(AttrKey::kName) == name) return code;
  }
  return std::nullopt;
}

// A program of a few lines can call its way to any size. Real ones, in which a layer is a function, stay far below.
constexpr size_t kMaxGrowth = 256;
constexpr size_t kSmallProgram = size_t{1} << 16;

size_t CountOps(const Block& block) {
  size_t count = 0;
  ir::Walk(block, [&count](const Op*) { ++count; });
  return count;
}

size_t CountOps(const Module& module) {
  size_t count = 0;
  for (const auto& function : module.functions) count += CountOps(function->body);
  return count;
}

class Inliner {
 public:
  explicit Inliner(Module& module) : module_(module), budget_(CountOps(module) * kMaxGrowth + kSmallProgram) {}

  // Callees first, so that each body is copied in its final form.
  Status InlineInto(Function& function) {
    if (done_.contains(&function)) return OkStatus();
    if (!active_.insert(&function).second) {
      return InvalidArgument(Format("The function {} calls itself.", function.name));
    }
    RETURN_IF_ERROR(InlineIntoBlock(function.body));
    ir::ReplaceUses(function.body, replacements_);
    replacements_.clear();
    active_.erase(&function);
    done_.insert(&function);
    return OkStatus();
  }

  bool changed() const { return changed_; }

 private:
  Status InlineIntoBlock(Block& block) {
    std::vector<std::unique_ptr<Op>> old_ops = std::move(block.ops);
    std::vector<std::unique_ptr<Op>> new_ops;
    new_ops.reserve(old_ops.size());
    for (auto& op : old_ops) {
      const bool is_composite = op->code == OpCode::kComposite;
      if (op->code != OpCode::kCall && !is_composite) {
        for (const auto& region : op->regions) RETURN_IF_ERROR(InlineIntoBlock(*region));
        new_ops.push_back(std::move(op));
        continue;
      }
      changed_ = true;
      if (const auto code = is_composite ? OpOfComposite(*op) : std::nullopt; code.has_value()) {
        op->code = *code;
        op->attributes = {};
        new_ops.push_back(std::move(op));
        continue;
      }
      Function* callee = module_.Find(op->attributes.Text(is_composite ? AttrKey::kDecomposition : AttrKey::kCallee));
      if (callee == nullptr) return Internal(Format("There is no function for {}.", ir::PrintOp(*op)));
      RETURN_IF_ERROR(InlineCallee(*callee));
      RETURN_IF_ERROR(Charge(*callee));
      CopyBody(*callee, *op, block, new_ops);
      dropped_.push_back(std::move(op));
    }
    block.ops = std::move(new_ops);
    return OkStatus();
  }

  Status InlineCallee(Function& callee) {
    std::unordered_map<const Value*, Value*> outer = std::exchange(replacements_, {});
    RETURN_IF_ERROR(InlineInto(callee));
    replacements_ = std::move(outer);
    return OkStatus();
  }

  // What is copied into the body of a function that is itself copied counts again with that.
  Status Charge(const Function& callee) {
    const auto [entry, is_new] = sizes_.try_emplace(&callee, 0);
    if (is_new) entry->second = CountOps(callee.body);
    if (entry->second > budget_) {
      return ResourceExhausted(
          Format("The calls of the program expand to more than {} times its size. While inlining {}.", kMaxGrowth,
                 callee.name));
    }
    budget_ -= entry->second;
    return OkStatus();
  }

  void CopyBody(const Function& callee, const Op& call, Block& block, std::vector<std::unique_ptr<Op>>& out) {
    std::unordered_map<const Value*, Value*> mapping;
    for (size_t i = 0; i < call.operands.size(); ++i) mapping[callee.body.arguments[i].get()] = call.operands[i];
    for (size_t i = 0; i + 1 < callee.body.ops.size(); ++i) {
      out.push_back(ir::CloneOp(*callee.body.ops[i], mapping));
      out.back()->parent = &block;
    }
    const auto& returned = callee.body.terminator()->operands;
    for (size_t i = 0; i < returned.size(); ++i) {
      const auto found = mapping.find(returned[i]);
      replacements_[call.result(static_cast<int>(i))] = found == mapping.end() ? returned[i] : found->second;
    }
  }

  Module& module_;
  std::unordered_set<const Function*> done_;
  std::unordered_set<const Function*> active_;
  std::unordered_map<const Value*, Value*> replacements_;  // in the function at hand
  std::vector<std::unique_ptr<Op>> dropped_;               // until the end, so that no new value takes their address
  std::unordered_map<const Function*, size_t> sizes_;      // in ops, of functions whose calls are inlined
  size_t budget_;                                          // of ops that may still be copied
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> InlineCalls(Module& module, const target::CompileContext&) {
  Function* main = module.main();
  if (main == nullptr) return InvalidArgument("The program has no function main.");
  Inliner inliner(module);
  RETURN_IF_ERROR(inliner.InlineInto(*main));
  const size_t count = std::erase_if(module.functions, [main](const auto& f) { return f.get() != main; });
  return PassResult{inliner.changed() || count > 0};
}

}  // namespace dragoman::passes
