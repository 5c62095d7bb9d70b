// SPDX-License-Identifier: Apache-2.0
#include "element/workgroup_combine.h"

#include <algorithm>
#include <bit>

namespace dragoman::kernel {
namespace {

constexpr int kFewSlots = 8;  // that each invocation reads, rather than wait at more barriers

// Invocations of a subgroup that is known to be whole; 1 where values do not go from one to the other.
int ShufflingSubgroup(int workgroup_size, const target::DeviceProfile& profile) {
  const bool is_known = profile.subgroup_size_control || profile.subgroup_min_size == profile.subgroup_max_size;
  const bool has_words = profile.int64 || !profile.float64;
  const bool can_shuffle = profile.subgroup_basic && profile.subgroup_shuffle && is_known && has_words;
  if (!can_shuffle) return 1;
  // Where invocations have few registers, those of the least subgroups have most of them.
  constexpr int kFewRegisters = 64;
  const int size = profile.tile_registers < kFewRegisters ? profile.subgroup_min_size : profile.subgroup_size;
  return workgroup_size % size == 0 ? size : 1;
}

// Only what every device shuffles: 32 bits.
V ShuffleXor(Builder& b, V value, int distance) {
  const auto shuffled = [&](V word) { return b.Binary(KOp::kSubgroupShuffleXor, word, b.I32(distance)); };
  switch (value.type) {
    case KType::kBool:
      return b.INe(shuffled(b.Select(value, b.I32(1), b.I32(0))), b.I32(0));
    case KType::kF16:
      return b.Convert(KOp::kFToF, shuffled(b.Convert(KOp::kFToF, value, KType::kF32)), KType::kF16);
    case KType::kF64:
      return b.Convert(KOp::kBitcast, ShuffleXor(b, b.Convert(KOp::kBitcast, value, KType::kI64), distance),
                       KType::kF64);
    case KType::kI64: {
      const V high = b.Convert(KOp::kTruncI, b.Binary(KOp::kShrU, value, b.I64(32)), KType::kI32);
      const V low = b.Convert(KOp::kTruncI, value, KType::kI32);
      const V upper = b.Binary(KOp::kShl, b.Convert(KOp::kZExt, shuffled(high), KType::kI64), b.I64(32));
      return b.Binary(KOp::kOr, upper, b.Convert(KOp::kZExt, shuffled(low), KType::kI64));
    }
    default:
      return shuffled(value);
  }
}

}  // namespace

std::vector<V> FlattenSets(std::span<const std::vector<Scalar>> sets) {
  std::vector<V> flat;
  for (const std::vector<Scalar>& set : sets) {
    const std::vector<V> part = FlattenScalars(set);
    flat.insert(flat.end(), part.begin(), part.end());
  }
  return flat;
}

std::vector<std::vector<Scalar>> UnflattenSets(const Combiner& combiner, std::span<const V> flat, size_t count) {
  std::vector<std::vector<Scalar>> sets;
  const size_t width = flat.size() / count;
  for (size_t set = 0; set < count; ++set) sets.push_back(combiner.Unflatten(flat.subspan(set * width, width)));
  return sets;
}

class WorkgroupCombine::Memory {
 public:
  // Of `slots`, each for `num_sets` accumulators.
  Memory(Builder& b, const Combiner& combiner, int slots, size_t num_sets)
      : b_(b), combiner_(combiner), slots_(slots), num_sets_(num_sets), types_(combiner.MachineTypes(b.profile())) {
    // Booleans lie in shared memory as integers.
    for (const KType type : types_) {
      arrays_.push_back(b.AddShared(type == KType::kBool ? KType::kI32 : type, slots * static_cast<int>(num_sets)));
    }
  }
  const Combiner& combiner() const { return combiner_; }

