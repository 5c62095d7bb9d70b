// SPDX-License-Identifier: Apache-2.0
#include "reference/index_vectors.h"

#include <limits>

namespace dragoman::reference {

Dims IndexVectors::Corner(const Dims& batch_index, size_t operand_rank) const {
  const Dims& dims = indices.type().dims;
  const Dims strides = RowMajorStrides(dims);
  const TensorReader reader(indices);
  const bool has_vector_dim = index_vector_dim < static_cast<int64_t>(dims.size());
  Dims at = batch_index;
  if (has_vector_dim) at.insert(at.begin() + index_vector_dim, 0);
  Dims corner(operand_rank, 0);
  for (size_t component = 0; component < index_map.size(); ++component) {
    if (has_vector_dim) at[index_vector_dim] = static_cast<int64_t>(component);
    const int64_t start = reader[LinearIndex(at, strides)].integer;
    const bool is_beyond = start < 0 && IsUnsigned(indices.type().dtype);
    corner[index_map[component]] = is_beyond ? std::numeric_limits<int64_t>::max() : start;
  }
  for (size_t i = 0; i < operand_batching.size(); ++i) {
    const int64_t dimension = indices_batching[i];
    corner[operand_batching[i]] = batch_index[dimension - (dimension > index_vector_dim ? 1 : 0)];
  }
  return corner;
}

}  // namespace dragoman::reference
