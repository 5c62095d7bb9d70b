// SPDX-License-Identifier: Apache-2.0
// One element of a tensor as kernel IR, and the operations on it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "ir/attributes.h"
#include "kernel/builder.h"
#include "types/dtype.h"
#include "types/scalar_ops.h"

namespace dragoman::kernel {

// One element. `im` is used for complex types only. Machine type by LoadedType of the real part: s8 is kI32 holding
// the sign-extended value, u8 zero-extended, bf16 and f8 are kF32 holding a value of that type exactly.
struct Scalar {
  V re;
  V im;
};

// One scalar op of the table on values of element type `dtype` (operand 0's; compare, select and clamp included), with
// `result` the result's element type. Applies StableHLO's meaning: NaN rules of maximum, wrap-around of narrow
// integers, rounding of bf16 and f8, division by zero of integers (-1; remainder: the dividend), shifts beyond the
// width, complex arithmetic.
struct ScalarOpContext {
  DType dtype;  // operand 0's element type (operand 1's for select)
  DType result;
  const ir::Attributes* attributes = nullptr;
};
StatusOr<Scalar> EmitScalarOp(Builder& builder, ScalarOp op, const ScalarOpContext& context,
                              std::span<const Scalar> operands);
StatusOr<Scalar> ConvertScalar(Builder& builder, const Scalar& value, DType from, DType to);
Scalar ZeroScalar(Builder& builder, DType dtype);
// A literal's element as a constant.
Scalar ConstantScalar(Builder& builder, const ir::Literal& literal, int64_t linear_index);

// Values and their machine parts, for carrying them through loops.
std::vector<V> FlattenScalars(std::span<const Scalar> values);
std::vector<Scalar> UnflattenScalars(std::span<const V> parts, std::span<const DType> dtypes);

}  // namespace dragoman::kernel
