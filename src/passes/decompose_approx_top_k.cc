// SPDX-License-Identifier: Apache-2.0
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// The extent that the results have less of: where they differ from the operand.
int64_t ReducedDimension(const TensorType& from, const TensorType& to) {
  for (int64_t d = 0; d < from.rank(); ++d) {
    if (from.dims[d] != to.dims[d]) return d;
  }
  return from.rank() - 1;
}

}  // namespace

// Operands are n arrays and n initial values; the comparator takes 2 n scalars like that of sort.
StatusOr<Replacement> DecomposeApproxTopK(Op& op, RewriteContext& context) {
  const size_t n = op.operands.size() / 2;
  if (op.operands.size() != 2 * n || op.results.size() != n || !op.attributes.Has(AttrKey::kCalledComputations)) {
    return Replacement();
  }
  const ir::Function* comparator = context.module.Find(op.attributes.Text(AttrKey::kCalledComputations));
  if (comparator == nullptr || op.operands[0]->type.rank() == 0) return Replacement();
  Builder& b = context.builder;
  const std::vector<Value*> arrays(op.operands.begin(), op.operands.begin() + static_cast<std::ptrdiff_t>(n));
  std::vector<TensorType> types;
  for (const Value* array : arrays) types.push_back(array->type);
  const int64_t dimension = ReducedDimension(arrays[0]->type, op.type());
  Attributes attributes;
  attributes.Set(AttrKey::kDimension, dimension);
  attributes.Set(AttrKey::kIsStable, int64_t{1});
  Op* sort = b.MakeTyped(OpCode::kSort, arrays, types, std::move(attributes));
  Builder::CopyRegion(comparator->body, sort);
  std::vector<Value*> results;
  for (size_t i = 0; i < n; ++i) {
    Value* sorted = sort->result(static_cast<int>(i));
    const int64_t kept = op.type(static_cast<int>(i)).dims[dimension];
    results.push_back(kept == sorted->type.dims[dimension] ? sorted : b.SliceDim(sorted, dimension, 0, kept));
  }
  return Replacement(std::move(results));
}

}  // namespace dragoman::passes
