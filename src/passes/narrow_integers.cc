// SPDX-License-Identifier: Apache-2.0
#include "passes/narrow_integers.h"

#include <algorithm>
#include <optional>

#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

constexpr int kMaxBoundDepth = 16;
constexpr double kTwoTo32 = 4294967296.0;

bool IsWide(DType dtype) { return dtype == DType::kU64 || dtype == DType::kS64; }

// An upper bound of a value that is never negative, computed without rounding; nullopt when none below 2^52 is known.
std::optional<double> UpperBound(const Value* value, int depth = 0) {
  constexpr double kMaxExact = 4503599627370496.0;
  const auto checked = [](double bound) { return bound < kMaxExact ? std::optional(bound) : std::nullopt; };
  const Op* op = value->op;
  if (op == nullptr || depth > kMaxBoundDepth || !IsInteger(value->type.dtype)) return std::nullopt;
  if (const auto number = SplatOf(value); number.has_value()) {
    return *number >= 0 ? checked(*number) : std::nullopt;
  }
  const auto bound = [&](int i) { return UpperBound(op->operands[i], depth + 1); };
  if (op->code == OpCode::kIota) {
    return checked(static_cast<double>(op->type().dims[op->attributes.Int(AttrKey::kIotaDimension)]));
  }
  if (op->code == OpCode::kBroadcastInDim || op->code == OpCode::kReshape || op->code == OpCode::kSlice ||
      op->code == OpCode::kTranspose) {
    return bound(0);
  }
  if (op->code == OpCode::kConvert) {
    const DType from = op->operands[0]->type.dtype;
    if (IsUnsigned(from) && Info(from).bits < 52) return static_cast<double>((int64_t{1} << Info(from).bits) - 1);
    return std::nullopt;
  }
  if (op->code != OpCode::kAdd && op->code != OpCode::kMultiply) return std::nullopt;
  const auto lhs = bound(0);
  const auto rhs = lhs.has_value() ? bound(1) : std::nullopt;
  if (!rhs.has_value()) return std::nullopt;
  return checked(op->code == OpCode::kAdd ? *lhs + *rhs : *lhs * *rhs);
}

// Whether the low bits of the result follow from the low bits of the operands.
bool WorksOnLowBits(const Op& op, int bits) {
  constexpr OpCode kOps[] = {OpCode::kAdd, OpCode::kSubtract, OpCode::kMultiply, OpCode::kAnd,
                             OpCode::kOr,  OpCode::kXor,      OpCode::kNot,      OpCode::kNegate};
  if (std::find(std::begin(kOps), std::end(kOps), op.code) != std::end(kOps)) return true;
  if (op.code != OpCode::kShiftLeft) return false;
  const auto count = SplatOf(op.operands[1]);
  return count.has_value() && *count >= 0 && *count < bits;
}

// Narrow integers made of wide ones: convert the operands instead.
Replacement NarrowConverted(const Op& op, Builder& builder) {
  const DType to = op.type().dtype;
  const Op* wide = op.operands[0]->op;
  if (wide == nullptr || !IsWide(wide->type().dtype) || !IsInteger(to) || Info(to).bits > 32) return std::nullopt;
  if (wide->code == OpCode::kIota) {
    const int64_t extent = wide->type().dims[wide->attributes.Int(AttrKey::kIotaDimension)];
    if (extent > (int64_t{1} << (Info(to).bits - 1))) return std::nullopt;
    return ReplaceWith(builder.Iota(op.type(), wide->attributes.Int(AttrKey::kIotaDimension)));
  }
  if (wide->code == OpCode::kBroadcastInDim) {
    Value* narrow = builder.Convert(wide->operands[0], to);
    return ReplaceWith(builder.Broadcast(narrow, op.type().dims, wide->attributes.Ints(AttrKey::kBroadcastDimensions)));
  }
  if (wide->code == OpCode::kReshape) {
    return ReplaceWith(builder.Reshape(builder.Convert(wide->operands[0], to), op.type().dims));
  }
  if (!WorksOnLowBits(*wide, Info(to).bits)) return std::nullopt;
  std::vector<Value*> operands;
  for (Value* operand : wide->operands) operands.push_back(builder.Convert(operand, to));
  return ReplaceWith(builder.Make(wide->code, std::move(operands))->result());
}

Replacement HighHalfOfNarrow(const Op& op, Builder& builder) {
  const auto count = SplatOf(op.operands[1]);
  if (!IsWide(op.type().dtype) || !count.has_value() || *count < 32 || *count >= 64) return std::nullopt;
  const auto bound = UpperBound(op.operands[0]);
  if (!bound.has_value() || *bound >= kTwoTo32) return std::nullopt;
  return ReplaceWith(builder.Splat(op.type(), 0));
}

StatusOr<Replacement> NarrowOp(Op& op, RewriteContext& context) {
  if (op.code == OpCode::kConvert) return NarrowConverted(op, context.builder);
  if (op.code == OpCode::kShiftRightLogical) return HighHalfOfNarrow(op, context.builder);
  return Replacement();
}

}  // namespace

StatusOr<PassResult> NarrowIntegers(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, NarrowOp));
  return PassResult{changed};
}

}  // namespace dragoman::passes
