// SPDX-License-Identifier: Apache-2.0
#include "kernel/sequence.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "kernel/builder.h"
#include "kernel/shared_memory.h"

namespace dragoman::kernel {
namespace {

constexpr int kDefaultSize = 64;  // of the workgroup, when no part asks for another
constexpr int64_t kMaxInvocations = 1 << 24;

// What a kernel asks of the invocations that run together.
struct Needs {
  bool workgroup = false;  // shared memory or barriers
  bool subgroups = false;
  bool local_index = false;
  bool matrices = false;
};

void FindNeeds(const Region& region, Needs& needs) {
  for (const Instruction& instruction : region.body) {
    const KOp op = instruction.op;
    needs.workgroup |= op == KOp::kBarrier || op == KOp::kDeviceBarrier;
    needs.subgroups |= op == KOp::kSubgroupIndex || op == KOp::kSubgroupLane || op == KOp::kSubgroupShuffleXor;
    needs.local_index |= op == KOp::kLocalIndex;
    needs.matrices |= op >= KOp::kMatrixZero && op <= KOp::kMatrixStore;
    for (const auto& inner : instruction.regions) FindNeeds(*inner, needs);
  }
}

Needs NeedsOf(const Kernel& kernel) {
  Needs needs{.workgroup = !kernel.shared.empty(), .subgroups = kernel.required_subgroup_size != 0};
  FindNeeds(kernel.body, needs);
  return needs;
}

double WorkOf(const Region& region) {
  double work = 0;
  for (const Instruction& instruction : region.body) {
    double inner = 1;
    for (const auto& nested : instruction.regions) inner += WorkOf(*nested);
    const bool is_loop = instruction.op == KOp::kFor || instruction.op == KOp::kWhile;
    work += is_loop ? inner * static_cast<double>(std::max<uint64_t>(instruction.imm, 1)) : inner;
  }
  return work;
}

int64_t CountInstructions(const Region& region) {
  auto count = static_cast<int64_t>(region.body.size());
  for (const Instruction& instruction : region.body) {
    for (const auto& inner : instruction.regions) count += CountInstructions(*inner);
  }
  return count;
}

int WorkgroupSizeOf(const Sequence& sequence) {
  int size = kDefaultSize;
  for (const SequencePart& part : sequence.parts) {
    const Needs needs = NeedsOf(part.kernel);
    if (needs.workgroup) return part.kernel.workgroup_size;
    if (needs.subgroups) size = std::max(size, part.kernel.workgroup_size);
  }
  return size;
}

// Of the subgroups that a kernel with subgroups runs in; 0 when the device decides.
int SubgroupSize(const Kernel& kernel, const target::DeviceProfile& profile) {
  if (kernel.required_subgroup_size != 0) return kernel.required_subgroup_size;
  return profile.subgroup_min_size == profile.subgroup_max_size ? profile.subgroup_size : 0;
}

// Subgroups count through the whole workgroup, so those of a smaller part must be told apart without the local index.
bool CanJoinSubgroups(const Kernel& kernel, const Needs& needs, int size, const target::DeviceProfile& profile) {
  if (!needs.subgroups) return true;
  const int subgroup_size = SubgroupSize(kernel, profile);
  const bool is_whole = subgroup_size != 0 && kernel.workgroup_size % subgroup_size == 0;
  if (!is_whole || kernel.workgroup_size == size) return is_whole;
  return !needs.workgroup && !needs.local_index && size % kernel.workgroup_size == 0;
}

// The parts that require a size require the same.
bool AgreeOnSubgroups(const Sequence& sequence) {
  int required = 0;
  return std::ranges::all_of(sequence.parts, [&](const SequencePart& part) {
    const int size = part.kernel.required_subgroup_size;
    if (required == 0) required = size;
    return size == 0 || size == required;
  });
}

// Writes a kernel's instructions into a builder, for a workgroup and an invocation that the caller names.
class Inliner {
 public:
  Inliner(Builder& builder, const SequencePart& part, int first_shared)
      : b_(builder), part_(part), first_shared_(first_shared), values_(part.kernel.value_types.size()) {}

  // Who runs the instructions, as the kernel sees it. What it does not ask for may be left out.
  struct Place {
    V workgroup;
    V local;
    V subgroup;
  };
  void Run(const Place& place) {
    place_ = place;
    (void)Inline(part_.kernel.body, {});
  }

