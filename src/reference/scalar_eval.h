// SPDX-License-Identifier: Apache-2.0
// The elementwise ops on single numbers: one row each in scalar_eval.cc, checked at compile time to be complete.
#pragma once

#include "ir/ir.h"
#include "reference/number.h"
#include "types/scalar_ops.h"

namespace dragoman::reference {

// What besides the numbers decides an op's result.
struct ScalarContext {
  DType operand = DType::kF32;  // of the operand that carries the values: the second of clamp and select
  DType result = DType::kF32;
  ComparisonDirection direction = ComparisonDirection::kEq;
  ComparisonType comparison = ComparisonType::kNoType;
  SmallFloatFormat precision = {};  // of reduce_precision
};

ScalarContext ContextOf(const ir::Op& op);

// The exact result, or one correctly computed in f64; the caller rounds it to the result's type.
using ScalarFunction = Number (*)(const ScalarContext& context, const Number* operands);
ScalarFunction FunctionOf(ScalarOp op);

}  // namespace dragoman::reference
