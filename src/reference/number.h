// SPDX-License-Identifier: Apache-2.0
// One element as a number: what every evaluation here computes with. Which member counts follows from the element type.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

#include "types/dtype.h"

namespace dragoman::reference {

struct Number {
  // Booleans (0 or 1), signed integers, and unsigned ones by their bits extended with zeros.
  int64_t integer = 0;
  // Floats (imaginary part 0) and complex numbers.
  std::complex<double> value;

  static Number Of(int64_t integer) { return {integer, {}}; }
  static Number Of(bool truth) { return {truth ? 1 : 0, {}}; }
  static Number Of(double real) { return {0, {real, 0}}; }
  static Number Of(std::complex<double> value) { return {0, value}; }
};

using Loader = Number (*)(const std::byte* element);
using Storer = void (*)(const Number& number, std::byte* element);

// From and to the element's bytes in a buffer. Storing rounds floats to nearest, ties to even, and wraps integers.
// Not for tokens.
Loader LoaderOf(DType dtype);
Storer StorerOf(DType dtype);

// What is left of a number after storing and loading it.
Number RoundTo(DType dtype, const Number& number);

}  // namespace dragoman::reference
