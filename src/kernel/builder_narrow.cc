// SPDX-License-Identifier: Apache-2.0
// The builder's folding of 64-bit operations on values that were 32 bits wide: half as wide is several times cheaper
// where a device has no 64-bit units, and drivers have computed the wide form wrongly (see the quirks of target/).
#include <algorithm>

#include "kernel/builder.h"
#include "kernel/builder_fold.h"

namespace dragoman::kernel {
namespace {

struct NarrowRow {
  KOp op;
  KOp on_unsigned;  // what it is on zero-extended values, whose order is that of unsigned numbers
  bool is_signed;
};
constexpr NarrowRow kNarrowRows[] = {
    {KOp::kIEq, KOp::kIEq, true},    {KOp::kINe, KOp::kINe, true},   {KOp::kSLt, KOp::kULt, true},
    {KOp::kSLe, KOp::kULe, true},    {KOp::kULt, KOp::kULt, false},  {KOp::kULe, KOp::kULe, false},
    {KOp::kSMin, KOp::kUMin, true},  {KOp::kSMax, KOp::kUMax, true}, {KOp::kUMin, KOp::kUMin, false},
    {KOp::kUMax, KOp::kUMax, false},
};

int64_t Extended(KOp extension, int64_t value) {
  if (extension == KOp::kSExt) return static_cast<int32_t>(value);
  return static_cast<uint32_t>(value);
}

// Where a constant lies that no extended value equals: above all of them, below all of them, or between (the unsigned
// order puts negative numbers last).
enum class Side { kAbove, kBelow, kBetween };
Side SideOf(KOp extension, bool is_signed, int64_t constant) {
  if (extension == KOp::kSExt && !is_signed) return Side::kBetween;
  return is_signed && constant < 0 ? Side::kBelow : Side::kAbove;
}

}  // namespace

void Builder::RememberWidening(KOp op, V from, V to) {
  if ((op == KOp::kSExt || op == KOp::kZExt) && from.type == KType::kI32) widened_[to.id] = {op, from};
}

void Builder::RememberRounding(KOp op, V from, V to) {
  const bool keeps_rounding = (op == KOp::kFNeg || op == KOp::kFAbs) && rounded_.contains(from.id);
  if (op == KOp::kRoundBF16 || keeps_rounding) rounded_[to.id] = {op, from};
}

V Builder::BeforeRounding(V v) {
  const auto found = rounded_.find(v.id);
  if (found == rounded_.end()) return v;
  const auto [op, from] = found->second;
  return op == KOp::kRoundBF16 ? from : Unary(op, BeforeRounding(from));
}

const Builder::Origin* Builder::WideningOf(V v) const {
  const auto found = widened_.find(v.id);
  return found == widened_.end() ? nullptr : &found->second;
}

// What op(a, b) is when every value of a is below b or every value is above it.
V Builder::OrderedApart(KOp op, V a, V b, bool a_is_less) {
  switch (op) {
    case KOp::kIEq:
      return Bool(false);
    case KOp::kINe:
      return Bool(true);
    case KOp::kSMin:
    case KOp::kUMin:
      return a_is_less ? a : b;
    case KOp::kSMax:
    case KOp::kUMax:
      return a_is_less ? b : a;
    default:
      return Bool(a_is_less);
  }
}

std::optional<V> Builder::FoldWidened(KOp op, V a, V b) {
  const auto row = std::find_if(std::begin(kNarrowRows), std::end(kNarrowRows),
                                [op](const NarrowRow& candidate) { return candidate.op == op; });
  if (row == std::end(kNarrowRows)) return std::nullopt;
  const Origin* of_a = WideningOf(a);
  const Origin* of_b = WideningOf(b);
  if (of_a == nullptr && of_b == nullptr) return std::nullopt;
  const KOp extension = of_a != nullptr ? of_a->op : of_b->op;
  const auto narrow = [&](const Origin* widening, V v) -> std::optional<V> {
    if (widening != nullptr) return widening->op == extension ? std::optional(widening->from) : std::nullopt;
    const auto constant = ConstantInt(v);
    if (!constant.has_value() || Extended(extension, *constant) != *constant) return std::nullopt;
    return I32(*constant);
  };
  const std::optional<V> narrow_a = narrow(of_a, a), narrow_b = narrow(of_b, b);
  if (narrow_a.has_value() && narrow_b.has_value()) {
    const KOp narrow_op = extension == KOp::kSExt ? op : row->on_unsigned;
    const bool is_min_or_max = op >= KOp::kSMin && op <= KOp::kUMax;
    if (!is_min_or_max) return Compare(narrow_op, *narrow_a, *narrow_b);
    return Convert(extension, Binary(narrow_op, *narrow_a, *narrow_b), KType::kI64);
  }
  const auto constant = ConstantInt(of_a != nullptr ? b : a);
  if (!constant.has_value()) return std::nullopt;
  const Side side = SideOf(extension, row->is_signed, *constant);
  if (side == Side::kBetween) return std::nullopt;
  return OrderedApart(op, a, b, (side == Side::kAbove) == (of_a != nullptr));
}

// Of one operand: back to 32 bits, or to a float.
std::optional<V> Builder::FoldWidened(KOp op, V a, KType type) {
  const Origin* widening = WideningOf(a);
  if (widening == nullptr) return std::nullopt;
  if (op == KOp::kTruncI && type == KType::kI32) return widening->from;
  const bool is_zero_extended = widening->op == KOp::kZExt;
  if (op == KOp::kSToF) return Convert(is_zero_extended ? KOp::kUToF : KOp::kSToF, widening->from, type);
  if (op == KOp::kUToF && is_zero_extended) return Convert(KOp::kUToF, widening->from, type);
  return std::nullopt;
}

}  // namespace dragoman::kernel
