// SPDX-License-Identifier: Apache-2.0
#include "kernel/workgroup_combine.h"

#include <bit>

namespace dragoman::kernel {

WorkgroupCombine::WorkgroupCombine(Elemental& elemental, const Combiner& combiner, int slots)
    : elemental_(elemental), combiner_(combiner), types_(combiner.MachineTypes(elemental.builder())) {
  // Booleans lie in shared memory as integers.
  for (const KType type : types_) {
    arrays_.push_back(elemental.builder().AddShared(type == KType::kBool ? KType::kI32 : type, slots));
  }
}

int64_t WorkgroupCombine::SharedBytes(const Builder& builder, const Combiner& combiner, int slots) {
  int64_t bytes = 0;
  for (const KType type : combiner.MachineTypes(builder)) {
    bytes += slots * (type == KType::kI64 || type == KType::kF64 ? 8 : 4);
  }
  return bytes;
}

void WorkgroupCombine::Put(V slot, const std::vector<Scalar>& values) {
  Builder& b = elemental_.builder();
  const std::vector<V> flat = Combiner::Flatten(values);
  for (size_t i = 0; i < flat.size(); ++i) {
    const bool is_bool = types_[i] == KType::kBool;
    b.StoreShared(arrays_[i], slot, is_bool ? b.Select(flat[i], b.I32(1), b.I32(0)) : flat[i]);
  }
}

std::vector<Scalar> WorkgroupCombine::Get(V slot) {
  Builder& b = elemental_.builder();
  std::vector<V> flat;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const V value = b.LoadShared(arrays_[i], slot);
    flat.push_back(types_[i] == KType::kBool ? b.INe(value, b.I32(0)) : value);
  }
  return combiner_.Unflatten(flat);
}

StatusOr<std::vector<Scalar>> WorkgroupCombine::Combine(const std::vector<Scalar>& values, V slot,
                                                        const CombineShape& shape) {
  if (shape.count == 1) return values;
  Builder& b = elemental_.builder();
  if (is_used_) b.Barrier();  // the last results have been read
  is_used_ = true;
  Put(slot, values);
  Status status;
  const int steps = std::countr_zero(static_cast<unsigned>(shape.count));
  const bool is_ordered = !combiner_.operation().has_value();
  b.ForEach(b.I32(0), b.I32(steps), b.I32(1), [&](V i) {
    b.Barrier();
    // Neighbours first keeps the order of elements; halves first keeps invocations together where order is free.
    const V distance = is_ordered ? b.Binary(KOp::kShl, b.I32(1), i) : b.Binary(KOp::kShrU, b.I32(shape.count / 2), i);
    const V is_first = is_ordered ? b.IEq(b.And(shape.lane, b.ISub(b.IMul(distance, b.I32(2)), b.I32(1))), b.I32(0))
                                  : b.ULt(shape.lane, distance);
    b.If(is_first, [&] {
      Elemental::Scope scope(elemental_);
      const std::vector<Scalar> lhs = Get(slot);
      const std::vector<Scalar> rhs = Get(b.MulAdd(distance, shape.stride, slot));
      const StatusOr<std::vector<Scalar>> combined = combiner_.Combine(elemental_, lhs, rhs);
      if (combined.ok()) Put(slot, *combined);
      if (!combined.ok()) status = combined.status();
    });
  });
  if (!status.ok()) return status;
  b.Barrier();
  return Get(b.ISub(slot, b.IMul(shape.lane, b.I32(shape.stride))));
}

}  // namespace dragoman::kernel
