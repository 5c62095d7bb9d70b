// SPDX-License-Identifier: Apache-2.0
// The elementwise operations: one row an operation. The tensor IR takes its elementwise op codes from here, the
// evaluator (reference/scalar_eval.cc) and the kernel lowering (scalar/scalar_lowering.cc) must have one row each for
// every row here; their tables are checked at compile time to be complete.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

#include "types/dtype.h"

namespace dragoman {

// Which element types an operation takes. Bits are or-ed.
enum ScalarDomain : uint8_t {
  kOnBool = 1,
  kOnInt = 2,
  kOnFloat = 4,
  kOnComplex = 8,
  kOnBits = kOnBool | kOnInt,
  kOnReal = kOnInt | kOnFloat,
  kOnField = kOnFloat | kOnComplex,
  kOnNumber = kOnInt | kOnFloat | kOnComplex,
  kOnAny = kOnBool | kOnNumber,
};

// The one that a type belongs to; 0 of tokens.
inline uint8_t DomainOf(DType dtype) {
  constexpr uint8_t kDomains[] = {kOnBool, kOnInt, kOnInt, kOnFloat, kOnComplex, 0};
  static_assert(std::size(kDomains) == static_cast<size_t>(DTypeKind::kToken) + 1, "One domain a kind.");
  return kDomains[static_cast<size_t>(Info(dtype).kind)];
}

// How the result's element type follows from the operands'.
enum class ScalarResult : uint8_t {
  kSame,      // that of operand 0
  kPred,      // i1
  kReal,      // the real part's type (abs, real, imag)
  kComplex,   // the complex type of operand 0's real type
  kDeclared,  // stated by the op itself (convert, bitcast_convert)
  kBranch,    // that of operand 1 (select)
};

// X(enumerator, StableHLO name, arity, domain, result)
// The rows after `erf` are not in StableHLO: they replace CHLO composites by one accurate operation (chlo names).
// clang-format off: a table, one row a line
#define DRAGOMAN_SCALAR_OPS(X)                                         \
  X(kAbs, "abs", 1, kOnNumber, kReal)                                  \
  X(kAdd, "add", 2, kOnAny, kSame)                                     \
  X(kAnd, "and", 2, kOnBits, kSame)                                    \
  X(kAtan2, "atan2", 2, kOnField, kSame)                               \
  X(kCbrt, "cbrt", 1, kOnField, kSame)                                 \
  X(kCeil, "ceil", 1, kOnFloat, kSame)                                 \
  X(kClamp, "clamp", 3, kOnAny, kBranch)                               \
  X(kCompare, "compare", 2, kOnAny, kPred)                             \
  X(kComplex, "complex", 2, kOnFloat, kComplex)                        \
  X(kConvert, "convert", 1, kOnAny, kDeclared)                         \
  X(kCosine, "cosine", 1, kOnField, kSame)                             \
  X(kCountLeadingZeros, "count_leading_zeros", 1, kOnInt, kSame)       \
  X(kDivide, "divide", 2, kOnNumber, kSame)                            \
  X(kExponential, "exponential", 1, kOnField, kSame)                   \
  X(kExponentialMinusOne, "exponential_minus_one", 1, kOnField, kSame) \
  X(kFloor, "floor", 1, kOnFloat, kSame)                               \
  X(kImag, "imag", 1, kOnField, kReal)                                 \
  X(kIsFinite, "is_finite", 1, kOnFloat, kPred)                        \
  X(kLog, "log", 1, kOnField, kSame)                                   \
  X(kLogPlusOne, "log_plus_one", 1, kOnField, kSame)                   \
  X(kLogistic, "logistic", 1, kOnField, kSame)                         \
  X(kMaximum, "maximum", 2, kOnAny, kSame)                             \
  X(kMinimum, "minimum", 2, kOnAny, kSame)                             \
  X(kMultiply, "multiply", 2, kOnAny, kSame)                           \
  X(kNegate, "negate", 1, kOnNumber, kSame)                            \
  X(kNot, "not", 1, kOnBits, kSame)                                    \
  X(kOr, "or", 2, kOnBits, kSame)                                      \
  X(kPopcnt, "popcnt", 1, kOnInt, kSame)                               \
  X(kPower, "power", 2, kOnNumber, kSame)                              \
  X(kReal, "real", 1, kOnField, kReal)                                 \
  X(kReducePrecision, "reduce_precision", 1, kOnFloat, kSame)          \
  X(kRemainder, "remainder", 2, kOnReal, kSame)                        \
  X(kRoundNearestAfz, "round_nearest_afz", 1, kOnFloat, kSame)         \
  X(kRoundNearestEven, "round_nearest_even", 1, kOnFloat, kSame)       \
  X(kRsqrt, "rsqrt", 1, kOnField, kSame)                               \
  X(kSelect, "select", 3, kOnAny, kBranch)                             \
  X(kShiftLeft, "shift_left", 2, kOnInt, kSame)                        \
  X(kShiftRightArithmetic, "shift_right_arithmetic", 2, kOnInt, kSame) \
  X(kShiftRightLogical, "shift_right_logical", 2, kOnInt, kSame)       \
  X(kSign, "sign", 1, kOnNumber, kSame)                                \
  X(kSine, "sine", 1, kOnField, kSame)                                 \
  X(kSqrt, "sqrt", 1, kOnField, kSame)                                 \
  X(kSubtract, "subtract", 2, kOnNumber, kSame)                        \
  X(kTan, "tan", 1, kOnField, kSame)                                   \
  X(kTanh, "tanh", 1, kOnField, kSame)                                 \
  X(kXor, "xor", 2, kOnBits, kSame)                                    \
  X(kErf, "chlo.erf", 1, kOnFloat, kSame)                              \
  X(kErfc, "chlo.erfc", 1, kOnFloat, kSame)
// clang-format on

enum class ScalarOp : uint8_t {
#define X(name, text, arity, domain, result) name,
  DRAGOMAN_SCALAR_OPS(X)
#undef X
};

struct ScalarOpInfo {
  std::string_view name;
  int arity;
  uint8_t domain;
  ScalarResult result;
};

inline constexpr ScalarOpInfo kScalarOpInfos[] = {
#define X(name, text, arity, domain, result) {text, arity, domain, ScalarResult::result},
    DRAGOMAN_SCALAR_OPS(X)
#undef X
};
inline constexpr int kNumScalarOps = static_cast<int>(std::size(kScalarOpInfos));
inline constexpr const ScalarOpInfo& Info(ScalarOp op) { return kScalarOpInfos[static_cast<int>(op)]; }

// Enumerations carried by operations; values as in the VHLO encoding.
enum class ComparisonDirection : uint8_t { kEq = 0, kNe = 1, kGe = 2, kGt = 3, kLe = 4, kLt = 5 };
enum class ComparisonType : uint8_t { kNoType = 0, kFloat = 1, kTotalOrder = 2, kSigned = 3, kUnsigned = 4 };
enum class Precision : uint8_t { kDefault = 0, kHigh = 1, kHighest = 2 };

}  // namespace dragoman
