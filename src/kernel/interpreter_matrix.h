// SPDX-License-Identifier: Apache-2.0
// Matrices of a subgroup, for the interpreter: where their elements lie, and their product.
#pragma once

#include <vector>

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

using MatrixValue = std::vector<double>;  // row-major

// Element `element` of a matrix is in word `word` of the shared array, counted from its lowest bits the `part`-th.
struct MatrixElement {
  uint64_t word = 0;
  int part = 0;
  size_t element = 0;
};

// All elements of a matrix of the type whose first is in word `first`.
std::vector<MatrixElement> MatrixElements(const target::MatrixShape& shape, KType type, MatrixLayout layout,
                                          uint64_t first);

// An element of A or B in its word, and a sum as the word that C is stored as.
double ElementOf(DType input, uint32_t word, int part);
uint32_t SumBits(DType accumulator, double sum);

// A x B + C, with products and sums rounded to f32, in ascending order of k; of integers modulo 2^32.
MatrixValue MultiplyAddMatrices(const target::MatrixShape& shape, const MatrixValue& a, const MatrixValue& b,
                                const MatrixValue& c);

}  // namespace dragoman::kernel
