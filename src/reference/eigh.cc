// SPDX-License-Identifier: Apache-2.0
#include "reference/eigh.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"
#include "reference/matrix.h"

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
    Matrix v(n, n);
    for (int64_t i = 0; i < n; ++i) v(i, i) = 1;
    for (int sweep = 0; sweep < kMaxSweeps && !IsDiagonal(a); ++sweep) {
      for (int64_t p = 0; p < n; ++p) {
        for (int64_t q = p + 1; q < n; ++q) Rotate(a, v, p, q);
      }
    }
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

}  // namespace dragoman::reference
