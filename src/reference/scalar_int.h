// SPDX-License-Identifier: Apache-2.0
// Integer and boolean arithmetic by element type. Arguments are in range of the type; results may be out of it, storing
// wraps them. What StableHLO leaves to the implementation (division by zero, shifts beyond the width) is as in XLA.
#pragma once

#include <cstdint>

#include "types/dtype.h"

namespace dragoman::reference {

// For unsigned types the bits of the bounds.
struct IntRange {
  int64_t min;
  int64_t max;
};
IntRange RangeOf(DType dtype);

int64_t AbsInt(DType dtype, int64_t a);
int64_t CountLeadingZeros(DType dtype, int64_t a);
int64_t NegateInt(DType dtype, int64_t a);
int64_t NotInt(DType dtype, int64_t a);
int64_t PopulationCount(DType dtype, int64_t a);
int64_t SignInt(DType dtype, int64_t a);

int64_t AddInt(DType dtype, int64_t a, int64_t b);
int64_t AndInt(DType dtype, int64_t a, int64_t b);
int64_t DivideInt(DType dtype, int64_t a, int64_t b);
int64_t MaximumInt(DType dtype, int64_t a, int64_t b);
int64_t MinimumInt(DType dtype, int64_t a, int64_t b);
int64_t MultiplyInt(DType dtype, int64_t a, int64_t b);
int64_t OrInt(DType dtype, int64_t a, int64_t b);
int64_t PowerInt(DType dtype, int64_t a, int64_t b);
int64_t RemainderInt(DType dtype, int64_t a, int64_t b);
int64_t ShiftLeft(DType dtype, int64_t a, int64_t b);
int64_t ShiftRightArithmetic(DType dtype, int64_t a, int64_t b);
int64_t ShiftRightLogical(DType dtype, int64_t a, int64_t b);
int64_t SubtractInt(DType dtype, int64_t a, int64_t b);
int64_t XorInt(DType dtype, int64_t a, int64_t b);

}  // namespace dragoman::reference
