// SPDX-License-Identifier: Apache-2.0
// Sums of products for dot_general and convolution: operands unpacked once, sums in the widest type of their kind.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "reference/tensor.h"

namespace dragoman::reference {

inline void Take(const Number& number, double& value) { value = number.value.real(); }
inline void Take(const Number& number, std::complex<double>& value) { value = number.value; }
// Unsigned, so that overflow wraps.
inline void Take(const Number& number, uint64_t& value) { value = static_cast<uint64_t>(number.integer); }

inline Number Give(double value) { return Number::Of(value); }
inline Number Give(std::complex<double> value) { return Number::Of(value); }
inline Number Give(uint64_t value) { return Number::Of(static_cast<int64_t>(value)); }

inline std::complex<double> Product(std::complex<double> a, std::complex<double> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
inline double Product(double a, double b) { return a * b; }
inline uint64_t Product(uint64_t a, uint64_t b) { return a * b; }

template <typename T>
std::vector<T> Unpack(const Literal& literal) {
  const TensorReader reader(literal);
  std::vector<T> values(literal.type().num_elements());
  for (size_t i = 0; i < values.size(); ++i) Take(reader[static_cast<int64_t>(i)], values[i]);
  return values;
}

// Calls compute<T>() with the type that sums of the element type run in. A sum of booleans is their "or" once stored.
#define DRAGOMAN_WITH_SUM_TYPE(dtype, compute)                            \
  (IsComplex(dtype) ? compute.template operator()<std::complex<double>>() \
   : IsFloat(dtype) ? compute.template operator()<double>()               \
                    : compute.template operator()<uint64_t>())

}  // namespace dragoman::reference
