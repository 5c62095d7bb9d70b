// SPDX-License-Identifier: Apache-2.0
#include "lower/order/sort_key.h"

#include <algorithm>

namespace dragoman::kernel {
namespace {

using ir::AttrKey;
using ir::OpCode;

// Walks two expressions of a comparator that should differ only in whose element they look at.
class Mirror {
 public:
  explicit Mirror(const ir::Block& block) : block_(block) {}

  bool Matches(const ir::Value* lhs, const ir::Value* rhs) {
    if (lhs->block == &block_ || rhs->block == &block_) {
      if (lhs->block != rhs->block || (lhs->index ^ 1) != rhs->index) return false;
      if (argument_ >= 0 && argument_ != lhs->index) return false;
      argument_ = lhs->index;
      return true;
    }
    if (lhs->op == nullptr || rhs->op == nullptr || lhs->op->parent != &block_) return lhs == rhs;
    const ir::Op& left = *lhs->op;
    const ir::Op& right = *rhs->op;
    if (right.parent != &block_ || left.code != right.code || left.operands.size() != right.operands.size() ||
        lhs->index != rhs->index || !left.regions.empty() || !(left.attributes == right.attributes)) {
      return left.operands.empty() && lhs == rhs;
    }
    for (size_t i = 0; i < left.operands.size(); ++i) {
      if (!Matches(left.operands[i], right.operands[i])) return false;
    }
    return true;
  }

  // The argument that the left expression looks at; -1 for none.
  int argument() const { return argument_; }

