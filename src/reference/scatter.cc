// SPDX-License-Identifier: Apache-2.0
#include "reference/index_vectors.h"
#include "reference/op_functions.h"
#include "reference/region_function.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// Where in the operands the update at an index of the updates goes; it may be out of bounds.
class Targets {
 public:
  Targets(const OpCall& call, size_t num_inputs)
      : window_(call.op.attributes.Ints(AttrKey::kUpdateWindowDims)),
        rank_(call.operands[0].type().dims.size()),
        batch_dims_(Others(call.operands[num_inputs + 1].type().rank(), window_)),
        vectors_{call.operands[num_inputs], call.op.attributes.Int(AttrKey::kIndexVectorDim),
                 call.op.attributes.Ints(AttrKey::kScatterDimsToOperandDims),
                 call.op.attributes.Ints(AttrKey::kInputBatchingDims),
                 call.op.attributes.Ints(AttrKey::kScatterIndicesBatchingDims)} {
    std::vector<int64_t> without_window = call.op.attributes.Ints(AttrKey::kInsertedWindowDims);
    const auto& batching = vectors_.operand_batching;
    without_window.insert(without_window.end(), batching.begin(), batching.end());
    window_dims_ = Others(static_cast<int64_t>(rank_), without_window);
  }

  Dims Of(const Dims& index, const Dims& dims) const {
    Dims target = vectors_.Corner(Pick(index, batch_dims_), rank_);
    for (size_t i = 0; i < window_dims_.size(); ++i) {
      int64_t& component = target[window_dims_[i]];
      // An index near the largest number stays out of bounds.
      component = component > dims[window_dims_[i]] ? component : component + index[window_[i]];
    }
    return target;
  }

 private:
  const std::vector<int64_t>& window_;
  size_t rank_;
  std::vector<int64_t> batch_dims_;
  std::vector<int64_t> window_dims_;
  IndexVectors vectors_;
};

}  // namespace

// Updates apply in row-major order; those out of bounds are dropped.
Results EvaluateScatter(const OpCall& call) {
  const size_t num_inputs = call.op.results.size();
  const Dims& dims = call.operands[0].type().dims;
  const Dims strides = RowMajorStrides(dims);
  const Targets targets(call, num_inputs);
  RegionFunction combine = RegionFunction::Make(*call.op.regions[0], call.frame);
  std::vector<TensorReader> updates;
  std::vector<TensorWriter> results;
  for (size_t i = 0; i < num_inputs; ++i) {
    updates.emplace_back(call.operands[num_inputs + 1 + i]);
    results.emplace_back(call.op.type(static_cast<int>(i)));
    const TensorReader input(call.operands[i]);
    for (int64_t k = 0; k < results[i].type().num_elements(); ++k) results[i].Set(k, input[k]);
  }
  std::vector<Number> arguments(2 * num_inputs);
  Status status;
  ForEachIndex(call.operands[num_inputs + 1].type().dims, [&](const Dims& index, int64_t linear) {
    const Dims target = targets.Of(index, dims);
    if (!status.ok() || !IsInBounds(target, dims)) return;
    const int64_t at = LinearIndex(target, strides);
    for (size_t i = 0; i < num_inputs; ++i) {
      arguments[i] = results[i].Get(at);
      arguments[num_inputs + i] = updates[i][linear];
    }
    const auto combined = combine.Apply(arguments);
    status = combined.status();
    if (!status.ok()) return;
    for (size_t i = 0; i < num_inputs; ++i) results[i].Set(at, (*combined)[i]);
  });
  RETURN_IF_ERROR(status);
  std::vector<Literal> literals;
  for (TensorWriter& result : results) literals.push_back(std::move(result).Finish());
  return literals;
}

}  // namespace dragoman::reference
