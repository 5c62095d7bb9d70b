// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "reference/index_vectors.h"
#include "reference/op_functions.h"
#include "reference/region_function.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// Where in the operands the update at an index of the updates goes.
class Targets {
 public:
  Targets(const OpCall& call, size_t num_inputs)
      : window_(call.op.attributes.Ints(AttrKey::kUpdateWindowDims)),
        dims_(call.operands[0].type().dims),
        last_corner_(dims_),
        vectors_{call.operands[num_inputs], call.op.attributes.Int(AttrKey::kIndexVectorDim),
                 call.op.attributes.Ints(AttrKey::kScatterDimsToOperandDims),
                 call.op.attributes.Ints(AttrKey::kInputBatchingDims),
                 call.op.attributes.Ints(AttrKey::kScatterIndicesBatchingDims)} {
    const TensorType& updates = call.operands[num_inputs + 1].type();
    batch_dims_ = Others(updates.rank(), window_);
    std::vector<int64_t> without_window = call.op.attributes.Ints(AttrKey::kInsertedWindowDims);
    const auto& batching = vectors_.operand_batching;
    without_window.insert(without_window.end(), batching.begin(), batching.end());
    window_dims_ = Others(static_cast<int64_t>(dims_.size()), without_window);
    for (int64_t& last : last_corner_) last -= 1;
    for (size_t i = 0; i < window_.size(); ++i) last_corner_[window_dims_[i]] -= updates.dims[window_[i]] - 1;
  }

  // Nothing when the window that the update belongs to is not wholly in bounds: as in XLA, all of it is dropped.
  std::optional<Dims> Of(const Dims& index) const {
    Dims target = vectors_.Corner(Pick(index, batch_dims_), dims_.size());
    for (size_t d = 0; d < target.size(); ++d) {
      if (target[d] < 0 || target[d] > last_corner_[d]) return std::nullopt;
    }
    for (size_t i = 0; i < window_.size(); ++i) target[window_dims_[i]] += index[window_[i]];
    return target;
  }

 private:
  const std::vector<int64_t>& window_;
  const Dims& dims_;
  Dims last_corner_;  // the largest corner at which a window is in bounds
  IndexVectors vectors_;
  std::vector<int64_t> batch_dims_;
  std::vector<int64_t> window_dims_;
};

}  // namespace

// Updates apply in row-major order.
Results EvaluateScatter(const OpCall& call) {
  const size_t num_inputs = call.op.results.size();
  const Dims strides = RowMajorStrides(call.operands[0].type().dims);
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
    const std::optional<Dims> target = targets.Of(index);
    if (!status.ok() || !target.has_value()) return;
    const int64_t at = LinearIndex(*target, strides);
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
