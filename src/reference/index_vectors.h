// SPDX-License-Identifier: Apache-2.0
// What gather and scatter share: each batch index names an index vector in the indices tensor, and with it the corner
// of a window in the operand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "reference/tensor.h"

namespace dragoman::reference {

struct IndexVectors {
  const Literal& indices;
  int64_t index_vector_dim;
  const std::vector<int64_t>& index_map;         // component of the vector → operand dimension
  const std::vector<int64_t>& operand_batching;  // operand dimensions ...
  const std::vector<int64_t>& indices_batching;  // ... and those of the indices that they go along with

  // The corner for a batch index (an index into the indices tensor without index_vector_dim). Not clamped.
  Dims Corner(const Dims& batch_index, size_t operand_rank) const;
};

// Positions 0 .. rank-1 that are not in `excluded`.
inline std::vector<int64_t> Others(int64_t rank, const std::vector<int64_t>& excluded) {
  std::vector<int64_t> others;
  for (int64_t d = 0; d < rank; ++d) {
    if (std::find(excluded.begin(), excluded.end(), d) == excluded.end()) others.push_back(d);
  }
  return others;
}

// The components of `index` at `positions`.
inline Dims Pick(const Dims& index, const std::vector<int64_t>& positions) {
  Dims picked;
  for (const int64_t position : positions) picked.push_back(index[position]);
  return picked;
}

}  // namespace dragoman::reference
