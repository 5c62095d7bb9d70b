// SPDX-License-Identifier: Apache-2.0
// How an expression reads a value: which merges of kernels are possible at all.
#pragma once

#include <cstdint>

#include "fusion/graph.h"

namespace dragoman::fusion {

// Every path from element i of `root` down to `value`, through ops computed in place, reads element i (row-major).
bool ReadsPointwise(const Graph& graph, int root, const ir::Value* value);

// A tensor seen as rows × cols: its row-major elements, or one value a row.
struct RowShape {
  int64_t rows = 0;
  int64_t cols = 0;  // at least 2
  bool operator==(const RowShape&) const = default;
  bool IsFull(const TensorType& type) const;  // rows*cols elements whose innermost dimensions multiply to cols
  bool IsRow(const TensorType& type) const { return type.num_elements() == rows; }
};

// The rows × cols that a reduce over its innermost dimensions works on; cols = 0 when it is not one.
RowShape RowShapeOfReduce(const ir::Op& reduce);

// A broadcast of one value a row over the row's columns: its mapped dimensions are the leading ones.
bool IsRowBroadcast(const ir::Op& op, const RowShape& shape);

// Every path from `root` (a reduce over rows, or an op whose result is full or row-shaped) down to `value` stays within
// the row: full tensors are read at the same (row, col), row-shaped ones at the same row.
bool ReadsWithinRow(const Graph& graph, int root, const ir::Value* value, const RowShape& shape);

}  // namespace dragoman::fusion
