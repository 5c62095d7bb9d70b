// SPDX-License-Identifier: Apache-2.0
#include "kernel/drop_unused.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace dragoman::kernel {
namespace {

bool HasEffect(KOp op) {
  switch (op) {
    case KOp::kStore:
    case KOp::kStoreShared:
    case KOp::kMatrixStore:
    case KOp::kBarrier:
    case KOp::kDeviceBarrier:
    case KOp::kYield:
      return true;
    default:
      return Between(op, KOp::kSharedAtomicAdd, KOp::kAtomicExchange);
  }
}

// Of a region, what it does beyond what it yields.
bool HasEffect(const Region& region) {
  return std::any_of(region.body.begin(), region.body.end(), [](const Instruction& inner) {
    if (inner.op != KOp::kYield && HasEffect(inner.op)) return true;
    return std::any_of(inner.regions.begin(), inner.regions.end(), [](const auto& r) { return HasEffect(*r); });
  });
}

class Dropper {
 public:
  explicit Dropper(Kernel& kernel) : kernel_(kernel), is_used_(kernel.value_types.size(), false) {}

  void Run() {
    Drop(kernel_.body);
    numbers_.assign(is_used_.size(), kNoValue);
    Number(kernel_.body);
    kernel_.value_types = std::move(types_);
  }

 private:
  // From the end, since values are defined before they are used. Copies of a kernel share regions, so each is made
  // anew.
  void Drop(Region& region) {
    std::vector<Instruction> kept;
    for (auto inst = region.body.rbegin(); inst != region.body.rend(); ++inst) {
      if (!IsNeeded(*inst)) continue;
      for (const ValueId operand : inst->operands) is_used_[operand] = true;
      for (auto inner = inst->regions.rbegin(); inner != inst->regions.rend(); ++inner) {
        *inner = std::make_shared<Region>(**inner);
        Drop(**inner);
      }
      kept.push_back(std::move(*inst));
    }
    std::reverse(kept.begin(), kept.end());
    region.body = std::move(kept);
  }

  bool IsNeeded(const Instruction& inst) const {
    if (HasEffect(inst.op)) return true;
    for (int i = 0; i < inst.num_results; ++i) {
      if (is_used_[inst.first_result + i]) return true;
    }
    return std::any_of(inst.regions.begin(), inst.regions.end(), [](const auto& inner) { return HasEffect(*inner); });
  }

  void Number(Region& region) {
    Define(region.first_argument, region.num_arguments);
    for (Instruction& inst : region.body) {
      for (ValueId& operand : inst.operands) operand = numbers_[operand];
      // Results of a loop are numbered after those inside it, as Builder does.
      for (const std::shared_ptr<Region>& inner : inst.regions) Number(*inner);
      Define(inst.first_result, inst.num_results);
    }
  }

  void Define(ValueId& first, int count) {
    if (count == 0) return;
    const auto number = static_cast<ValueId>(types_.size());
    for (int i = 0; i < count; ++i) {
      numbers_[first + i] = number + i;
      types_.push_back(kernel_.value_types[first + i]);
    }
    first = number;
  }

  Kernel& kernel_;
  std::vector<bool> is_used_;     // by ValueId, as is numbers_
  std::vector<ValueId> numbers_;  // what values are called now
  std::vector<KType> types_;      // by new number
};

}  // namespace

void DropUnused(Kernel& kernel) { Dropper(kernel).Run(); }

}  // namespace dragoman::kernel
