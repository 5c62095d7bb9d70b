// SPDX-License-Identifier: Apache-2.0
// How scalar operations become kernel IR, by domain of their element type. Internal to scalar_*.cc; everyone else calls
// EmitScalarOp (scalar.h).
#pragma once

#include <array>
#include <span>

#include "kernel/builder.h"
#include "scalar/scalar.h"
#include "types/scalar_ops.h"

namespace dragoman::kernel {

struct ScalarCall {
  Builder& b;
  ScalarOp op;
  const ScalarOpContext& context;
  std::span<const Scalar> x;

  V re(int operand) const { return x[operand].re; }
  DType dtype() const { return context.dtype; }
};
using EmitScalar = Scalar (*)(const ScalarCall&);

template <typename Row>
using RowsByOp = std::array<Row, kNumScalarOps>;

// Rows start with their op; ops without a row get an empty one. Which is which is a flag: with GCC's
// UndefinedBehaviorSanitizer a function's address is not compared with null at compile time.
template <typename Row, size_t N>
constexpr RowsByOp<Row> ByOp(const Row (&rows)[N]) {
  RowsByOp<Row> table{};
  for (const Row& row : rows) {
    table[static_cast<int>(row.op)] = row;
    table[static_cast<int>(row.op)].is_present = true;
  }
  return table;
}

// Whether every op that takes the domain has a row.
template <typename Row>
constexpr bool Covers(const RowsByOp<Row>& table, ScalarDomain domain) {
  for (int i = 0; i < kNumScalarOps; ++i) {
    if ((kScalarOpInfos[i].domain & domain) != 0 && !table[i].is_present) return false;
  }
  return true;
}

// The emitter of an op, null where the op does not take the domain.
EmitScalar BoolEmitter(ScalarOp op);
EmitScalar IntEmitter(ScalarOp op);
EmitScalar FloatEmitter(ScalarOp op);
EmitScalar ComplexEmitter(ScalarOp op);

// Between any two element types (scalar_convert.cc).
Scalar EmitConvert(const ScalarCall& call);
Scalar EmitReducePrecision(const ScalarCall& call);

// The low bits of a kI32 as the narrow integer type holds them; others unchanged.
V WrapInt(Builder& b, V v, DType dtype);
// kF16 to kF32; others unchanged.
V WidenFloat(Builder& b, V v);
// A kF32 (f64: kF64) rounded to a value of `dtype`, in dtype's machine type.
V NarrowFloat(Builder& b, V v, DType dtype);
// The machine type of values of `dtype`'s real part.
KType MachineType(const Builder& b, DType dtype);

// `direction` applied to integers, booleans or floats.
V EmitOrdering(Builder& b, ComparisonDirection direction, DType dtype, V lhs, V rhs);

}  // namespace dragoman::kernel