 private:
  V At(ValueId id) const { return values_[id]; }
  std::vector<V> All(std::span<const ValueId> ids) const {
    std::vector<V> values;
    for (const ValueId id : ids) values.push_back(At(id));
    return values;
  }
  void Define(ValueId first, std::span<const V> values) { std::copy(values.begin(), values.end(), &values_[first]); }

  // What the region yields.
  std::vector<V> Inline(const Region& region, std::span<const V> arguments) {
    if (!arguments.empty()) Define(region.first_argument, arguments);
    for (const Instruction& instruction : region.body) {
      if (instruction.op == KOp::kYield) return All(instruction.operands);
      const std::vector<V> results = Inline(instruction);
      if (!results.empty()) Define(instruction.first_result, results);
    }
    return {};
  }

  std::vector<V> Inline(const Instruction& inst) {
    const std::vector<V> operands = All(inst.operands);
    switch (inst.op) {
      case KOp::kConstant:
        return {b_.ConstantBits(inst.type, inst.imm)};
      case KOp::kParam:
        return {b_.I32(static_cast<int32_t>(part_.params[inst.imm]))};
      case KOp::kWorkgroupIndex:
        return {place_.workgroup};
      case KOp::kLocalIndex:
        return {place_.local};
      case KOp::kSubgroupIndex:
        return {place_.subgroup};
      case KOp::kBarrier:
        b_.Barrier();
        return {};
      case KOp::kDeviceBarrier:
        b_.DeviceBarrier();
        return {};
      case KOp::kFor:
      case KOp::kWhile:
      case KOp::kIf:
        return InlineStructure(inst, operands);
      default:
        if (Between(inst.op, KOp::kLoad, KOp::kAtomicExchange)) return InlineMemory(inst, operands);
        return {b_.Emit(inst.op, operands, part_.kernel.value_types[inst.first_result])};
    }
  }

  std::vector<V> InlineMemory(const Instruction& inst, const std::vector<V>& operands) {
    switch (inst.op) {
      case KOp::kLoad:
        return b_.LoadVector(part_.buffers[inst.buffer], operands[0], static_cast<int>(inst.imm));
      case KOp::kStore:
        b_.StoreVector(part_.buffers[inst.buffer], operands[0], std::span(operands).subspan(1));
        return {};
      case KOp::kLoadShared:
        return {b_.LoadShared(first_shared_ + inst.buffer, operands[0])};
      case KOp::kStoreShared:
        b_.StoreShared(first_shared_ + inst.buffer, operands[0], operands[1]);
        return {};
      case KOp::kSharedAtomicAdd:
      case KOp::kSharedAtomicOr:
        return {b_.SharedAtomic(inst.op, first_shared_ + inst.buffer, operands[0], operands[1])};
      default:  // atomic
        return {b_.Atomic(inst.op, part_.buffers[inst.buffer], operands[0], operands[1])};
    }
  }

  std::vector<V> InlineStructure(const Instruction& inst, const std::vector<V>& operands) {
    const auto region = [&](int i) {
      return [this, &inner = *inst.regions[i]](std::span<const V> arguments) { return Inline(inner, arguments); };
    };
    const auto most = static_cast<int64_t>(inst.imm);
    if (inst.op == KOp::kWhile) {
      return b_.While(
          most, operands, [&](std::span<const V> carried) { return region(0)(carried)[0]; }, region(1));
    }
    if (inst.op == KOp::kIf) {
      return b_.IfValue(
          operands[0], [&] { return region(0)({}); }, [&] { return region(1)({}); });
    }
    return b_.For({operands[0], operands[1], operands[2], most}, {operands.begin() + 3, operands.end()},
                  [&](V i, std::span<const V> carried) {
                    std::vector<V> arguments = {i};
                    arguments.insert(arguments.end(), carried.begin(), carried.end());
                    return region(0)(arguments);
                  });
  }

  Builder& b_;
  const SequencePart& part_;
  const int first_shared_;
  Place place_;
  std::vector<V> values_;  // by the kernel's ValueId
};

class Joiner {
 public:
  Joiner(const Sequence& sequence, const target::DeviceProfile& profile)
      : sequence_(sequence), b_(profile), size_(WorkgroupSizeOf(sequence)) {}

