// SPDX-License-Identifier: Apache-2.0
#include "reference/householder.h"

#include <algorithm>
#include <cmath>

#include "reference/matrix.h"

namespace dragoman::reference {
namespace {

using Complex = std::complex<double>;

// Subtracts tau v (vᴴ M) from columns first.. of M, where v is 1 at row k and column k of `packed` below it.
void Reflect(const Matrix& packed, int64_t k, Complex tau, int64_t first_column, Matrix& matrix) {
  for (int64_t j = first_column; j < matrix.num_columns(); ++j) {
    Complex product = matrix(k, j);
    for (int64_t i = k + 1; i < matrix.num_rows(); ++i) product += std::conj(packed(i, k)) * matrix(i, j);
    product *= tau;
    matrix(k, j) -= product;
    for (int64_t i = k + 1; i < matrix.num_rows(); ++i) matrix(i, j) -= packed(i, k) * product;
  }
}

// Turns column k into its reflector, leaving the diagonal of R; returns tau.
Complex MakeReflector(Matrix& a, int64_t k) {
  double below = 0;
  for (int64_t i = k + 1; i < a.num_rows(); ++i) below += std::norm(a(i, k));
  const Complex alpha = a(k, k);
  if (below == 0 && alpha.imag() == 0) return 0;
  const double length = std::sqrt(std::norm(alpha) + below);
  const double beta = std::signbit(alpha.real()) ? length : -length;
  for (int64_t i = k + 1; i < a.num_rows(); ++i) a(i, k) /= alpha - beta;
  a(k, k) = beta;
  return (beta - alpha) / beta;
}

}  // namespace

Results EvaluateQr(const OpCall& call) {
  TensorWriter packed(call.op.type(0));
  TensorWriter taus(call.op.type(1));
  const int64_t num_reflectors = std::min(NumRows(packed.type()), NumColumns(packed.type()));
  for (int64_t batch = 0; batch < NumMatrices(packed.type()); ++batch) {
    Matrix a = MatrixAt(call.operands[0], batch);
    for (int64_t k = 0; k < num_reflectors; ++k) {
      const Complex tau = MakeReflector(a, k);
      Reflect(a, k, std::conj(tau), k + 1, a);
      taus.Set(batch * num_reflectors + k, Number::Of(tau));
    }
    WriteMatrix(a, batch, packed);
  }
  return std::vector<Literal>{std::move(packed).Finish(), std::move(taus).Finish()};
}

Results EvaluateProductOfReflectors(const OpCall& call) {
  TensorWriter writer(call.op.type());
  const TensorReader taus(call.operands[1]);
  const int64_t num_reflectors = call.operands[1].type().dims.back();
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    const Matrix packed = MatrixAt(call.operands[0], batch);
    Matrix product(NumRows(writer.type()), NumColumns(writer.type()));
    for (int64_t i = 0; i < std::min(product.num_rows(), product.num_columns()); ++i) product(i, i) = 1;
    for (int64_t k = num_reflectors - 1; k >= 0; --k) {
      Reflect(packed, k, taus[batch * num_reflectors + k].value, k, product);
    }
    WriteMatrix(product, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
