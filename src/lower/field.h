// SPDX-License-Identifier: Apache-2.0
// Real and complex arithmetic for the kernels of decompositions, and shared memory of such elements. Plainer than the
// operations of scalar/: nothing here is said about NaN and infinity except that they stay visible.
#pragma once

#include "element/elemental.h"
#include "kernel/builder.h"
#include "scalar/scalar.h"

namespace dragoman::kernel {

class Field {
 public:
  // f32, f64 and complex numbers of them.
  Field(Builder& builder, DType dtype);

  // An array of elements in shared memory.
  struct Shared {
    int re = -1;
    int im = -1;
  };
  Shared AddShared(int64_t count);
  Scalar Load(const Shared& array, V index);
  void Store(const Shared& array, V index, const Scalar& value);

  Scalar Zero() { return Real(real_zero()); }
  Scalar One() { return Real(b_.Float(type_, 1)); }
  Scalar Real(V value) { return {value, is_complex_ ? real_zero() : V{}}; }
  Scalar Select(V condition, const Scalar& a, const Scalar& b);
  Scalar Add(const Scalar& a, const Scalar& b);
  Scalar Subtract(const Scalar& a, const Scalar& b);
  Scalar Negate(const Scalar& a);
  Scalar Conjugate(const Scalar& a);
  Scalar Scale(const Scalar& a, V factor);
  // a b + sum.
  Scalar MultiplyAdd(const Scalar& a, const Scalar& b, const Scalar& sum);
  Scalar Multiply(const Scalar& a, const Scalar& b);
  // Of a complex number without squares that overflow.
  Scalar Divide(const Scalar& a, const Scalar& b);
  // |a|, without squares that overflow or vanish.
  V Abs(const Scalar& a);
  // |re| + |im|, LAPACK's measure for pivots.
  V AbsSum(const Scalar& a);
  V AbsReal(V a) { return b_.Unary(KOp::kFAbs, a); }

  KType type() const { return type_; }
  bool is_complex() const { return is_complex_; }
  V real_zero() { return b_.Zero(type_); }

 private:
  V Larger(V a, V b) { return b_.Select(b_.Compare(KOp::kFLt, a, b), b, a); }

  Builder& b_;
  const bool is_complex_;
  const KType type_;
};

}  // namespace dragoman::kernel
