// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/reduce_space.h"

#include <algorithm>

namespace dragoman::kernel {

ReduceSpace::ReduceSpace(const Dims& operand_dims, const std::vector<int64_t>& reduced_dims) : dims_(operand_dims) {
  for (int i = 0; i < static_cast<int>(dims_.size()); ++i) {
    const bool is_reduced = std::find(reduced_dims.begin(), reduced_dims.end(), i) != reduced_dims.end();
    (is_reduced ? num_reduced_ : num_kept_) *= dims_[i];
    if (!runs_.empty() && (dims_[i] == 1 || runs_.back().is_reduced == is_reduced)) {
      runs_.back().extent *= dims_[i];
      ++runs_.back().num_dims;
    } else if (!runs_.empty() && runs_.back().extent == 1) {
      runs_.back().is_reduced = is_reduced;
      runs_.back().extent = dims_[i];
      ++runs_.back().num_dims;
    } else {
      runs_.push_back({dims_[i], is_reduced, i, 1});
    }
  }
}

Index ReduceSpace::OperandIndex(Elemental& elemental, const ir::Value* operand, V kept, V reduced) const {
  Builder& builder = elemental.builder();
  Dims kept_extents, reduced_extents;
  for (const ReduceRun& run : runs_) (run.is_reduced ? reduced_extents : kept_extents).push_back(run.extent);
  const std::vector<V> kept_parts = elemental.Delinearize(Index::FromLinear(kept), kept_extents);
  const std::vector<V> reduced_parts = elemental.Delinearize(Index::FromLinear(reduced), reduced_extents);
  const KType type = IndexType(NumElements(dims_));
  Index index;
  index.linear = builder.Int(type, 0);
  size_t next_kept = 0, next_reduced = 0;
  for (const ReduceRun& run : runs_) {
    const V part = run.is_reduced ? reduced_parts[next_reduced++] : kept_parts[next_kept++];
    index.linear = builder.MulAdd(index.linear, run.extent, ToIndexType(builder, part, type));
    if (!elemental.NeedsDims(operand)) continue;
    const Dims extents(dims_.begin() + run.first_dim, dims_.begin() + run.first_dim + run.num_dims);
    const std::vector<V> dims = elemental.Delinearize(Index::FromLinear(part), extents);
    index.dims.insert(index.dims.end(), dims.begin(), dims.end());
  }
  return index;
}

}  // namespace dragoman::kernel