  void Put(V slot, const Sets& sets) const {
    for (size_t set = 0; set < num_sets_; ++set) {
      const std::vector<V> flat = FlattenScalars(sets[set]);
      for (size_t i = 0; i < flat.size(); ++i) {
        const bool is_bool = types_[i] == KType::kBool;
        b_.StoreShared(arrays_[i], At(slot, set), is_bool ? b_.Select(flat[i], b_.I32(1), b_.I32(0)) : flat[i]);
      }
    }
  }

  Sets Get(V slot) const {
    Sets sets;
    for (size_t set = 0; set < num_sets_; ++set) {
      std::vector<V> flat;
      for (size_t i = 0; i < types_.size(); ++i) {
        const V value = b_.LoadShared(arrays_[i], At(slot, set));
        flat.push_back(types_[i] == KType::kBool ? b_.INe(value, b_.I32(0)) : value);
      }
      sets.push_back(combiner_.Unflatten(flat));
    }
    return sets;
  }

 private:
  V At(V slot, size_t set) const { return b_.IAdd(slot, b_.I32(static_cast<int64_t>(set) * slots_)); }

  Builder& b_;
  const Combiner& combiner_;
  const int slots_;
  const size_t num_sets_;
  const std::vector<KType> types_;
  std::vector<int> arrays_;
};

WorkgroupCombine::WorkgroupCombine(Elemental& elemental, int workgroup_size, bool is_side_by_side)
    : elemental_(elemental),
      b_(elemental.builder()),
      workgroup_size_(workgroup_size),
      subgroup_(is_side_by_side ? ShufflingSubgroup(workgroup_size, b_.profile()) : 1) {
  if (subgroup_ == 1) {
    position_ = b_.LocalIndex();
    return;
  }
  if (b_.profile().subgroup_size_control) b_.RequireSubgroupSize(subgroup_);
  position_ = b_.Emit(KOp::kSubgroupLane, {}, KType::kI32);
  if (workgroup_size == subgroup_) return;
  position_ = b_.MulAdd(b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32), subgroup_, position_);
}

StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::CombineSets(const Combiner& combiner, const Sets& lhs,
                                                               const Sets& rhs) {
  Sets results;
  for (size_t set = 0; set < lhs.size(); ++set) {
    ASSIGN_OR_RETURN(std::vector<Scalar> combined, combiner.Combine(elemental_, lhs[set], rhs[set]));
    results.push_back(std::move(combined));
  }
  return results;
}

// What `count` slots hold, in order.
StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::CombineRun(const Memory& memory, V first, int count, int stride) {
  Sets sets = memory.Get(first);
  for (int i = 1; i < count; ++i) {
    const Sets next = memory.Get(b_.IAdd(first, b_.I32(int64_t{i} * stride)));
    ASSIGN_OR_RETURN(sets, CombineSets(memory.combiner(), sets, next));
  }
  return sets;
}

// Of `count` neighbours in a subgroup. Both of a pair combine the same way round, so that all have the same bits.
StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::Shuffle(const Combiner& combiner, Sets sets, int count) {
  const bool is_symmetric = combiner.is_symmetric();
  for (int distance = 1; distance < count; distance *= 2) {
    const V is_second = b_.INe(b_.And(position_, b_.I32(distance)), b_.I32(0));
    Sets first, second;
    for (const std::vector<Scalar>& set : sets) {
      std::vector<V> lhs, rhs;
      for (const V own : FlattenScalars(set)) {
        const V other = ShuffleXor(b_, own, distance);
        lhs.push_back(is_symmetric ? own : b_.Select(is_second, other, own));
        rhs.push_back(is_symmetric ? other : b_.Select(is_second, own, other));
      }
      first.push_back(combiner.Unflatten(lhs));
      second.push_back(combiner.Unflatten(rhs));
    }
    ASSIGN_OR_RETURN(sets, CombineSets(combiner, first, second));
  }
  return sets;
}