  Kernel Run(int64_t most_rounds) && {
    for (BufferBinding binding : sequence_.buffers) {
      binding.is_written = binding.may_alias = true;  // by other parts, under whatever name
      b_.AddBuffer(binding);
    }
    TakeNeeds();
    const V rounds = b_.Param(b_.AddParam());
    if (sequence_.predicate < 0) {
      b_.ForEach({b_.I32(0), rounds, b_.I32(1), most_rounds}, [&](V) { Round(); });
    } else {
      RoundsWhileTrue(rounds, most_rounds);
    }
    return std::move(b_).Finish(size_);
  }

  // `shares` by part.
  Kernel RunShares(const std::vector<SharedPart>& parts, int64_t workgroups) && {
    for (BufferBinding binding : sequence_.buffers) {
      binding.may_alias = true;
      b_.AddBuffer(binding);
    }
    TakeNeeds();
    for (size_t i = 0; i < parts.size(); ++i) {
      if (sequence_.parts[i].barrier_before) b_.DeviceBarrier();
      RunShare(parts[i], sequence_.parts[i], first_shared_[i], workgroups);
    }
    return std::move(b_).Finish(size_);
  }

 private:
  void TakeNeeds() {
    for (const SequencePart& part : sequence_.parts) {
      if (part.kernel.required_subgroup_size != 0) b_.RequireSubgroupSize(part.kernel.required_subgroup_size);
      first_shared_.push_back(num_shared_);
      for (const SharedArray& array : part.kernel.shared) num_shared_ = b_.AddShared(array.type, array.count) + 1;
    }
  }

  void RunShare(const SharedPart& share, const SequencePart& part, int first_shared, int64_t workgroups) {
    const int64_t own = share.shares / workgroups;
    const V first = b_.IMul(b_.WorkgroupIndex(), b_.I32(own));
    if (share.by_invocations) {
      const int64_t part_size = part.kernel.workgroup_size;
      b_.ForEach({b_.LocalIndex(), b_.I32(own), b_.I32(size_), CeilDiv(own, int64_t{size_})}, [&](V i) {
        const V id = b_.IAdd(first, i);
        const V size = b_.I32(part_size);
        Inliner(b_, part, 0).Run({.workgroup = b_.UDiv(id, size), .local = b_.URem(id, size)});
      });
      return;
    }
    if (own == 1) return RunWorkgroup(part, first_shared, first);
    b_.ForEach(b_.I32(0), b_.I32(own), b_.I32(1), [&](V i) {
      RunWorkgroup(part, first_shared, b_.IAdd(first, i));
      b_.DeviceBarrier();  // the next uses the shared memory anew
    });
  }

  void RoundsWhileTrue(V rounds, int64_t most_rounds) {
    const auto goes_on = [&](std::span<const V> carried) { return b_.And(carried[1], b_.SLt(carried[0], rounds)); };
    b_.While(most_rounds, {b_.I32(0), b_.Bool(true)}, goes_on, [&](std::span<const V> carried) -> std::vector<V> {
      Round();
      b_.DeviceBarrier();
      return {b_.IAdd(carried[0], b_.I32(1)), b_.Load(sequence_.predicate, b_.I32(0))};
    });
  }

  void Round() {
    for (size_t i = 0; i < sequence_.parts.size(); ++i) {
      const SequencePart& part = sequence_.parts[i];
      if (part.barrier_before || i == 0) b_.DeviceBarrier();
      const Needs needs = NeedsOf(part.kernel);
      const bool is_whole = part.kernel.workgroup_size == size_ && (needs.workgroup || needs.local_index);
      if (needs.workgroup || (needs.subgroups && is_whole)) {
        RunWorkgroups(part, first_shared_[i]);
      } else if (needs.subgroups) {
        RunSubgroups(part);
      } else {
        RunInvocations(part);
      }
    }
  }

  // Of a part that has all invocations.
  void RunWorkgroup(const SequencePart& part, int first_shared, V workgroup) {
    V subgroup;
    if (NeedsOf(part.kernel).subgroups) subgroup = b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
    Inliner(b_, part, first_shared).Run({.workgroup = workgroup, .local = b_.LocalIndex(), .subgroup = subgroup});
  }

  // One workgroup after the other.
  void RunWorkgroups(const SequencePart& part, int first_shared) {
    b_.ForEach(b_.I32(0), b_.I32(part.workgroups), b_.I32(1), [&](V workgroup) {
      RunWorkgroup(part, first_shared, workgroup);
      b_.DeviceBarrier();  // the next uses the shared memory anew
    });
  }

