// SPDX-License-Identifier: Apache-2.0
#include "passes/rewrite.h"

#include <unordered_map>

#include "base/check.h"

namespace dragoman::passes {
namespace {

constexpr int kMaxReplacements = 1000;  // of rules that replace what rules made

class Rewriter {
 public:
  Rewriter(ir::Module& module, const RewriteRule& rule) : module_(module), rule_(rule) {}

  StatusOr<bool> Run() {
    for (const auto& function : module_.functions) RETURN_IF_ERROR(RewriteBlock(function->body));
    return changed_;
  }

 private:
  using Ops = std::vector<std::unique_ptr<Op>>;

  Status RewriteBlock(Block& block) {
    Ops old_ops = std::move(block.ops);
    Ops new_ops;
    new_ops.reserve(old_ops.size());
    for (auto& op : old_ops) RETURN_IF_ERROR(RewriteOp(std::move(op), block, new_ops));
    block.ops = std::move(new_ops);
    return OkStatus();
  }

  Status RewriteOp(std::unique_ptr<Op> op, Block& block, Ops& out) {
    for (Value*& operand : op->operands) operand = Replaced(operand);
    for (const auto& region : op->regions) RETURN_IF_ERROR(RewriteBlock(*region));
    Block fresh;
    Builder builder(fresh);
    RewriteContext context{module_, builder};
    ASSIGN_OR_RETURN(const Replacement replacement, rule_(*op, context));
    changed_ |= context.changed || replacement.has_value();
    if (++depth_ > kMaxReplacements) return Internal("A rewrite rule replaces its own results without end.");
    for (auto& made : fresh.ops) {
      if (made->location == 0) made->location = op->location;
      RETURN_IF_ERROR(RewriteOp(std::move(made), block, out));
    }
    --depth_;
    if (!replacement.has_value()) {
      op->parent = &block;
      out.push_back(std::move(op));
      return OkStatus();
    }
    CHECK(replacement->size() == op->results.size());
    for (size_t i = 0; i < op->results.size(); ++i) {
      Value* value = Replaced((*replacement)[i]);
      CHECK(value->type == op->results[i]->type);
      replaced_.emplace(op->results[i].get(), value);
    }
    dropped_.push_back(std::move(op));
    return OkStatus();
  }

  Value* Replaced(Value* value) const {
    const auto found = replaced_.find(value);
    return found == replaced_.end() ? value : found->second;
  }

  ir::Module& module_;
  const RewriteRule& rule_;
  bool changed_ = false;
  int depth_ = 0;
  std::unordered_map<const Value*, Value*> replaced_;
  Ops dropped_;  // kept until the end: their values are keys, and no new value may take their address
};

}  // namespace

StatusOr<bool> Rewrite(ir::Module& module, const RewriteRule& rule) { return Rewriter(module, rule).Run(); }

}  // namespace dragoman::passes
