// SPDX-License-Identifier: Apache-2.0
#include "passes/decompose.h"

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

using DecomposeRule = StatusOr<Replacement> (*)(Op& op, RewriteContext& context);

// A draw from a state that outlives the program: nothing here keeps one, and equal programs must give equal numbers.
StatusOr<Replacement> RefuseRng(Op& op, RewriteContext& context) {
  return Unimplemented("The operation rng is not supported, rng_bit_generator is." + context.module.Where(op));
}

constexpr struct {
  OpCode code;
  DecomposeRule rule;
} kOps[] = {
    {OpCode::kCholesky, DecomposeCholesky},
    {OpCode::kTriangularSolve, DecomposeTriangularSolve},
    {OpCode::kFft, DecomposeFft},
    {OpCode::kRngBitGenerator, DecomposeRngBitGenerator},
    {OpCode::kRng, RefuseRng},
};

constexpr struct {
  std::string_view target;
  DecomposeRule rule;
} kCustomCalls[] = {
    {"Qr", DecomposeQr},
    {"ProductOfElementaryHouseholderReflectors", DecomposeHouseholderProduct},
    {"ApproxTopK", DecomposeApproxTopK},
};

StatusOr<Replacement> Rule(Op& op, RewriteContext& context) {
  for (const auto& [code, rule] : kOps) {
    if (op.code == code) return rule(op, context);
  }
  if (op.code != OpCode::kCustomCall) return Replacement();
  for (const auto& [target, rule] : kCustomCalls) {
    if (op.attributes.Text(AttrKey::kCallTargetName) == target) return rule(op, context);
  }
  return Replacement();
}

}  // namespace

StatusOr<PassResult> Decompose(ir::Module& module, const PassContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, Rule));
  return PassResult{changed};
}

Stack StackOf(const TensorType& type) {
  const Dims batch(type.dims.begin(), type.dims.end() - 2);
  return {batch, NumElements(batch), type.dims[type.dims.size() - 2], type.dims.back()};
}

Value* Conjugate(Value* value, Builder& builder) {
  if (!IsComplex(value->type.dtype)) return value;
  Value* imag = builder.Unary(OpCode::kNegate, builder.Unary(OpCode::kImag, value));
  return builder.Binary(OpCode::kComplex, builder.Unary(OpCode::kReal, value), imag);
}

Value* RealOf(Value* value, Builder& builder) {
  return IsComplex(value->type.dtype) ? builder.Unary(OpCode::kReal, value) : value;
}

Value* FromReal(Value* value, DType dtype, Builder& builder) {
  if (!IsComplex(dtype)) return value;
  return builder.Binary(OpCode::kComplex, value, builder.SplatLike(value, 0));
}

Value* CompareIndex(int64_t dimension, ComparisonDirection direction, Value* index, const Dims& dims,
                    Builder& builder) {
  Value* places = builder.Iota({DType::kS32, dims}, dimension);
  return builder.Compare(direction, places, builder.Fill(index, dims));
}

}  // namespace dragoman::passes