  // As many workgroups at once as there are subgroups for.
  void RunSubgroups(const SequencePart& part) {
    const int subgroup_size = SubgroupSize(part.kernel, b_.profile());
    const int64_t subgroups = part.kernel.workgroup_size / subgroup_size;
    const int64_t at_once = size_ / part.kernel.workgroup_size;
    const V own = b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
    const V first = b_.UDiv(own, b_.I32(subgroups));
    b_.ForEach({first, b_.I32(part.workgroups), b_.I32(at_once), CeilDiv(part.workgroups, at_once)}, [&](V workgroup) {
      Inliner(b_, part, 0).Run({.workgroup = workgroup, .subgroup = b_.URem(own, b_.I32(subgroups))});
    });
  }

  // As many at once as there are, whatever workgroup they belong to.
  void RunInvocations(const SequencePart& part) {
    const int64_t part_size = part.kernel.workgroup_size;
    const int64_t total = part.workgroups * part_size;
    const auto run = [&](V i) {
      const V size = b_.I32(part_size);
      Inliner(b_, part, 0).Run({.workgroup = b_.UDiv(i, size), .local = b_.URem(i, size)});
    };
    if (total == size_) return run(b_.LocalIndex());
    if (total < size_) return b_.If(b_.SLt(b_.LocalIndex(), b_.I32(total)), [&] { run(b_.LocalIndex()); });
    b_.ForEach({b_.LocalIndex(), b_.I32(total), b_.I32(size_), CeilDiv(total, int64_t{size_})}, run);
  }

  const Sequence& sequence_;
  Builder b_;
  const int size_;
  std::vector<int> first_shared_;  // by part
  int num_shared_ = 0;
};

}  // namespace

double SequenceWork(const Sequence& sequence) {
  double work = 0;
  for (const SequencePart& part : sequence.parts) {
    work += WorkOf(part.kernel.body) * part.kernel.workgroup_size * static_cast<double>(part.workgroups);
  }
  return work;
}

int64_t SequenceInstructions(const Sequence& sequence) {
  int64_t count = 0;
  for (const SequencePart& part : sequence.parts) count += CountInstructions(part.kernel.body);
  return count;
}

bool CanJoin(const Sequence& sequence, const target::DeviceProfile& profile) {
  const int size = WorkgroupSizeOf(sequence);
  int64_t shared_bytes = 0;
  for (const SequencePart& part : sequence.parts) {
    const Kernel& kernel = part.kernel;
    const Needs needs = NeedsOf(kernel);
    if (kernel.is_segmented || needs.matrices || !CanJoinSubgroups(kernel, needs, size, profile)) return false;
    if (needs.workgroup && kernel.workgroup_size != size) return false;
    if (part.workgroups * kernel.workgroup_size > kMaxInvocations) return false;
    shared_bytes += SharedBytes(kernel);
  }
  return shared_bytes <= profile.shared_memory_bytes && AgreeOnSubgroups(sequence);
}

Kernel JoinSequence(const Sequence& sequence, int64_t most_rounds, const target::DeviceProfile& profile) {
  return Joiner(sequence, profile).Run(most_rounds);
}

namespace {

Sequence SequenceOf(const std::vector<SharedPart>& parts) {
  Sequence sequence;
  for (const SharedPart& part : parts) sequence.parts.push_back(part.part);
  return sequence;
}

}  // namespace

bool CanJoinShares(const std::vector<SharedPart>& parts, const target::DeviceProfile& profile) {
  const Sequence sequence = SequenceOf(parts);
  const int size = WorkgroupSizeOf(sequence);
  return CanJoin(sequence, profile) && std::all_of(parts.begin(), parts.end(), [&](const SharedPart& part) {
           const Needs needs = NeedsOf(part.part.kernel);
           if (part.by_invocations) return !needs.workgroup && !needs.subgroups;
           return part.part.kernel.workgroup_size == size;
         });
}

Kernel JoinShares(std::vector<BufferBinding> buffers, const std::vector<SharedPart>& parts, int64_t workgroups,
                  const target::DeviceProfile& profile) {
  Sequence sequence = SequenceOf(parts);
  sequence.buffers = std::move(buffers);
  return Joiner(sequence, profile).RunShares(parts, workgroups);
}

}  // namespace dragoman::kernel