 private:
  const ir::Block& block_;
  int argument_ = -1;
};

const ir::Op* AsOp(const ir::Value* value, OpCode code) {
  return value->op != nullptr && value->op->code == code ? value->op : nullptr;
}

bool IsComparison(const ir::Value* value, ComparisonDirection direction, const ir::Value* lhs) {
  const ir::Op* op = AsOp(value, OpCode::kCompare);
  return op != nullptr && op->operands[0] == lhs &&
         op->attributes.Int(AttrKey::kComparisonDirection) == static_cast<int64_t>(direction);
}

// select(x != x, NaN, select(x == 0, 0, x)), which is what JAX compares.
bool IsCanonicalization(const ir::Value* value, const ir::Value* x) {
  if (value == x) return true;
  const ir::Op* outer = AsOp(value, OpCode::kSelect);
  if (outer == nullptr || !IsComparison(outer->operands[0], ComparisonDirection::kNe, x) ||
      outer->operands[0]->op->operands[1] != x) {
    return false;
  }
  const ir::Op* inner = AsOp(outer->operands[2], OpCode::kSelect);
  return inner != nullptr && IsComparison(inner->operands[0], ComparisonDirection::kEq, x) &&
         inner->operands[0]->op->operands[1] == inner->operands[1] && inner->operands[2] == x;
}

int KeyBits(DType dtype) {
  if (IsFloat(dtype) && dtype != DType::kF32) return 16;
  return Info(dtype).bits;
}

V Mask(Builder& b, int bits) { return b.I32(bits == 32 ? -1 : (int64_t{1} << bits) - 1); }
V TopBit(Builder& b, int bits) { return b.I32(bits == 32 ? INT32_MIN : int64_t{1} << (bits - 1)); }

V FloatBits(Builder& b, V x, DType dtype) {
  if (dtype == DType::kF16) return b.Convert(KOp::kF16Bits, x, KType::kI32);
  const V bits = b.Bitcast(x, KType::kI32);
  return dtype == DType::kF32 ? bits : b.Binary(KOp::kShrU, bits, b.I32(16));
}

V FromFloatBits(Builder& b, V bits, DType dtype) {
  if (dtype == DType::kF16) return b.Convert(KOp::kF16FromBits, bits, LoadedType(dtype, b.profile().float16));
  return b.Bitcast(dtype == DType::kF32 ? bits : b.Binary(KOp::kShl, bits, b.I32(16)), KType::kF32);
}

}  // namespace

std::optional<SortKey> SortKey::Find(const ir::Op& sort) {
  const ir::Block& block = *sort.regions[0];
  const ir::Op* compare = AsOp(block.terminator()->operands[0], OpCode::kCompare);
  if (compare == nullptr || compare->parent != &block) return std::nullopt;
  const auto direction = static_cast<ComparisonDirection>(compare->attributes.Int(AttrKey::kComparisonDirection));
  if (direction != ComparisonDirection::kLt && direction != ComparisonDirection::kGt) return std::nullopt;
  ir::Value* lhs = compare->operands[0];
  Mirror mirror(block);
  if (!mirror.Matches(lhs, compare->operands[1]) || mirror.argument() < 0) return std::nullopt;
  SortKey key;
  key.dtype_ = lhs->type.dtype;
  if (IsComplex(key.dtype_) || Info(key.dtype_).bits > 32) return std::nullopt;
  key.operand_ = mirror.argument() / 2;
  key.is_descending_ = (direction == ComparisonDirection::kGt) != (mirror.argument() % 2 == 1);
  key.is_total_order_ =
      compare->attributes.IntOr(AttrKey::kCompareType, 0) == static_cast<int64_t>(ComparisonType::kTotalOrder);
  key.bits_ = KeyBits(key.dtype_);
  const ir::Value* element = block.arguments[mirror.argument()].get();
  key.is_reversible_ = IsCanonicalization(lhs, element);
  key.has_equal_nans_ = lhs != element;
  key.number_ = std::make_shared<ir::Block>();
  std::unordered_map<const ir::Value*, ir::Value*> mapping;
  for (const auto& argument : block.arguments) mapping[argument.get()] = key.number_->AddArgument(argument->type);
  ir::CloneInto(block, *key.number_, 0, mapping);
  key.number_->Append(OpCode::kReturn, {mapping.contains(lhs) ? mapping.at(lhs) : lhs}, {});
  return key;
}

StatusOr<V> SortKey::Emit(Elemental& elemental, const Scalar& element, bool reversibly) const {
  Builder& b = elemental.builder();
  V x = element.re;
  if (!reversibly) {
    std::vector<Scalar> inputs(number_->arguments.size());
    inputs[2 * operand_] = inputs[2 * operand_ + 1] = element;
    ASSIGN_OR_RETURN(const std::vector<Scalar> number, elemental.Region(*number_, inputs));
    x = number[0].re;
  }
  V key;
  if (IsPred(dtype_)) {
    key = b.Select(x, b.I32(1), b.I32(0));
  } else if (IsInteger(dtype_)) {
    key = IsSigned(dtype_) ? b.And(b.Xor(x, TopBit(b, bits_)), Mask(b, bits_)) : x;
  } else {
    if (!is_total_order_ && !reversibly) x = b.Select(b.Compare(KOp::kFEq, x, b.Zero(x.type)), b.Zero(x.type), x);
    V bits = FloatBits(b, x, dtype_);
    if (reversibly && has_equal_nans_) {
      const V nan = b.I32(bits_ == 32 ? 0x7fc00000 : dtype_ == DType::kF16 ? 0x7e00 : 0x7fc0);
      bits = b.Select(b.Compare(KOp::kFNe, x, x), nan, bits);
    }
    const V is_negative = b.INe(b.And(bits, TopBit(b, bits_)), b.I32(0));
    key = b.Xor(bits, b.Select(is_negative, Mask(b, bits_), TopBit(b, bits_)));
  }
  return is_descending_ ? b.Xor(key, Mask(b, bits_)) : key;
}

Scalar SortKey::Reverse(Builder& b, V key) const {
  if (is_descending_) key = b.Xor(key, Mask(b, bits_));
  if (IsPred(dtype_)) return {b.INe(key, b.I32(0)), {}};
  if (IsUnsigned(dtype_)) return {key, {}};
  if (IsSigned(dtype_)) {
    const V value = b.Xor(key, TopBit(b, bits_));
    const V unused = b.I32(32 - bits_);
    return {b.Binary(KOp::kShrS, b.Binary(KOp::kShl, value, unused), unused), {}};
  }
  const V was_positive = b.INe(b.And(key, TopBit(b, bits_)), b.I32(0));
  const V bits = b.Xor(key, b.Select(was_positive, TopBit(b, bits_), Mask(b, bits_)));
  return {FromFloatBits(b, bits, dtype_), {}};
}

}  // namespace dragoman::kernel
