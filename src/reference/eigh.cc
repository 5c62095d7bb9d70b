// SPDX-License-Identifier: Apache-2.0
#include "reference/eigh.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"
#include "reference/matrix.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

using Complex = std::complex<double>;

constexpr int kMaxSweeps = 50;

Matrix HermitianOf(const Matrix& matrix, bool is_lower) {
  const int64_t n = matrix.num_rows();
  Matrix a(n, n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) a(i, j) = (i > j) == is_lower ? matrix(i, j) : std::conj(matrix(j, i));
    a(i, i) = matrix(i, i).real();
  }
  return a;
}

// Makes a(p, q) zero by a rotation of rows and columns p and q, which it also does to the columns of `vectors`.
void Rotate(Matrix& a, Matrix& vectors, int64_t p, int64_t q) {
  const double size = std::abs(a(p, q));
  // A subnormal number has no phase to speak of.
  if (size <= 1e-25 * (std::abs(a(p, p)) + std::abs(a(q, q)))) return;
  const Complex phase = a(p, q) / size;
  const double tau = (a(q, q).real() - a(p, p).real()) / (2 * size);
  const double t = (tau < 0 ? -1 : 1) / (std::abs(tau) + std::hypot(1, tau));
  const double c = 1 / std::hypot(1, t), s = t * c;
  const auto columns = [&](Matrix& matrix) {
    for (int64_t i = 0; i < matrix.num_rows(); ++i) {
      const Complex x = matrix(i, p), y = std::conj(phase) * matrix(i, q);
      matrix(i, p) = c * x - s * y;
      matrix(i, q) = s * x + c * y;
    }
  };
  columns(a);
  for (int64_t i = 0; i < a.num_rows(); ++i) {
    const Complex x = a(p, i), y = phase * a(q, i);
    a(p, i) = c * x - s * y;
    a(q, i) = s * x + c * y;
  }
  columns(vectors);
}

// Every pair of rows once.
void Sweep(Matrix& a, Matrix& vectors) {
  for (int64_t p = 0; p < a.num_rows(); ++p) {
    for (int64_t q = p + 1; q < a.num_rows(); ++q) Rotate(a, vectors, p, q);
  }
}

Matrix Identity(int64_t n) {
  Matrix matrix(n, n);
  for (int64_t i = 0; i < n; ++i) matrix(i, i) = 1;
  return matrix;
}

// Blocks of matrices [count, ...]: the rows and columns from `first` on of a matrix.
Matrix DiagonalBlock(const Matrix& matrix, int64_t first, int64_t size) {
  Matrix block(size, size);
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j) block(i, j) = matrix(first + i, first + j);
  }
  return block;
}

// `matrix` times the block-diagonal one of `blocks` [count, num_blocks, size, size].
Matrix TimesBlocks(const Matrix& matrix, const Literal& blocks, int64_t batch) {
  const int64_t size = NumRows(blocks.type()), num_blocks = blocks.type().dims[1];
  Matrix result(matrix.num_rows(), matrix.num_columns());
  for (int64_t p = 0; p < num_blocks; ++p) {
    const Matrix block = MatrixAt(blocks, batch * num_blocks + p);
    for (int64_t i = 0; i < matrix.num_rows(); ++i) {
      for (int64_t j = 0; j < size; ++j) {
        for (int64_t k = 0; k < size; ++k) result(i, p * size + j) += matrix(i, p * size + k) * block(k, j);
      }
    }
  }
  return result;
}

Matrix Adjoint(const Matrix& matrix) {
  Matrix result(matrix.num_columns(), matrix.num_rows());
  for (int64_t i = 0; i < matrix.num_rows(); ++i) {
    for (int64_t j = 0; j < matrix.num_columns(); ++j) result(j, i) = std::conj(matrix(i, j));
  }
  return result;
}

