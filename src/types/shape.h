// SPDX-License-Identifier: Apache-2.0
// Shapes: a list of non-negative extents, outermost first. Data is dense and row-major everywhere in Dragoman.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "types/dtype.h"

namespace dragoman {

using Dims = std::vector<int64_t>;

// The type of a tensor: rank 0 is a scalar; any extent may be 0.
struct TensorType {
  DType dtype = DType::kF32;
  Dims dims;

  int rank() const { return static_cast<int>(dims.size()); }
  int64_t num_elements() const;
  int64_t size_bytes() const { return num_elements() * SizeBytes(dtype); }
  bool operator==(const TensorType&) const = default;
  std::string ToString() const;  // "tensor<2x3xf32>", "tensor<f32>", "token"
};

int64_t NumElements(const Dims& dims);
// Elements to step for one step in each dimension of a dense row-major array of this shape.
Dims RowMajorStrides(const Dims& dims);
std::string ToString(const Dims& dims);  // "[2, 3]"
bool Contains(const Dims& list, int64_t value);

}  // namespace dragoman
