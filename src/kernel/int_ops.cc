// SPDX-License-Identifier: Apache-2.0
#include "kernel/int_ops.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace dragoman::kernel {
namespace {

using Result = std::optional<uint64_t>;

struct IntOperands {
  uint64_t a, b;
  int64_t sa, sb;  // the same, signed
  uint64_t width;  // in bits
};

Result DivideSigned(const IntOperands& x) {
  if (x.sb == 0) return std::nullopt;
  return x.sb == -1 ? uint64_t{0} - x.a : static_cast<uint64_t>(x.sa / x.sb);
}

Result RemainderSigned(const IntOperands& x) {
  if (x.sb == 0) return std::nullopt;
  return x.sb == -1 ? 0 : static_cast<uint64_t>(x.sa % x.sb);
}

struct IntRow {
  KOp op;
  Result (*evaluate)(const IntOperands& x);
};

#define ROW(op, value)                                            \
  {                                                               \
    KOp::op, [](const IntOperands& x) -> Result { return value; } \
  }
constexpr IntRow kIntRows[] = {
    ROW(kIAdd, x.a + x.b),
    ROW(kISub, x.a - x.b),
    ROW(kIMul, x.a* x.b),
    {KOp::kSDiv, DivideSigned},
    ROW(kUDiv, x.b == 0 ? std::nullopt : Result(x.a / x.b)),
    {KOp::kSRem, RemainderSigned},
    ROW(kURem, x.b == 0 ? std::nullopt : Result(x.a % x.b)),
    ROW(kSMin, x.sa < x.sb ? x.a : x.b),
    ROW(kSMax, x.sa < x.sb ? x.b : x.a),
    ROW(kUMin, std::min(x.a, x.b)),
    ROW(kUMax, std::max(x.a, x.b)),
    ROW(kAnd, x.a& x.b),
    ROW(kOr, x.a | x.b),
    ROW(kXor, x.a ^ x.b),
    ROW(kNot, ~x.a),
    ROW(kShl, x.b >= x.width ? std::nullopt : Result(x.a << x.b)),
    ROW(kShrU, x.b >= x.width ? std::nullopt : Result(x.a >> x.b)),
    ROW(kShrS, x.b >= x.width ? std::nullopt : Result(static_cast<uint64_t>(x.sa >> x.b))),
    ROW(kClz, std::countl_zero(static_cast<uint32_t>(x.a))),
    ROW(kPopcount, std::popcount(static_cast<uint32_t>(x.a))),
    ROW(kUMulHigh, (x.a * x.b) >> 32),
    ROW(kIEq, x.a == x.b),
    ROW(kINe, x.a != x.b),
    ROW(kSLt, x.sa < x.sb),
    ROW(kSLe, x.sa <= x.sb),
    ROW(kULt, x.a < x.b),
    ROW(kULe, x.a <= x.b),
};
#undef ROW

constexpr bool RowsAreInOrder() {
  for (size_t i = 0; i < std::size(kIntRows); ++i) {
    if (kIntRows[i].op != static_cast<KOp>(static_cast<size_t>(KOp::kIAdd) + i)) return false;
  }
  return kIntRows[std::size(kIntRows) - 1].op == KOp::kULe;
}
static_assert(RowsAreInOrder(), "One row an operation, in the order of the operations.");

}  // namespace

int64_t SignExtend(KType type, uint64_t bits) {
  return type == KType::kI32 ? static_cast<int32_t>(static_cast<uint32_t>(bits)) : static_cast<int64_t>(bits);
}

Result EvaluateInt(KOp op, KType type, uint64_t a, uint64_t b) {
  if (!Between(op, KOp::kIAdd, KOp::kULe)) return std::nullopt;
  const IntOperands operands{a, b, SignExtend(type, a), SignExtend(type, b), type == KType::kI64 ? 64u : 32u};
  return kIntRows[static_cast<size_t>(op) - static_cast<size_t>(KOp::kIAdd)].evaluate(operands);
}

}  // namespace dragoman::kernel
