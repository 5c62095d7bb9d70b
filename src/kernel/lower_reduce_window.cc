// SPDX-License-Identifier: Apache-2.0
// One invocation for one element of the results: it walks over its window.
#include "base/format.h"
#include "kernel/lower_loop.h"
#include "kernel/permutation_sort.h"
#include "kernel/window_loop.h"

namespace dragoman::kernel {
namespace {

struct ReduceWindow {
  const ir::Op& op;
  std::vector<WindowDimension> window;
  std::vector<DType> dtypes;
  int lanes = 1;

  int num_inputs() const { return static_cast<int>(op.results.size()); }

  Status Emit(Elemental& elemental, V linear) const {
    const Index at{elemental.Delinearize(Index::FromLinear(linear), op.type().dims), linear};
    std::vector<Scalar> initial;
    for (int k = 0; k < num_inputs() * lanes; ++k) {
      ASSIGN_OR_RETURN(const Scalar value, elemental.At(op.operands[num_inputs() + k % num_inputs()], Index{}));
      initial.push_back(value);
    }
    Status status;
    WindowLoop loop(elemental, window, op.operands[0]->type.dims);
    const std::vector<V> result =
        loop.Run(at.dims, FlattenScalars(initial), [&](const std::vector<V>& index, const std::vector<V>& carried) {
          const auto combined = Combine(elemental, index, carried);
          if (combined.ok()) return FlattenScalars(*combined);
          status = combined.status();
          return carried;
        });
    RETURN_IF_ERROR(status);
    const std::vector<Scalar> values = UnflattenScalars(result, dtypes);
    for (int i = 0; i < num_inputs(); ++i) {
      Lanes stored(lanes);
      for (int lane = 0; lane < lanes; ++lane) stored[lane] = values[lane * num_inputs() + i];
      elemental.StoreLanes(op.result(i), at, stored, lanes);
    }
    return OkStatus();
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

}  // namespace

StatusOr<LoweredGroup> LowerReduceWindow(const fusion::Group& group, const target::DeviceProfile& profile) {
  const ir::Op& hero = *group.hero;
  LoweredGroup lowered;
  const int64_t count = hero.type().num_elements();
  if (count == 0) return lowered;
  if (count >= int64_t{1} << 31 || hero.operands[0]->type.num_elements() >= int64_t{1} << 31) {
    return Unimplemented(Format("Operation reduce_window on {} has no kernel; the limit is 2^31 - 1 elements.",
                                hero.operands[0]->type.ToString()));
  }
  ReduceWindow reduce{hero, WindowOf(hero.attributes), {}};
  for (const auto& result : hero.results) reduce.dtypes.push_back(result->type.dtype);
  std::vector<TensorType> types;
  for (const auto& result : hero.results) types.push_back(result->type);
  reduce.lanes = WindowLanes(reduce.window, types, profile);
  const int workgroup_size = DefaultWorkgroupSize(profile);
  const int64_t invocations = count / reduce.lanes;
  Builder b(profile);
  Elemental elemental(b, group);
  const V index = b.GlobalIndex(workgroup_size);
  Status status;
  b.If(b.ULt(index, b.I32(invocations)), [&] {
    Elemental::Scope scope(elemental);
    status = reduce.Emit(elemental, b.IMul(index, b.I32(reduce.lanes)));
  });
  RETURN_IF_ERROR(status);
  lowered.dispatches.push_back(
      FinishDispatch(std::move(b), elemental, workgroup_size, (invocations + workgroup_size - 1) / workgroup_size,
                     Format("reduce_window {} to {}", hero.operands[0]->type.ToString(), hero.type().ToString())));
  return lowered;
}

}  // namespace dragoman::kernel
