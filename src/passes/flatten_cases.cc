// SPDX-License-Identifier: Apache-2.0
#include "passes/flatten_cases.h"

#include <algorithm>
#include <unordered_map>

#include "passes/effects.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

bool IsCheapToCompute(const Op& op) {
  if (op.code == OpCode::kReturn || op.code == OpCode::kReduce) return true;
  if (op.code == OpCode::kScatter) return false;
  const ir::OpKind kind = Info(op.code).kind;
  return kind == ir::OpKind::kElementwise || kind == ir::OpKind::kData || kind == ir::OpKind::kMovement ||
         kind == ir::OpKind::kIndexing;
}

bool IsFlattenable(const Op& op) {
  if (!IsPure(op)) return false;
  return std::all_of(op.regions.begin(), op.regions.end(), [](const auto& region) {
    return std::all_of(region->ops.begin(), region->ops.end(),
                       [](const auto& inner) { return IsCheapToCompute(*inner); });
  });
}

StatusOr<Replacement> FlattenCase(Op& op, RewriteContext& context) {
  if (op.code != OpCode::kCase || !IsFlattenable(op)) return Replacement();
  Builder& builder = context.builder;
  Block& block = builder.block();
  std::vector<std::vector<Value*>> branches;
  for (const auto& region : op.regions) {
    std::unordered_map<const Value*, Value*> mapping;
    branches.push_back(ir::CloneInto(*region, block, block.ops.size(), mapping));
  }
  // The last branch also stands for every index out of range.
  std::vector<Value*> results = branches.back();
  Value* index = op.operands[0];
  for (size_t i = branches.size() - 1; i-- > 0;) {
    Value* number = builder.Scalar(index->type.dtype, static_cast<double>(i));
    Value* is_chosen = builder.Compare(ComparisonDirection::kEq, index, number);
    for (size_t r = 0; r < results.size(); ++r) {
      if (branches[i][r] != results[r]) results[r] = builder.Select(is_chosen, branches[i][r], results[r]);
    }
  }
  return Replacement(std::move(results));
}

}  // namespace

StatusOr<PassResult> FlattenCases(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, FlattenCase));
  return PassResult{changed};
}

}  // namespace dragoman::passes
