// SPDX-License-Identifier: Apache-2.0
#include "passes/simplify_contractions.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

Value* SameOp(const Op& op, std::vector<Value*> operands, Attributes attributes, Builder& builder) {
  return builder.MakeTyped(op.code, std::move(operands), {op.type()}, std::move(attributes))->result();
}

Replacement FoldReversedKernel(const Op& op, Builder& builder) {
  const Op* reverse = DefinedBy(op.operands[1], OpCode::kReverse);
  if (reverse == nullptr) return kKeep;
  const auto& spatial = op.attributes.Ints(AttrKey::kKernelSpatialDimensions);
  std::vector<int64_t> reversal = op.attributes.Ints(AttrKey::kWindowReversal);
  for (const int64_t d : reverse->attributes.Ints(AttrKey::kDimensions)) {
    const auto found = std::find(spatial.begin(), spatial.end(), d);
    if (found == spatial.end()) return kKeep;
    reversal[static_cast<size_t>(found - spatial.begin())] ^= 1;
  }
  Attributes attributes = op.attributes;
  attributes.Set(AttrKey::kWindowReversal, std::move(reversal));
  return ReplaceWith(SameOp(op, {op.operands[0], reverse->operands[0]}, std::move(attributes), builder));
}

bool PadsOnly(const Op& pad, const std::vector<int64_t>& dimensions) {
  for (int64_t d = 0; d < pad.type().rank(); ++d) {
    const bool is_padded = pad.attributes.Ints(AttrKey::kEdgePaddingLow)[d] != 0 ||
                           pad.attributes.Ints(AttrKey::kEdgePaddingHigh)[d] != 0 ||
                           pad.attributes.Ints(AttrKey::kInteriorPadding)[d] != 0;
    if (is_padded && !Contains(dimensions, d)) return false;
  }
  return true;
}

// Element i of the unpadded input lies at (low + i (interior + 1)) dilation of the dilated one.
Replacement FoldPaddedInput(const Op& op, Builder& builder) {
  const Op* pad = DefinedBy(op.operands[0], OpCode::kPad);
  if (pad == nullptr || !IsSplat(pad->operands[1], 0)) return kKeep;
  const auto& spatial = op.attributes.Ints(AttrKey::kInputSpatialDimensions);
  if (!PadsOnly(*pad, spatial)) return kKeep;
  std::vector<int64_t> padding = op.attributes.Ints(AttrKey::kPadding);
  std::vector<int64_t> dilation = op.attributes.Ints(AttrKey::kLhsDilation);
  for (size_t i = 0; i < spatial.size(); ++i) {
    const int64_t d = spatial[i];
    padding[2 * i] += pad->attributes.Ints(AttrKey::kEdgePaddingLow)[d] * dilation[i];
    padding[2 * i + 1] += pad->attributes.Ints(AttrKey::kEdgePaddingHigh)[d] * dilation[i];
    dilation[i] *= pad->attributes.Ints(AttrKey::kInteriorPadding)[d] + 1;
  }
  Attributes attributes = op.attributes;
  attributes.Set(AttrKey::kPadding, std::move(padding));
  attributes.Set(AttrKey::kLhsDilation, std::move(dilation));
  return ReplaceWith(SameOp(op, {pad->operands[0], op.operands[1]}, std::move(attributes), builder));
}

// Where the window has one tap and no stride, the holes between the elements of a dilated input are holes of the
// result: its products are computed without them, and what reads the result finds zeros there.
Replacement DilateResult(const Op& op, Builder& builder) {
  const Dims& input = op.operands[0]->type.dims;
  const Dims& kernel = op.operands[1]->type.dims;
  const auto rank = static_cast<size_t>(op.type().rank());
  std::vector<int64_t> padding = op.attributes.Ints(AttrKey::kPadding);
  std::vector<int64_t> dilation = op.attributes.Ints(AttrKey::kLhsDilation);
  std::vector<int64_t> low(rank), high(rank), interior(rank);
  Dims dims = op.type().dims;
  for (size_t i = 0; i < dilation.size(); ++i) {
    const int64_t taps = kernel[op.attributes.Ints(AttrKey::kKernelSpatialDimensions)[i]];
    if (dilation[i] == 1 || taps != 1 || op.attributes.Ints(AttrKey::kWindowStrides)[i] != 1) continue;
    const int64_t d = op.attributes.Ints(AttrKey::kOutputSpatialDimensions)[i];
    dims[d] = input[op.attributes.Ints(AttrKey::kInputSpatialDimensions)[i]];
    low[d] = std::exchange(padding[2 * i], 0);
    high[d] = std::exchange(padding[2 * i + 1], 0);
    interior[d] = std::exchange(dilation[i], 1) - 1;
  }
  if (AllAre(interior, 0)) return kKeep;
  Attributes attributes = op.attributes;
  attributes.Set(AttrKey::kPadding, std::move(padding));
  attributes.Set(AttrKey::kLhsDilation, std::move(dilation));
  const DType dtype = op.type().dtype;
  Op* products = builder.MakeTyped(op.code, op.operands, {TensorType{dtype, std::move(dims)}}, std::move(attributes));
  Attributes holes;
  holes.Set(AttrKey::kEdgePaddingLow, std::move(low));
  holes.Set(AttrKey::kEdgePaddingHigh, std::move(high));
  holes.Set(AttrKey::kInteriorPadding, std::move(interior));
  Value* zero = builder.Scalar(dtype, 0);
  return ReplaceWith(
      builder.MakeTyped(OpCode::kPad, {products->result(), zero}, {op.type()}, std::move(holes))->result());
}

