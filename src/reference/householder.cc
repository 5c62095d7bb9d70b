// SPDX-License-Identifier: Apache-2.0
#include "reference/householder.h"

#include <algorithm>
#include <cmath>

#include "reference/matrix.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

using Complex = std::complex<double>;

// Where a reflector's element 1 stands; the others are below it.
struct Head {
  int64_t row;
  int64_t column;
};

// Subtracts tau v (vᴴ M) from columns first.. of M, where v is 1 at the row of `head` and what stands in `packed`
// below.
void Reflect(const Matrix& packed, Head head, Complex tau, int64_t first_column, Matrix& matrix) {
  for (int64_t j = first_column; j < matrix.num_columns(); ++j) {
    Complex product = matrix(head.row, j);
    for (int64_t i = head.row + 1; i < matrix.num_rows(); ++i) {
      product += std::conj(packed(i, head.column)) * matrix(i, j);
    }
    product *= tau;
    matrix(head.row, j) -= product;
    for (int64_t i = head.row + 1; i < matrix.num_rows(); ++i) matrix(i, j) -= packed(i, head.column) * product;
  }
}

// Turns a column into its reflector, leaving the diagonal of R; returns tau.
Complex MakeReflector(Matrix& a, Head head) {
  double below = 0;
  for (int64_t i = head.row + 1; i < a.num_rows(); ++i) below += std::norm(a(i, head.column));
  const Complex alpha = a(head.row, head.column);
  if (below == 0 && alpha.imag() == 0) return 0;
  const double length = std::sqrt(std::norm(alpha) + below);
  const double beta = std::signbit(alpha.real()) ? length : -length;
  for (int64_t i = head.row + 1; i < a.num_rows(); ++i) a(i, head.column) /= alpha - beta;
  a(head.row, head.column) = beta;
  return (beta - alpha) / beta;
}

// Column k has its diagonal in row first + k; as many columns as have one.
Results Factor(const OpCall& call, int64_t first, bool is_transposed) {
  TensorWriter packed(call.op.type(0));
  TensorWriter taus(call.op.type(1));
  const int64_t num_taus = call.op.type(1).dims.back();
  for (int64_t batch = 0; batch < NumMatrices(packed.type()); ++batch) {
    Matrix a = MatrixAt(call.operands[0], batch);
    if (is_transposed) a = Transposed(a);
    for (int64_t k = 0; k < num_taus; ++k) {
      Complex tau = 0;
      if (first + k < a.num_rows()) {
        tau = MakeReflector(a, {first + k, k});
        Reflect(a, {first + k, k}, std::conj(tau), k + 1, a);
      }
      taus.Set(batch * num_taus + k, Number::Of(tau));
    }
    WriteMatrix(is_transposed ? Transposed(a) : a, batch, packed);
  }
  return std::vector<Literal>{std::move(packed).Finish(), std::move(taus).Finish()};
}

}  // namespace

Results EvaluateQr(const OpCall& call) { return Factor(call, 0, false); }

Results EvaluateQrPanel(const OpCall& call) { return Factor(call, TensorReader(call.operands[1])[0].integer, true); }

Results EvaluateProductOfReflectors(const OpCall& call) {
  TensorWriter writer(call.op.type());
  const TensorReader taus(call.operands[1]);
  const int64_t num_reflectors = call.operands[1].type().dims.back();
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    const Matrix packed = MatrixAt(call.operands[0], batch);
    Matrix product(NumRows(writer.type()), NumColumns(writer.type()));
    for (int64_t i = 0; i < std::min(product.num_rows(), product.num_columns()); ++i) product(i, i) = 1;
    for (int64_t k = num_reflectors - 1; k >= 0; --k) {
      Reflect(packed, {k, k}, taus[batch * num_reflectors + k].value, k, product);
    }
    WriteMatrix(product, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
