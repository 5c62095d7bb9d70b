// SPDX-License-Identifier: Apache-2.0
// Shapes of HLO: a tensor, or a tuple of shapes. The tensor IR has no tuples: a tuple is its leaves, in order.
#pragma once

#include <vector>

#include "base/status.h"
#include "hlo/message.h"
#include "ir/ir.h"
#include "types/shape.h"

namespace dragoman::hlo {

struct Shape {
  bool is_tuple = false;
  TensorType type;                      // unless it is a tuple
  std::vector<int64_t> minor_to_major;  // of the type's dimensions; descending: row-major
  std::vector<Shape> elements;          // of a tuple

  int64_t num_leaves() const;
  bool is_row_major() const;
  // Where element `index` begins among the leaves. The index must be one of the tuple's.
  int64_t FirstLeafOf(int64_t index) const;
  void AppendLeaves(std::vector<TensorType>& types) const;
};

// INVALID_ARGUMENT: damaged. UNIMPLEMENTED: dynamic dimensions, element types that the tensor IR has none for.
StatusOr<Shape> ReadShape(const Message& shape);
// A constant, its elements in row-major order whatever the layout says. Not of tuples.
StatusOr<ir::Literal> ReadLiteral(const Message& literal, const Shape& shape);

// Row-major data of `type`, seen as a dense array whose dimensions are in memory from major to minor.
std::vector<int64_t> MajorToMinor(const Shape& shape);

}  // namespace dragoman::hlo
