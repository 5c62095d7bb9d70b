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

  int num_inputs() const { return static_cast<int>(op.results.size()); }

  Status Emit(Elemental& elemental, V linear) const {
    const Index at{elemental.Delinearize(Index::FromLinear(linear), op.type().dims), linear};
    std::vector<Scalar> initial(num_inputs());
    for (int i = 0; i < num_inputs(); ++i) {
      ASSIGN_OR_RETURN(initial[i], elemental.At(op.operands[num_inputs() + i], Index{}));
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
    for (int i = 0; i < num_inputs(); ++i) elemental.Store(op.result(i), at, values[i]);
    return OkStatus();
  }

  StatusOr<std::vector<Scalar>> Combine(Elemental& elemental, const std::vector<V>& index,
                                        const std::vector<V>& carried) const {
    std::vector<Scalar> inputs = UnflattenScalars(carried, dtypes);
    for (int i = 0; i < num_inputs(); ++i) {
      ASSIGN_OR_RETURN(const Scalar element, elemental.At(op.operands[i], Index::FromDims(index)));
      inputs.push_back(element);
    }
    return elemental.Region(*op.regions[0], inputs);
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
  const int workgroup_size = DefaultWorkgroupSize(profile);
  Builder b(profile);
  Elemental elemental(b, group);
  const V index = b.GlobalIndex(workgroup_size);
  Status status;
  b.If(b.ULt(index, b.I32(count)), [&] {
    Elemental::Scope scope(elemental);
    status = reduce.Emit(elemental, index);
  });
  RETURN_IF_ERROR(status);
  lowered.dispatches.push_back(
      FinishDispatch(std::move(b), elemental, workgroup_size, (count + workgroup_size - 1) / workgroup_size,
                     Format("reduce_window {} to {}", hero.operands[0]->type.ToString(), hero.type().ToString())));
  return lowered;
}

}  // namespace dragoman::kernel