struct DotSide {
  int operand;
  AttrKey batching;
  AttrKey contracting;
};
constexpr DotSide kDotSides[] = {
    {0, AttrKey::kLhsBatchingDimensions, AttrKey::kLhsContractingDimensions},
    {1, AttrKey::kRhsBatchingDimensions, AttrKey::kRhsContractingDimensions},
};

// Where the free dimensions keep their order.
Replacement FoldTransposedOperand(const Op& op, Builder& builder) {
  for (const DotSide& side : kDotSides) {
    const Op* transpose = DefinedBy(op.operands[side.operand], OpCode::kTranspose);
    if (transpose == nullptr) continue;
    const auto& permutation = transpose->attributes.Ints(AttrKey::kPermutation);
    std::vector<int64_t> batching = op.attributes.Ints(side.batching);
    std::vector<int64_t> contracting = op.attributes.Ints(side.contracting);
    std::vector<int64_t> free;
    for (int64_t d = 0; d < transpose->type().rank(); ++d) {
      if (!Contains(batching, d) && !Contains(contracting, d)) free.push_back(permutation[d]);
    }
    if (!std::is_sorted(free.begin(), free.end())) continue;
    for (int64_t& d : batching) d = permutation[d];
    for (int64_t& d : contracting) d = permutation[d];
    Attributes attributes = op.attributes;
    attributes.Set(side.batching, std::move(batching));
    attributes.Set(side.contracting, std::move(contracting));
    std::vector<Value*> operands = op.operands;
    operands[side.operand] = transpose->operands[0];
    return ReplaceWith(SameOp(op, std::move(operands), std::move(attributes), builder));
  }
  return kKeep;
}

// A conversion that does not widen, before a transpose: it may become a part of what computes the tensor, and the
// transpose comes to stand before the product that reads it.
Replacement ConvertBeforeTranspose(const Op& op, const Op& transpose, Builder& builder) {
  Value* source = transpose.operands[0];
  if (SizeBytes(op.type().dtype) > SizeBytes(source->type.dtype)) return kKeep;
  Op* converted =
      builder.MakeTyped(OpCode::kConvert, {source}, {TensorType{op.type().dtype, source->type.dims}}, op.attributes);
  return ReplaceWith(builder.Transpose(converted->result(), transpose.attributes.Ints(AttrKey::kPermutation)));
}

// Likewise a reshape that adds or drops dimensions of extent 1 alone.
Replacement ReshapeBeforeTranspose(const Op& op, const Op& transpose, Builder& builder) {
  const Dims& dims = op.type().dims;
  if (!SameButUnits(transpose.type().dims, dims)) return kKeep;
  const std::vector<int64_t> moved = NonUnitDims(transpose.type().dims);
  const std::vector<int64_t> kept = NonUnitDims(dims);
  // Where each dimension of the result comes from: those of extent 1 before all others.
  std::vector<std::pair<int64_t, int64_t>> order;
  for (int64_t d = 0; d < static_cast<int64_t>(dims.size()); ++d) {
    if (dims[d] == 1) order.emplace_back(-1, d);
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    order.emplace_back(transpose.attributes.Ints(AttrKey::kPermutation)[moved[i]], kept[i]);
  }
  if (std::is_sorted(order.begin(), order.end())) return kKeep;
  std::sort(order.begin(), order.end());
  Dims before;
  std::vector<int64_t> permutation(dims.size());
  for (const auto& [from, to] : order) {
    permutation[to] = static_cast<int64_t>(before.size());
    before.push_back(dims[to]);
  }
  return ReplaceWith(builder.Transpose(builder.Reshape(transpose.operands[0], before), std::move(permutation)));
}

Attributes Swapped(const Attributes& attributes) {
  Attributes swapped = attributes;
  swapped.Set(AttrKey::kLhsBatchingDimensions, attributes.Ints(AttrKey::kRhsBatchingDimensions));
  swapped.Set(AttrKey::kRhsBatchingDimensions, attributes.Ints(AttrKey::kLhsBatchingDimensions));
  swapped.Set(AttrKey::kLhsContractingDimensions, attributes.Ints(AttrKey::kRhsContractingDimensions));
  swapped.Set(AttrKey::kRhsContractingDimensions, attributes.Ints(AttrKey::kLhsContractingDimensions));
  return swapped;
}

