// SPDX-License-Identifier: Apache-2.0
#include "lower/reduce/workgroup_combine.h"

#include <bit>

namespace dragoman::kernel {

WorkgroupCombine::WorkgroupCombine(Elemental& elemental, const Combiner& combiner, int slots, int num_sets)
    : elemental_(elemental),
      combiner_(combiner),
      slots_(slots),
      types_(combiner.MachineTypes(elemental.builder().profile())) {
  // Booleans lie in shared memory as integers.
  for (const KType type : types_) {
    arrays_.push_back(elemental.builder().AddShared(type == KType::kBool ? KType::kI32 : type, slots * num_sets));
  }
}

void WorkgroupCombine::Put(V slot, int set, const std::vector<Scalar>& values) {
  Builder& b = elemental_.builder();
  const std::vector<V> flat = FlattenScalars(values);
  const V at = b.IAdd(slot, b.I32(int64_t{set} * slots_));
  for (size_t i = 0; i < flat.size(); ++i) {
    const bool is_bool = types_[i] == KType::kBool;
    b.StoreShared(arrays_[i], at, is_bool ? b.Select(flat[i], b.I32(1), b.I32(0)) : flat[i]);
  }
}

std::vector<Scalar> WorkgroupCombine::Get(V slot, int set) {
  Builder& b = elemental_.builder();
  const V at = b.IAdd(slot, b.I32(int64_t{set} * slots_));
  std::vector<V> flat;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const V value = b.LoadShared(arrays_[i], at);
    flat.push_back(types_[i] == KType::kBool ? b.INe(value, b.I32(0)) : value);
  }
  return combiner_.Unflatten(flat);
}

Status WorkgroupCombine::CombineAt(V slot, V other, int num_sets) {
  Elemental::Scope scope(elemental_);
  for (int set = 0; set < num_sets; ++set) {
    const std::vector<Scalar> lhs = Get(slot, set);
    const std::vector<Scalar> rhs = Get(other, set);
    ASSIGN_OR_RETURN(const std::vector<Scalar> combined, combiner_.Combine(elemental_, lhs, rhs));
    Put(slot, set, combined);
  }
  return OkStatus();
}

StatusOr<std::vector<std::vector<Scalar>>> WorkgroupCombine::Combine(std::vector<std::vector<Scalar>> sets, V slot,
                                                                     const CombineShape& shape) {
  if (shape.count == 1) return sets;
  Builder& b = elemental_.builder();
  const int num_sets = static_cast<int>(sets.size());
  if (is_used_) b.Barrier();  // the last results have been read
  is_used_ = true;
  for (int set = 0; set < num_sets; ++set) Put(slot, set, sets[set]);
  Status status;
  const int steps = std::countr_zero(static_cast<unsigned>(shape.count));
  const bool is_ordered = combiner_.is_ordered();
  b.ForEach(b.I32(0), b.I32(steps), b.I32(1), [&](V i) {
    b.Barrier();
    // Neighbours first keeps the order of elements; halves first keeps invocations together where order is free.
    const V distance = is_ordered ? b.Binary(KOp::kShl, b.I32(1), i) : b.Binary(KOp::kShrU, b.I32(shape.count / 2), i);
    const V is_first = is_ordered ? b.IEq(b.And(shape.lane, b.ISub(b.IMul(distance, b.I32(2)), b.I32(1))), b.I32(0))
                                  : b.ULt(shape.lane, distance);
    b.If(is_first, [&] {
      const Status combined = CombineAt(slot, b.MulAdd(distance, shape.stride, slot), num_sets);
      if (!combined.ok()) status = combined;
    });
  });
  if (!status.ok()) return status;
  b.Barrier();
  const V first = b.ISub(slot, b.IMul(shape.lane, b.I32(shape.stride)));
  for (int set = 0; set < num_sets; ++set) sets[set] = Get(first, set);
  return sets;
}

}  // namespace dragoman::kernel
