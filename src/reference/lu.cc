// SPDX-License-Identifier: Apache-2.0
#include "reference/lu.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/matrix.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

// LAPACK's measure of a complex number.
double SizeOf(const std::complex<double>& value) { return std::abs(value.real()) + std::abs(value.imag()); }

// The row from `first` on with the largest element of a column; the first such.
int64_t PivotRow(const Matrix& a, int64_t first, int64_t column) {
  int64_t pivot = first;
  for (int64_t i = first + 1; i < a.num_rows(); ++i) {
    if (SizeOf(a(i, column)) > SizeOf(a(pivot, column))) pivot = i;
  }
  return pivot;
}

// Column k has its pivot in row first + k.
void EliminateColumn(Matrix& a, int64_t first, int64_t k) {
  const int64_t row = first + k;
  for (int64_t i = row + 1; i < a.num_rows(); ++i) {
    if (a(row, k) != 0.0) a(i, k) /= a(row, k);
    for (int64_t j = k + 1; j < a.num_columns(); ++j) a(i, j) -= a(i, k) * a(row, j);
  }
}

// As many columns as there are pivots.
Results Eliminate(const OpCall& call, int64_t first, bool is_transposed) {
  TensorWriter packed(call.op.type(0)), pivots(call.op.type(1)), orders(call.op.type(2));
  const int64_t num_pivots = call.op.type(1).dims.back(), num_rows = call.op.type(2).dims.back();
  for (int64_t batch = 0; batch < NumMatrices(packed.type()); ++batch) {
    Matrix a = MatrixAt(call.operands[0], batch);
    if (is_transposed) a = Transposed(a);
    std::vector<int64_t> order(num_rows);
    std::iota(order.begin(), order.end(), 0);
    for (int64_t k = 0; k < num_pivots; ++k) {
      int64_t pivot = first + k;
      if (pivot < num_rows) {
        pivot = PivotRow(a, first + k, k);
        for (int64_t j = 0; j < a.num_columns(); ++j) std::swap(a(first + k, j), a(pivot, j));
        std::swap(order[first + k], order[pivot]);
        EliminateColumn(a, first, k);
      }
      pivots.Set(batch * num_pivots + k, Number::Of(pivot));
    }
    for (int64_t i = 0; i < num_rows; ++i) orders.Set(batch * num_rows + i, Number::Of(order[i]));
    WriteMatrix(is_transposed ? Transposed(a) : a, batch, packed);
  }
  return std::vector<Literal>{std::move(packed).Finish(), std::move(pivots).Finish(), std::move(orders).Finish()};
}

// The rows of `a` from `first` on, in an order in which others keep theirs, less what `panel` has eliminated.
Matrix Updated(const Matrix& a, const Matrix& panel, const std::vector<int64_t>& order, int64_t first) {
  Matrix result(a.num_rows(), a.num_columns());
  const int64_t width = panel.num_columns();
  for (int64_t j = 0; j < a.num_columns(); ++j) {
    const bool is_panel = first <= j && j < first + width;
    for (int64_t i = 0; i < a.num_rows(); ++i) {
      std::complex<double> sum = is_panel ? panel(i, j - first) : a(order[i], j);
      const int64_t known = j < first + width ? 0 : std::clamp<int64_t>(i - first, 0, width);
      for (int64_t k = 0; k < known; ++k) sum -= panel(i, k) * result(first + k, j);
      result(i, j) = sum;
    }
  }
  return result;
}

}  // namespace

Results EvaluateLu(const OpCall& call) { return Eliminate(call, 0, false); }

Results EvaluateLuPanel(const OpCall& call) { return Eliminate(call, TensorReader(call.operands[1])[0].integer, true); }

Results EvaluateLuUpdate(const OpCall& call) {
  TensorWriter writer(call.op.type());
  const TensorReader orders(call.operands[2]);
  const int64_t num_rows = NumRows(writer.type()), first = TensorReader(call.operands[3])[0].integer;
  for (int64_t batch = 0; batch < NumMatrices(writer.type()); ++batch) {
    std::vector<int64_t> order(num_rows);
    for (int64_t i = 0; i < num_rows; ++i) order[i] = orders[batch * num_rows + i].integer;
    const Matrix panel = Transposed(MatrixAt(call.operands[1], batch));
    WriteMatrix(Updated(MatrixAt(call.operands[0], batch), panel, order, first), batch, writer);
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
