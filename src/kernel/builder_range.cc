// SPDX-License-Identifier: Apache-2.0
// The builder's folding of comparisons that the operands' ranges decide. A NaN is in every range: what holds of all
// numbers becomes the question whether there is one, for a driver's compiler has answered it with "yes"
// (in exp(-|x|), -|x| <= 88 was true of NaN).
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/arithmetic.h"
#include "kernel/builder.h"
#include "kernel/builder_fold.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

constexpr FloatRange kEverything = {-kInfinity, kInfinity};

double FloatOf(KType type, uint64_t bits) {
  if (type == KType::kF64) return std::bit_cast<double>(bits);
  if (type == KType::kF32) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return DecodeSmallFloat(DType::kF16, static_cast<uint32_t>(bits));
}

}  // namespace

FloatRange Builder::RangeOf(V v) const {
  if (IsFloatType(v.type) && constants_[v.id].is_constant) {
    const double value = FloatOf(v.type, constants_[v.id].bits);
    return std::isnan(value) ? kEverything : FloatRange{value, value};
  }
  const auto found = ranges_.find(v.id);
  return found == ranges_.end() ? kEverything : found->second;
}

V Builder::Bounded(V v, FloatRange range) {
  if (!IsFloatType(v.type) || constants_[v.id].is_constant) return v;
  const FloatRange known = RangeOf(v);
  const FloatRange both = {std::max(known.lo, range.lo), std::min(known.hi, range.hi)};
  if (both.lo > -kInfinity || both.hi < kInfinity) ranges_[v.id] = both;
  return v;
}

void Builder::RememberRange(KOp op, std::span<const V> operands, V result) {
  switch (op) {
    case KOp::kFAbs:
    case KOp::kUToF:
    case KOp::kSqrt:
      Bounded(result, {0, kInfinity});
      return;
    case KOp::kFMul:
      if (operands[0].id == operands[1].id) Bounded(result, {0, kInfinity});
      return;
    case KOp::kFNeg: {
      const FloatRange of = RangeOf(operands[0]);
      Bounded(result, {-of.hi, -of.lo});
      return;
    }
    case KOp::kSelect: {
      const FloatRange first = RangeOf(operands[1]), second = RangeOf(operands[2]);
      Bounded(result, {std::min(first.lo, second.lo), std::max(first.hi, second.hi)});
      return;
    }
    default:
      return;
  }
}

std::optional<V> Builder::FoldOrdered(KOp op, V a, V b) {
  if (op != KOp::kFLt && op != KOp::kFLe) return std::nullopt;
  const FloatRange of_a = RangeOf(a), of_b = RangeOf(b);
  const bool or_equal = op == KOp::kFLe;
  if (of_a.lo > of_b.hi || (!or_equal && of_a.lo == of_b.hi)) return Bool(false);
  if (of_a.hi > of_b.lo || (!or_equal && of_a.hi == of_b.lo)) return std::nullopt;
  const auto is_number = [this](V v) {
    const Constant& constant = constants_[v.id];
    return constant.is_constant ? Bool(!std::isnan(FloatOf(v.type, constant.bits))) : Compare(KOp::kFEq, v, v);
  };
  return And(is_number(a), is_number(b));
}

}  // namespace dragoman::kernel
