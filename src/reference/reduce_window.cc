// SPDX-License-Identifier: Apache-2.0
#include "reference/accumulators.h"
#include "reference/op_functions.h"
#include "reference/windows.h"

namespace dragoman::reference {
namespace {

// The element of the operand that the selection settles on at one window position; -1 when the window is all padding.
StatusOr<int64_t> Select(const OpCall& call, const Window& window, const Dims& position, RegionFunction& select) {
  const Dims& dims = call.operands[0].type().dims;
  const Dims strides = RowMajorStrides(dims);
  const TensorReader operand(call.operands[0]);
  int64_t selected = -1;
  Status status;
  ForEachIndex(SizesOf(window), [&](const Dims& tap, int64_t) {
    const std::optional<int64_t> source = SourceOf(window, position, tap, dims, strides);
    if (!status.ok() || !source.has_value()) return;
    if (selected < 0) {
      selected = *source;
      return;
    }
    const Number arguments[] = {operand[selected], operand[*source]};
    const auto keeps = select.Apply(arguments);
    status = keeps.status();
    if (status.ok() && (*keeps)[0].integer == 0) selected = *source;
  });
  RETURN_IF_ERROR(status);
  return selected;
}

}  // namespace

// Padding and holes do not take part, as if they held the neutral element.
Results EvaluateReduceWindow(const OpCall& call) {
  const Window window = ir::WindowOf(call.op.attributes);
  const Dims taps = SizesOf(window);
  const Dims& dims = call.operands[0].type().dims;
  const Dims strides = RowMajorStrides(dims);
  Accumulators accumulators(call, call.op.type().num_elements());
  Status status;
  ForEachIndex(call.op.type().dims, [&](const Dims& position, int64_t linear) {
    ForEachIndex(taps, [&](const Dims& tap, int64_t) {
      const std::optional<int64_t> source = SourceOf(window, position, tap, dims, strides);
      if (status.ok() && source.has_value()) status = accumulators.Combine(linear, *source);
    });
  });
  RETURN_IF_ERROR(status);
  return accumulators.Finish();
}

Results EvaluateSelectAndScatter(const OpCall& call) {
  const Window window = ir::WindowOf(call.op.attributes);
  RegionFunction select = RegionFunction::Make(*call.op.regions[0], call.frame);
  RegionFunction scatter = RegionFunction::Make(*call.op.regions[1], call.frame);
  const TensorReader source(call.operands[1]);
  TensorWriter result(call.op.type());
  const Number initial = TensorReader(call.operands[2])[0];
  for (int64_t i = 0; i < result.type().num_elements(); ++i) result.Set(i, initial);
  Status status;
  ForEachIndex(call.operands[1].type().dims, [&](const Dims& position, int64_t linear) {
    if (!status.ok()) return;
    const StatusOr<int64_t> selected = Select(call, window, position, select);
    status = selected.status();
    if (!status.ok() || *selected < 0) return;
    const Number arguments[] = {result.Get(*selected), source[linear]};
    const auto combined = scatter.Apply(arguments);
    status = combined.status();
    if (status.ok()) result.Set(*selected, (*combined)[0]);
  });
  RETURN_IF_ERROR(status);
  return std::vector<Literal>{std::move(result).Finish()};
}

}  // namespace dragoman::reference
