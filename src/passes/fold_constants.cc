// SPDX-License-Identifier: Apache-2.0
#include "passes/fold_constants.h"

#include <algorithm>

#include "passes/known_values.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"
#include "reference/evaluator.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxResultElements = 1024;
constexpr int64_t kMaxOperandElements = 65536;
constexpr int64_t kMaxGrownElements = 64;  // of results that have more elements than the operands

// An elementwise op of splats: the same op of scalars.
Replacement FoldSplats(const Op& op, Builder& builder) {
  Block block;
  std::vector<ir::Literal> literals;
  std::vector<Value*> operands;
  for (const Value* operand : op.operands) {
    literals.push_back(ConstantOf(operand)->Reshaped({}));
    operands.push_back(block.AddArgument(literals.back().type()));
  }
  const Op* scalar = block.Append(op.code, operands, {{op.type().dtype, {}}}, op.attributes);
  const auto results = reference::EvaluateOp(*scalar, literals);
  if (!results.ok()) return std::nullopt;
  return ReplaceWith(builder.Constant((*results)[0].Reshaped(op.type().dims)));
}

bool IsSmall(const Op& op) {
  int64_t operand_elements = 0;
  int64_t result_elements = 0;
  for (const Value* operand : op.operands) operand_elements += operand->type.num_elements();
  for (const auto& result : op.results) result_elements += result->type.num_elements();
  return operand_elements <= kMaxOperandElements && result_elements <= kMaxResultElements &&
         result_elements <= std::max(operand_elements, kMaxGrownElements);
}

StatusOr<Replacement> FoldConstant(Op& op, RewriteContext& context) {
  const auto is_constant = [](const Value* value) { return ConstantOf(value) != nullptr; };
  if (op.operands.empty() || !std::all_of(op.operands.begin(), op.operands.end(), is_constant)) return Replacement();
  if (!IsFoldable(op)) return Replacement();
  if (IsElementwise(op.code) && std::all_of(op.operands.begin(), op.operands.end(), IsSplatConstant)) {
    return FoldSplats(op, context.builder);
  }
  if (!IsSmall(op)) return Replacement();
  std::vector<ir::Literal> literals;
  for (const Value* operand : op.operands) literals.push_back(*ConstantOf(operand));
  const auto results = reference::EvaluateOp(op, literals);
  if (!results.ok()) return Replacement();
  std::vector<Value*> values;
  for (const ir::Literal& literal : *results) values.push_back(context.builder.Constant(literal));
  return Replacement(std::move(values));
}

}  // namespace

StatusOr<PassResult> FoldConstants(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, FoldConstant));
  return PassResult{changed};
}

}  // namespace dragoman::passes
