// SPDX-License-Identifier: Apache-2.0
#include "reference/matrix.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

// The values of transpose_a; 0 is invalid.
constexpr int64_t kTranspose = 2;
constexpr int64_t kAdjoint = 3;

Matrix Transposed(const Matrix& a, bool conjugates) {
  Matrix result(a.num_columns(), a.num_rows());
  for (int64_t i = 0; i < a.num_rows(); ++i) {
    for (int64_t j = 0; j < a.num_columns(); ++j) result(j, i) = conjugates ? std::conj(a(i, j)) : a(i, j);
  }
  return result;
}

// X with A X = B; only A's triangle is read.
Matrix SolveLeft(const Matrix& a, Matrix b, bool is_lower, bool has_unit_diagonal) {
  const int64_t n = a.num_rows();
  for (int64_t column = 0; column < b.num_columns(); ++column) {
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = is_lower ? step : n - 1 - step;
      std::complex<double> sum = b(i, column);
      for (int64_t k = is_lower ? 0 : i + 1; k < (is_lower ? i : n); ++k) sum -= a(i, k) * b(k, column);
      b(i, column) = has_unit_diagonal ? sum : sum / a(i, i);
    }
  }
  return b;
}

}  // namespace

Results EvaluateTriangularSolve(const OpCall& call) {
  using ir::AttrKey;
  const ir::Attributes& attributes = call.op.attributes;
  const bool is_left = attributes.Int(AttrKey::kLeftSide) != 0;
  const bool has_unit_diagonal = attributes.Int(AttrKey::kUnitDiagonal) != 0;
  const int64_t transpose = attributes.Int(AttrKey::kTransposeA);
  const bool is_transposed = transpose == kTranspose || transpose == kAdjoint;
  const bool is_lower = (attributes.Int(AttrKey::kLower) != 0) != is_transposed;
  TensorWriter writer(call.op.type());
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    Matrix a = MatrixAt(call.operands[0], batch);
    if (is_transposed) a = Transposed(a, transpose == kAdjoint);
    Matrix b = MatrixAt(call.operands[1], batch);
    // X A = B is Aᵀ Xᵀ = Bᵀ.
    const Matrix x =
        is_left
            ? SolveLeft(a, std::move(b), is_lower, has_unit_diagonal)
            : Transposed(SolveLeft(Transposed(a, false), Transposed(b, false), !is_lower, has_unit_diagonal), false);
    WriteMatrix(x, batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
