// SPDX-License-Identifier: Apache-2.0
// What the decompositions by panels share: stacks of matrices [count, rows, columns] cut into panels of columns, which
// the kernels take transposed, [count, width, rows] (lower/lu_panel.cc, lower/qr_panel.cc).
#pragma once

#include "passes/decompose_rules.h"

namespace dragoman::passes {

struct Panels {
  int64_t width;
  int64_t count;
  bool are_held;  // by the kernel, in registers
  // Of the matrix, padded with zeros so that all panels and the rows of their diagonals are whole.
  int64_t rows;
  int64_t columns;
};
// For `steps` columns of a matrix of `rows` by `columns`.
Panels PanelsOf(int64_t steps, int64_t rows, int64_t columns, DType dtype, const target::DeviceProfile& profile);
Value* PadToPanels(Value* matrix, const Panels& panels, Builder& b);
// The first column (and the diagonal's first row) of panel `index`.
Value* FirstOf(Value* index, const Panels& panels, Builder& b);
// Rows [first, first + width) of all columns; the panel's columns as rows.
Value* PanelRows(Value* matrix, Value* first, const Panels& panels, Builder& b);
Value* PanelColumns(Value* matrix, Value* first, const Panels& panels, Builder& b);
Value* WithPanelRows(Value* matrix, Value* rows, Value* first, Builder& b);
Value* WithPanelColumns(Value* matrix, Value* panel, Value* first, Builder& b);
// `value` [count, rows, columns] where the row (dimension 1) or the column (2) is `from` or a later one, else `other`.
Value* From(int64_t dimension, Value* from, Value* value, Value* other, Builder& b);
// lhs [count, k, m], rhs [count, k, n] → [count, m, n], summed over dimension 1 of both.
Value* SumOfOuterProducts(Value* lhs, Value* rhs, Builder& b);

}  // namespace dragoman::passes
