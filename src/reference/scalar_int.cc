// SPDX-License-Identifier: Apache-2.0
#include "reference/scalar_int.h"

#include <algorithm>
#include <bit>

namespace dragoman::reference {
namespace {

uint64_t Unsigned(int64_t a) { return static_cast<uint64_t>(a); }
int64_t Wrapped(uint64_t a) { return static_cast<int64_t>(a); }

// Only the bits of the type, the others zero.
uint64_t BitsOf(DType dtype, int64_t a) {
  const int unused = 64 - Info(dtype).bits;
  return Unsigned(a) << unused >> unused;
}

bool IsShiftBeyond(DType dtype, int64_t amount) { return Unsigned(amount) >= Unsigned(Info(dtype).bits); }

}  // namespace

IntRange RangeOf(DType dtype) {
  const int bits = Info(dtype).bits;
  if (!IsSigned(dtype)) return {0, Wrapped(~uint64_t{0} >> (64 - bits))};
  const int64_t max = Wrapped(~uint64_t{0} >> (65 - bits));
  return {-max - 1, max};
}

int64_t AbsInt(DType dtype, int64_t a) { return IsSigned(dtype) && a < 0 ? Wrapped(0 - Unsigned(a)) : a; }
int64_t CountLeadingZeros(DType dtype, int64_t a) {
  return std::countl_zero(BitsOf(dtype, a)) - (64 - Info(dtype).bits);
}
int64_t NegateInt(DType, int64_t a) { return Wrapped(0 - Unsigned(a)); }
int64_t NotInt(DType dtype, int64_t a) { return IsPred(dtype) ? a ^ 1 : ~a; }
int64_t PopulationCount(DType dtype, int64_t a) { return std::popcount(BitsOf(dtype, a)); }
int64_t SignInt(DType dtype, int64_t a) { return IsSigned(dtype) && a < 0 ? -1 : a != 0; }

// On booleans addition is or, multiplication is and.
int64_t AddInt(DType dtype, int64_t a, int64_t b) { return IsPred(dtype) ? a | b : Wrapped(Unsigned(a) + Unsigned(b)); }
int64_t AndInt(DType, int64_t a, int64_t b) { return a & b; }
int64_t MultiplyInt(DType, int64_t a, int64_t b) { return Wrapped(Unsigned(a) * Unsigned(b)); }
int64_t OrInt(DType, int64_t a, int64_t b) { return a | b; }
int64_t SubtractInt(DType, int64_t a, int64_t b) { return Wrapped(Unsigned(a) - Unsigned(b)); }
int64_t XorInt(DType, int64_t a, int64_t b) { return a ^ b; }

int64_t DivideInt(DType dtype, int64_t a, int64_t b) {
  if (b == 0) return -1;
  if (!IsSigned(dtype)) return Wrapped(Unsigned(a) / Unsigned(b));
  return b == -1 ? Wrapped(0 - Unsigned(a)) : a / b;
}

int64_t RemainderInt(DType dtype, int64_t a, int64_t b) {
  if (b == 0) return a;
  if (!IsSigned(dtype)) return Wrapped(Unsigned(a) % Unsigned(b));
  return b == -1 ? 0 : a % b;
}

int64_t MaximumInt(DType dtype, int64_t a, int64_t b) {
  return IsSigned(dtype) ? std::max(a, b) : Wrapped(std::max(Unsigned(a), Unsigned(b)));
}
int64_t MinimumInt(DType dtype, int64_t a, int64_t b) {
  return IsSigned(dtype) ? std::min(a, b) : Wrapped(std::min(Unsigned(a), Unsigned(b)));
}

int64_t PowerInt(DType dtype, int64_t a, int64_t b) {
  if (IsSigned(dtype) && b < 0) {
    if (a == 1) return 1;
    return a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  }
  uint64_t result = 1;
  uint64_t base = Unsigned(a);
  for (uint64_t exponent = Unsigned(b); exponent != 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return Wrapped(result);
}

int64_t ShiftLeft(DType dtype, int64_t a, int64_t b) { return IsShiftBeyond(dtype, b) ? 0 : Wrapped(Unsigned(a) << b); }

int64_t ShiftRightLogical(DType dtype, int64_t a, int64_t b) {
  return IsShiftBeyond(dtype, b) ? 0 : Wrapped(BitsOf(dtype, a) >> b);
}

int64_t ShiftRightArithmetic(DType dtype, int64_t a, int64_t b) {
  // Unsigned values shift in their own highest bit.
  const int unused = 64 - Info(dtype).bits;
  const int64_t extended = Wrapped(Unsigned(a) << unused) >> unused;
  return extended >> (IsShiftBeyond(dtype, b) ? 63 : b);
}

}  // namespace dragoman::reference
