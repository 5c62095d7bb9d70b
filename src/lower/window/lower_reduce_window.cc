// SPDX-License-Identifier: Apache-2.0
// One invocation for one element of the results: it walks over its window.
#include <optional>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/launch.h"
#include "kernel/loop_bound.h"
#include "lower/window/kinds.h"
#include "lower/window/window_loop.h"

namespace dragoman::kernel {
namespace {

struct ReduceWindow {
  const ir::Op& op;
  ir::Window window;
  std::vector<DType> dtypes;
  int lanes = 1;

  int num_inputs() const { return static_cast<int>(op.results.size()); }

  // In stages unless `stages` is null.
  Status Emit(Elemental& elemental, V invocation, StagedLoop* stages) const {
    Builder& b = elemental.builder();
    const V linear = b.IMul(invocation, b.I32(lanes));
    const Index at{elemental.Delinearize(Index::FromLinear(linear), op.type().dims), linear};
    std::vector<Scalar> initial;
    for (int k = 0; k < num_inputs() * lanes; ++k) {
      ASSIGN_OR_RETURN(const Scalar value, elemental.At(op.operands[num_inputs() + k % num_inputs()], Index{}));
      initial.push_back(value);
    }
    Status status;
    WindowLoop loop(elemental, window, op.operands[0]->type.dims);
    const auto combine = [&](const std::vector<V>& index, const std::vector<V>& carried) {
      const auto combined = Combine(elemental, index, carried);
      if (combined.ok()) return FlattenScalars(*combined);
      status = combined.status();
      return carried;
    };
    if (stages == nullptr) {
      Store(elemental, at, loop.Run(at.dims, FlattenScalars(initial), combine));
    } else {
      const std::vector<V> carried = loop.RunStage(*stages, at.dims, FlattenScalars(initial), combine);
      stages->Finish(carried, [&] { Store(elemental, at, carried); });
    }
    return status;
  }

  void Store(Elemental& elemental, const Index& at, std::span<const V> result) const {
    const std::vector<Scalar> values = UnflattenScalars(result, dtypes);
    for (int i = 0; i < num_inputs(); ++i) {
      Lanes stored(lanes);
      for (int lane = 0; lane < lanes; ++lane) stored[lane] = values[lane * num_inputs() + i];
      elemental.StoreLanes(op.result(i), at, stored, lanes);
    }
  }

  // Lanes outermost, then inputs.
  StatusOr<std::vector<Scalar>> Combine(Elemental& elemental, const std::vector<V>& index,
                                        const std::vector<V>& carried) const {
    const std::vector<Scalar> before = UnflattenScalars(carried, dtypes);
    std::vector<Lanes> elements(num_inputs());
    for (int i = 0; i < num_inputs(); ++i) {
      ASSIGN_OR_RETURN(elements[i], elemental.AtLanes(op.operands[i], Index::FromDims(index), lanes));
    }
    std::vector<Scalar> after;
    for (int lane = 0; lane < lanes; ++lane) {
      const auto first = before.begin() + lane * num_inputs();
      std::vector<Scalar> inputs(first, first + num_inputs());
      for (const Lanes& element : elements) inputs.push_back(Lane(element, lane));
      ASSIGN_OR_RETURN(const std::vector<Scalar> combined, elemental.Region(*op.regions[0], inputs));
      after.insert(after.end(), combined.begin(), combined.end());
    }
    return after;
  }
};

// With `stage` iterations a dispatch, or all of them without.
StatusOr<StagedDispatch> EmitWindows(const ReduceWindow& reduce, const fusion::Group& group,
                                     const target::DeviceProfile& profile, std::optional<int64_t> stage,
                                     int first_temporary) {
  const int workgroup_size = DefaultWorkgroupSize(profile);
  const int64_t invocations = reduce.op.type().num_elements() / reduce.lanes;
  Builder b(profile);
  Elemental elemental(b, group);
  std::optional<StagedLoop> stages;
  if (stage.has_value()) stages.emplace(elemental, WindowSize(reduce.window), *stage, first_temporary);
  const V index = b.GlobalIndex(workgroup_size);
  Status status;
  b.If(b.ULt(index, b.I32(invocations)), [&] {
    Elemental::Scope scope(elemental);
    if (stages.has_value()) stages->Begin(index);
    status = reduce.Emit(elemental, index, stages.has_value() ? &*stages : nullptr);
  });
  RETURN_IF_ERROR(status);
  const std::string label =
      Format("reduce_window {} to {}", reduce.op.operands[0]->type.ToString(), reduce.op.type().ToString());
  Dispatch dispatch =
      FinishDispatch(std::move(b), elemental, workgroup_size, CeilDiv(invocations, workgroup_size), label);
  return StagedDispatch{std::move(dispatch), stages.has_value() ? stages->memory() : std::vector<DType>()};
}

}  // namespace

StatusOr<LoweredGroup> LowerReduceWindow(const fusion::Group& group, const target::CompileContext& context) {
  const ir::Op& hero = *group.hero;
  LoweredGroup lowered;
  const int64_t count = hero.type().num_elements();
  if (count == 0) return lowered;
  if (count >= int64_t{1} << 31 || hero.operands[0]->type.num_elements() >= int64_t{1} << 31) {
    return Unimplemented(Format("Operation reduce_window on {} has no kernel; the limit is 2^31 - 1 elements.",
                                hero.operands[0]->type.ToString()));
  }
  ReduceWindow reduce{hero, ir::WindowOf(hero.attributes), {}};
  for (const auto& result : hero.results) reduce.dtypes.push_back(result->type.dtype);
  std::vector<TensorType> types;
  for (const auto& result : hero.results) types.push_back(result->type);
  reduce.lanes = WindowLanes(reduce.window, types, context.profile);
  ASSIGN_OR_RETURN(StagedDispatch whole, EmitWindows(reduce, group, context.profile, std::nullopt, 0));
  if (FitsLoopLimit(whole.dispatch.kernel, context.profile)) {
    lowered.dispatches.push_back(std::move(whole.dispatch));
    return lowered;
  }
  RETURN_IF_ERROR(
      AppendStages(lowered, context.profile, WindowSize(reduce.window), [&](int64_t stage, int first_temporary) {
        return EmitWindows(reduce, group, context.profile, stage, first_temporary);
      }));
  return lowered;
}

}  // namespace dragoman::kernel
