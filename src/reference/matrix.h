// SPDX-License-Identifier: Apache-2.0
// Batches of matrices in the last two dimensions, in complex f64, for linear algebra.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "reference/tensor.h"

namespace dragoman::reference {

class Matrix {
 public:
  Matrix(int64_t num_rows, int64_t num_columns)
      : num_rows_(num_rows), num_columns_(num_columns), elements_(num_rows * num_columns) {}

  std::complex<double>& operator()(int64_t row, int64_t column) { return elements_[row * num_columns_ + column]; }
  const std::complex<double>& operator()(int64_t row, int64_t column) const {
    return elements_[row * num_columns_ + column];
  }
  int64_t num_rows() const { return num_rows_; }
  int64_t num_columns() const { return num_columns_; }

 private:
  int64_t num_rows_;
  int64_t num_columns_;
  std::vector<std::complex<double>> elements_;
};

// Of the last two dimensions; the type has at least two.
inline int64_t NumRows(const TensorType& type) { return type.dims[type.rank() - 2]; }
inline int64_t NumColumns(const TensorType& type) { return type.dims[type.rank() - 1]; }
inline int64_t NumMatrices(const TensorType& type) { return NumElements(Dims(type.dims.begin(), type.dims.end() - 2)); }

inline Matrix MatrixAt(const Literal& literal, int64_t batch) {
  Matrix matrix(NumRows(literal.type()), NumColumns(literal.type()));
  const TensorReader reader(literal);
  const int64_t base = batch * matrix.num_rows() * matrix.num_columns();
  for (int64_t i = 0; i < matrix.num_rows() * matrix.num_columns(); ++i) {
    matrix(i / matrix.num_columns(), i % matrix.num_columns()) = reader[base + i].value;
  }
  return matrix;
}

inline Matrix Transposed(const Matrix& matrix) {
  Matrix result(matrix.num_columns(), matrix.num_rows());
  for (int64_t i = 0; i < matrix.num_rows(); ++i) {
    for (int64_t j = 0; j < matrix.num_columns(); ++j) result(j, i) = matrix(i, j);
  }
  return result;
}

inline void WriteMatrix(const Matrix& matrix, int64_t batch, TensorWriter& writer) {
  const int64_t base = batch * matrix.num_rows() * matrix.num_columns();
  for (int64_t i = 0; i < matrix.num_rows() * matrix.num_columns(); ++i) {
    writer.Set(base + i, Number::Of(matrix(i / matrix.num_columns(), i % matrix.num_columns())));
  }
}

}  // namespace dragoman::reference