// `sets` are what each subgroup has; `count` invocations are of several. One barrier.
StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::AcrossSubgroups(const Combiner& combiner, const Sets& sets,
                                                                   int count) {
  const Memory memory(b_, combiner, workgroup_size_ / subgroup_, sets.size());
  const int parts = count / subgroup_;
  const int sharers = std::min(parts, subgroup_);  // neighbours that read what the subgroups have, each its part
  b_.If(b_.IEq(b_.URem(position_, b_.I32(subgroup_)), b_.I32(0)),
        [&] { memory.Put(b_.UDiv(position_, b_.I32(subgroup_)), sets); });
  b_.Barrier();
  const V first = b_.IMul(b_.UDiv(position_, b_.I32(count)), b_.I32(parts));
  const V own = b_.MulAdd(b_.URem(position_, b_.I32(sharers)), parts / sharers, first);
  ASSIGN_OR_RETURN(Sets combined, CombineRun(memory, own, parts / sharers, 1));
  return Shuffle(combiner, std::move(combined), sharers);
}

StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::InMemory(const Combiner& combiner, const Sets& sets,
                                                            const CombineShape& shape) {
  const Memory memory(b_, combiner, workgroup_size_, sets.size());
  memory.Put(position_, sets);
  const bool is_short = shape.count <= kFewSlots && !b_.profile().unrolling_is_costly;
  if (!is_short) RETURN_IF_ERROR(ByTree(memory, shape));
  b_.Barrier();
  const V first = b_.ISub(position_, b_.IMul(shape.lane, b_.I32(shape.stride)));
  if (!is_short || !shape.for_first_alone) return CombineRun(memory, first, is_short ? shape.count : 1, shape.stride);
  Status status;
  const auto combined = [&] {
    Elemental::Scope scope(elemental_);
    const StatusOr<Sets> run = CombineRun(memory, first, shape.count, shape.stride);
    status = run.status();
    return FlattenSets(run.ok() ? *run : sets);
  };
  const std::vector<V> flat = b_.IfValue(b_.IEq(shape.lane, b_.I32(0)), combined, [&] { return FlattenSets(sets); });
  if (!status.ok()) return status;
  return UnflattenSets(combiner, flat, sets.size());
}

// The first slot gets the combination. A barrier a step.
Status WorkgroupCombine::ByTree(const Memory& memory, const CombineShape& shape) {
  const auto combine_at = [&](V other) -> Status {
    Elemental::Scope scope(elemental_);
    const Sets own = memory.Get(position_);
    ASSIGN_OR_RETURN(const Sets combined, CombineSets(memory.combiner(), own, memory.Get(other)));
    memory.Put(position_, combined);
    return OkStatus();
  };
  Status status;
  const int steps = std::countr_zero(static_cast<unsigned>(shape.count));
  const bool is_ordered = memory.combiner().is_ordered();
  b_.ForEach(b_.I32(0), b_.I32(steps), b_.I32(1), [&](V i) {
    b_.Barrier();
    // Neighbours first keeps the order of elements; halves first keeps invocations together where order is free.
    const V distance =
        is_ordered ? b_.Binary(KOp::kShl, b_.I32(1), i) : b_.Binary(KOp::kShrU, b_.I32(shape.count / 2), i);
    const V mask = b_.ISub(b_.IMul(distance, b_.I32(2)), b_.I32(1));
    const V is_first = is_ordered ? b_.IEq(b_.And(shape.lane, mask), b_.I32(0)) : b_.ULt(shape.lane, distance);
    b_.If(is_first, [&] { status = combine_at(b_.MulAdd(distance, shape.stride, position_)); });
  });
  return status;
}

StatusOr<WorkgroupCombine::Sets> WorkgroupCombine::Combine(const Combiner& combiner, Sets sets,
                                                           const CombineShape& shape) {
  if (shape.count == 1) return sets;
  if (subgroup_ == 1) return InMemory(combiner, sets, shape);
  ASSIGN_OR_RETURN(sets, Shuffle(combiner, std::move(sets), std::min(shape.count, subgroup_)));
  if (shape.count <= subgroup_) return sets;
  return AcrossSubgroups(combiner, sets, shape.count);
}

}  // namespace dragoman::kernel
