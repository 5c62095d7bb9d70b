// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "reference/matrix.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

// L with A = L Lᴴ, from the lower triangle of A (or the upper one, which is its conjugate); all NaN when A is not
// positive definite.
Matrix LowerFactor(const Matrix& a, bool is_lower) {
  const int64_t n = a.num_rows();
  Matrix factor(n, n);
  bool is_positive_definite = true;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i < n; ++i) {
      std::complex<double> sum = is_lower ? a(i, j) : std::conj(a(j, i));
      for (int64_t k = 0; k < j; ++k) sum -= factor(i, k) * std::conj(factor(j, k));
      if (i == j && !(sum.real() > 0)) is_positive_definite = false;
      factor(i, j) = i == j ? std::sqrt(sum.real()) : sum / factor(j, j).real();
    }
  }
  for (int64_t i = 0; i < n && !is_positive_definite; ++i) {
    for (int64_t j = 0; j <= i; ++j) factor(i, j) = NAN;
  }
  return factor;
}

}  // namespace

// The other triangle of the result is zero.
Results EvaluateCholesky(const OpCall& call) {
  const bool is_lower = call.op.attributes.Int(ir::AttrKey::kLower) != 0;
  TensorWriter writer(call.op.type());
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    const Matrix lower = LowerFactor(MatrixAt(call.operands[0], batch), is_lower);
    Matrix result(lower.num_rows(), lower.num_rows());
    for (int64_t i = 0; i < lower.num_rows(); ++i) {
      for (int64_t j = 0; j <= i; ++j)
        (is_lower ? result(i, j) : result(j, i)) = is_lower ? lower(i, j) : std::conj(lower(i, j));
    }
    WriteMatrix(result, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

Results EvaluateCholeskyPanel(const OpCall& call) {
  TensorWriter writer(call.op.type());
  const int64_t first = TensorReader(call.operands[1])[0].integer;
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    const Matrix a = MatrixAt(call.operands[0], batch);
    Matrix u(a.num_rows(), a.num_columns());
    for (int64_t i = 0; i < a.num_rows(); ++i) {
      for (int64_t j = first + i; j < a.num_columns(); ++j) {
        u(i, j) = a(i, j);
        for (int64_t k = 0; k < i; ++k) u(i, j) -= std::conj(u(k, first + i)) * u(k, j);
        u(i, j) = j == first + i ? std::sqrt(u(i, j).real()) : u(i, j) / u(i, first + i).real();
      }
    }
    WriteMatrix(u, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