// Where half-block h of `count` goes: the first stays, the others go round, those with even numbers up.
int64_t NextPlace(int64_t h, int64_t count) {
  if (h == 0 || count == 2) return h;
  if (h == 1) return 2;
  if (h % 2 != 0) return h - 2;
  return h == count - 2 ? h + 1 : h + 2;
}

Matrix WithColumnsMoved(const Matrix& matrix, int64_t half) {
  Matrix result(matrix.num_rows(), matrix.num_columns());
  for (int64_t i = 0; i < matrix.num_rows(); ++i) {
    for (int64_t j = 0; j < matrix.num_columns(); ++j) {
      result(i, NextPlace(j / half, matrix.num_columns() / half) * half + j % half) = matrix(i, j);
    }
  }
  return result;
}

bool IsDiagonal(const Matrix& a) {
  double off = 0, all = 0;
  for (int64_t i = 0; i < a.num_rows(); ++i) {
    for (int64_t j = 0; j < a.num_rows(); ++j) {
      all += std::norm(a(i, j));
      if (i != j) off += std::norm(a(i, j));
    }
  }
  return off <= 1e-32 * all;
}

}  // namespace

Results EvaluateEigh(const OpCall& call) {
  const TensorType& type = call.operands.empty() ? TensorType{} : call.operands[0].type();
  const bool fits = call.op.results.size() == 2 && type.rank() >= 2 && NumRows(type) == NumColumns(type) &&
                    call.op.type(0).dims == type.dims &&
                    call.op.type(1).dims == Dims(type.dims.begin(), type.dims.end() - 1);
  if (!fits) return Unimplemented(Format("Eigh of {} is not evaluated.", type.ToString()));
  const int64_t n = NumRows(type);
  TensorWriter vectors(call.op.type(0)), values(call.op.type(1));
  for (int64_t batch = 0; batch < NumMatrices(type); ++batch) {
    const bool is_lower = !call.op.attributes.Text(ir::AttrKey::kBackendConfig).starts_with("0");
    Matrix a = HermitianOf(MatrixAt(call.operands[0], batch), is_lower);
    Matrix v = Identity(n);
    for (int sweep = 0; sweep < kMaxSweeps && !IsDiagonal(a); ++sweep) Sweep(a, v);
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return a(i, i).real() < a(j, j).real(); });
    Matrix sorted(n, n);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < n; ++i) sorted(i, j) = v(i, order[j]);
      values.Set(batch * n + j, Number::Of(a(order[j], order[j]).real()));
    }
    WriteMatrix(sorted, batch, vectors);
  }
  return std::vector<Literal>{std::move(vectors).Finish(), std::move(values).Finish()};
}

Results EvaluateJacobiRotations(const OpCall& call) {
  TensorWriter rotations(call.op.type());
  const int64_t num_blocks = rotations.type().dims[1], size = rotations.type().dims[2];
  for (int64_t batch = 0; batch < NumMatrices(call.operands[0].type()); ++batch) {
    const Matrix matrix = MatrixAt(call.operands[0], batch);
    for (int64_t p = 0; p < num_blocks; ++p) {
      Matrix block = DiagonalBlock(matrix, p * size, size);
      Matrix vectors = Identity(size);
      Sweep(block, vectors);
      WriteMatrix(vectors, batch * num_blocks + p, rotations);
    }
  }
  return std::vector<Literal>{std::move(rotations).Finish()};
}

Results EvaluateRotateBlocks(const OpCall& call) {
  TensorWriter writer(call.op.type());
  const int64_t half = NumRows(call.operands[1].type()) / 2;
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    const auto columns = [&](const Matrix& matrix) {
      return WithColumnsMoved(TimesBlocks(matrix, call.operands[1], batch), half);
    };
    Matrix result = columns(MatrixAt(call.operands[0], batch));
    if (call.op.attributes.Int(ir::AttrKey::kBothSides) != 0) result = Adjoint(columns(Adjoint(result)));
    WriteMatrix(result, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
