// SPDX-License-Identifier: Apache-2.0
#include "passes/canonicalize.h"

#include <algorithm>

#include "passes/canonicalize_rules.h"
#include "passes/effects.h"

namespace dragoman::passes {
namespace {

using RulesByCode = std::vector<std::vector<CanonicalRule>>;

RulesByCode MakeRules() {
  RulesByCode rules(static_cast<size_t>(OpCode::kReturn) + 1);
  for (const auto& family : {MovementRules(), ArithmeticRules(), IndexingRules(), ReductionRules()}) {
    for (const CanonicalRule& rule : family) rules[static_cast<size_t>(rule.code)].push_back(rule);
  }
  return rules;
}

bool HasNoElements(const Op& op) {
  return !op.results.empty() && op.code != OpCode::kConstant && IsPure(op) &&
         std::all_of(op.results.begin(), op.results.end(), [](const auto& result) {
           return !IsToken(result->type.dtype) && result->type.num_elements() == 0;
         });
}

StatusOr<Replacement> CanonicalizeOp(Op& op, RewriteContext& context) {
  static const RulesByCode rules = MakeRules();
  if (HasNoElements(op)) {
    std::vector<Value*> values;
    for (const auto& result : op.results) values.push_back(context.builder.Splat(result->type, 0));
    return Replacement(std::move(values));
  }
  for (const CanonicalRule& rule : rules[static_cast<size_t>(op.code)]) {
    if (Replacement replacement = rule.apply(op, context.builder); replacement.has_value()) return replacement;
  }
  return Replacement();
}

}  // namespace

StatusOr<PassResult> Canonicalize(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, CanonicalizeOp));
  return PassResult{changed};
}

}  // namespace dragoman::passes
