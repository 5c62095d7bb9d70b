// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "passes/canonicalize_rules.h"
#include "passes/patterns.h"

namespace dragoman::passes {
namespace {

// Initial values and elements combined once, at every place of the result.
Replacement CombineOnce(Op& op, Builder& builder) {
  const size_t n = op.operands.size() / 2;
  const Dims& dims = op.type().dims;
  std::vector<Value*> arguments;
  for (size_t i = 0; i < n; ++i) arguments.push_back(builder.Fill(op.operands[n + i], dims));
  for (size_t i = 0; i < n; ++i) arguments.push_back(builder.Reshape(op.operands[i], dims));
  return Replacement(ApplyElementwise(*op.regions[0], arguments, dims, builder));
}

Replacement ReduceOfOneElement(Op& op, Builder& builder) {
  const bool is_single = op.operands[0]->type.num_elements() == op.type().num_elements();
  if (!is_single || !IsElementwiseRegion(*op.regions[0])) return kKeep;
  return CombineOnce(op, builder);
}

Replacement InitialValues(Op& op, Builder& builder) {
  if (op.operands[0]->type.num_elements() != 0) return kKeep;
  const size_t n = op.operands.size() / 2;
  std::vector<Value*> values;
  for (size_t i = 0; i < n; ++i) values.push_back(builder.Fill(op.operands[n + i], op.type().dims));
  return Replacement(std::move(values));
}

Replacement WindowOfOneElement(Op& op, Builder& builder) {
  const bool is_single =
      AllAre(op.attributes.Ints(AttrKey::kWindowDimensions), 1) && AllAre(op.attributes.Ints(AttrKey::kPadding), 0) &&
      op.operands[0]->type.dims == op.type().dims && AllAre(op.attributes.Ints(AttrKey::kBaseDilations), 1);
  if (!is_single || !IsElementwiseRegion(*op.regions[0])) return kKeep;
  return CombineOnce(op, builder);
}

Replacement SortOfOneElement(Op& op, Builder&) {
  const TensorType& type = op.operands[0]->type;
  if (type.rank() > 0 && type.dims[op.attributes.Int(AttrKey::kDimension)] > 1) return kKeep;
  return Replacement(op.operands);
}

// A product over no elements.
Replacement DotOfNothing(Op& op, Builder& builder) {
  if (op.operands[0]->type.num_elements() != 0 && op.operands[1]->type.num_elements() != 0) return kKeep;
  return ReplaceWith(builder.Splat(op.type(), 0));
}

// --- control flow

Replacement CaseOfKnownIndex(Op& op, Builder& builder) {
  std::optional<int64_t> index = op.regions.size() == 1 ? 0 : IntegerOf(op.operands[0]);
  if (!index.has_value()) return kKeep;
  const auto last = static_cast<int64_t>(op.regions.size()) - 1;
  if (*index < 0 || *index > last) index = last;
  std::unordered_map<const Value*, Value*> mapping;
  Block& block = builder.block();
  return Replacement(ir::CloneInto(*op.regions[*index], block, block.ops.size(), mapping));
}

Replacement WhileThatNeverRuns(Op& op, Builder&) {
  const Value* condition = op.regions[0]->terminator()->operands[0];
  if (!IsSplat(condition, 0)) return kKeep;
  return Replacement(op.operands);
}

Replacement WhileThatRunsOnce(Op& op, Builder& builder) {
  const int64_t count = op.attributes.IntOr(AttrKey::kTripCount, -1);
  if (count == 0) return Replacement(op.operands);
  if (count != 1) return kKeep;
  const Block& body = *op.regions[1];
  std::unordered_map<const Value*, Value*> mapping;
  for (size_t i = 0; i < op.operands.size(); ++i) mapping[body.arguments[i].get()] = op.operands[i];
  Block& block = builder.block();
  return Replacement(ir::CloneInto(body, block, block.ops.size(), mapping));
}

constexpr CanonicalRule kReductionRules[] = {
    {OpCode::kReduce, InitialValues},       {OpCode::kReduce, ReduceOfOneElement},
    {OpCode::kReduceWindow, InitialValues}, {OpCode::kReduceWindow, WindowOfOneElement},
    {OpCode::kSort, SortOfOneElement},      {OpCode::kDotGeneral, DotOfNothing},
    {OpCode::kConvolution, DotOfNothing},   {OpCode::kCase, CaseOfKnownIndex},
    {OpCode::kWhile, WhileThatNeverRuns},   {OpCode::kWhile, WhileThatRunsOnce},
};

}  // namespace

std::span<const CanonicalRule> ReductionRules() { return kReductionRules; }

}  // namespace dragoman::passes
