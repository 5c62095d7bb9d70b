// SPDX-License-Identifier: Apache-2.0
#include "kernel/interpreter_matrix.h"

#include <bit>

#include "types/small_float.h"

namespace dragoman::kernel {

std::vector<MatrixElement> MatrixElements(const target::MatrixShape& shape, KType type, MatrixLayout layout,
                                          uint64_t first) {
  const int rows = type == KType::kMatrixB ? shape.k : shape.m;
  const int columns = type == KType::kMatrixA ? shape.k : shape.n;
  const int per_word = type == KType::kMatrixC ? 1 : 4 / SizeBytes(shape.input);
  std::vector<MatrixElement> elements;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int line = layout.is_column_major ? column : row;
      const int within = layout.is_column_major ? row : column;
      const uint64_t word = first + uint64_t{layout.stride_words} * line + within / per_word;
      elements.push_back({word, within % per_word, static_cast<size_t>(row) * columns + column});
    }
  }
  return elements;
}

namespace {

// Sums of products of 8 bits are exact in double until they are cut to 32 bits.
MatrixValue MultiplyAddIntegers(const target::MatrixShape& shape, const MatrixValue& a, const MatrixValue& b,
                                const MatrixValue& c) {
  MatrixValue result(c.size());
  for (int row = 0; row < shape.m; ++row) {
    for (int column = 0; column < shape.n; ++column) {
      double sum = c[row * shape.n + column];
      for (int k = 0; k < shape.k; ++k) sum += a[row * shape.k + k] * b[k * shape.n + column];
      result[row * shape.n + column] = static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(sum)));
    }
  }
  return result;
}

}  // namespace

double ElementOf(DType input, uint32_t word, int part) {
  if (input == DType::kS8) return static_cast<int8_t>(word >> (8 * part));
  return DecodeSmallFloat(input, word >> (16 * part) & 0xffff);
}

uint32_t SumBits(DType accumulator, double sum) {
  if (IsInteger(accumulator)) return static_cast<uint32_t>(static_cast<int32_t>(sum));
  return std::bit_cast<uint32_t>(static_cast<float>(sum));
}

MatrixValue MultiplyAddMatrices(const target::MatrixShape& shape, const MatrixValue& a, const MatrixValue& b,
                                const MatrixValue& c) {
  if (IsInteger(shape.accumulator)) return MultiplyAddIntegers(shape, a, b, c);
  MatrixValue result(c.size());
  for (int row = 0; row < shape.m; ++row) {
    for (int column = 0; column < shape.n; ++column) {
      float sum = static_cast<float>(c[row * shape.n + column]);
      for (int k = 0; k < shape.k; ++k) sum += static_cast<float>(a[row * shape.k + k] * b[k * shape.n + column]);
      result[row * shape.n + column] = sum;
    }
  }
  return result;
}

}  // namespace dragoman::kernel