// A transpose that puts the free dimensions of rhs before those of lhs is the product the other way round.
Replacement FoldTransposedResult(const Op& op, Builder& builder) {
  const Op* dot = DefinedBy(op.operands[0], OpCode::kDotGeneral);
  if (dot == nullptr) return kKeep;
  const auto num_batching = static_cast<int64_t>(dot->attributes.Ints(AttrKey::kLhsBatchingDimensions).size());
  const auto num_contracting = static_cast<int64_t>(dot->attributes.Ints(AttrKey::kLhsContractingDimensions).size());
  const int64_t lhs_free = dot->operands[0]->type.rank() - num_batching - num_contracting;
  std::vector<int64_t> swap;
  for (int64_t d = 0; d < num_batching; ++d) swap.push_back(d);
  for (int64_t d = num_batching + lhs_free; d < dot->type().rank(); ++d) swap.push_back(d);
  for (int64_t d = num_batching; d < num_batching + lhs_free; ++d) swap.push_back(d);
  if (op.attributes.Ints(AttrKey::kPermutation) != swap) return kKeep;
  Op* swapped = builder.MakeTyped(OpCode::kDotGeneral, {dot->operands[1], dot->operands[0]}, {op.type()},
                                  Swapped(dot->attributes));
  return ReplaceWith(swapped->result());
}

// A sum over batches of products is one product that contracts the batch too. Gradients of weights in einsum are such.
Replacement FoldSummedBatch(const Op& op, Builder& builder) {
  const Op* dot = DefinedBy(op.operands[0], OpCode::kDotGeneral);
  if (dot == nullptr || op.operands.size() != 2 || !IsSplat(op.operands[1], 0)) return kKeep;
  if (CombinerOf(*op.regions[0]) != OpCode::kAdd) return kKeep;
  const auto& summed = op.attributes.Ints(AttrKey::kDimensions);
  const auto num_batching = static_cast<int64_t>(dot->attributes.Ints(AttrKey::kLhsBatchingDimensions).size());
  if (std::any_of(summed.begin(), summed.end(), [&](int64_t d) { return d >= num_batching; })) return kKeep;
  Attributes attributes = dot->attributes;
  for (const DotSide& side : kDotSides) {
    std::vector<int64_t> batching, contracting;
    for (int64_t d = 0; d < num_batching; ++d) {
      (Contains(summed, d) ? contracting : batching).push_back(dot->attributes.Ints(side.batching)[d]);
    }
    const auto& old = dot->attributes.Ints(side.contracting);
    contracting.insert(contracting.end(), old.begin(), old.end());
    attributes.Set(side.batching, std::move(batching));
    attributes.Set(side.contracting, std::move(contracting));
  }
  Op* joined = builder.MakeTyped(OpCode::kDotGeneral, dot->operands, {op.type()}, std::move(attributes));
  return ReplaceWith(joined->result());
}

class Contractions {
 public:
  explicit Contractions(const ir::Module& module) {
    for (const auto& function : module.functions) {
      ir::Walk(function->body, [this](const Op* op) {
        for (const Value* operand : op->operands) ++uses_[operand];
      });
    }
  }

  StatusOr<Replacement> Apply(Op& op, RewriteContext& context) {
    Replacement folded = Fold(op, context);
    if (folded.has_value()) uses_[(*folded)[0]] = uses_[op.result()];
    return folded;
  }

 private:
  Replacement Fold(const Op& op, RewriteContext& context) const {
    if (op.code == OpCode::kConvolution) {
      if (Replacement folded = FoldReversedKernel(op, context.builder); folded.has_value()) return folded;
      if (Replacement folded = FoldPaddedInput(op, context.builder); folded.has_value()) return folded;
      return DilateResult(op, context.builder);
    }
    if (op.code == OpCode::kDotGeneral) return FoldTransposedOperand(op, context.builder);
    if (op.code == OpCode::kConvert || op.code == OpCode::kReshape) return MoveBeforeTranspose(op, context.builder);
    // The product must not be made twice.
    if (op.code == OpCode::kTranspose && IsUsedOnce(op.operands[0])) return FoldTransposedResult(op, context.builder);
    if (op.code == OpCode::kReduce && IsUsedOnce(op.operands[0])) return FoldSummedBatch(op, context.builder);
    return kKeep;
  }

  Replacement MoveBeforeTranspose(const Op& op, Builder& builder) const {
    const Op* transpose = DefinedBy(op.operands[0], OpCode::kTranspose);
    if (transpose == nullptr || !IsUsedOnce(op.operands[0])) return kKeep;
    return op.code == OpCode::kConvert ? ConvertBeforeTranspose(op, *transpose, builder)
                                       : ReshapeBeforeTranspose(op, *transpose, builder);
  }

  bool IsUsedOnce(const Value* value) const {
    const auto found = uses_.find(value);
    return found != uses_.end() && found->second == 1;
  }

  std::unordered_map<const Value*, int> uses_;
};

}  // namespace

StatusOr<PassResult> SimplifyContractions(ir::Module& module, const target::CompileContext&) {
  Contractions contractions(module);
  const RewriteRule rule = [&](Op& op, RewriteContext& context) { return contractions.Apply(op, context); };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

}  // namespace dragoman::passes
