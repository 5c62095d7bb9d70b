// SPDX-License-Identifier: Apache-2.0
#include "kernel/lift_extents.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <map>
#include <unordered_map>
#include <utility>

namespace dragoman::kernel {
namespace {

// Sums with numbers up to this are lanes and unrolled steps, and loops that end there are trees: drivers unroll them.
constexpr int32_t kLargestStep = 8;
// Elsewhere even a small number may be an extent, or how many tiles it has.
constexpr int32_t kLargestFactor = 2;

bool IsArithmetic(KOp op) { return Between(op, KOp::kIAdd, KOp::kUMax); }
bool IsComparison(KOp op) { return Between(op, KOp::kIEq, KOp::kULe); }
// What makes positions of positions.
bool KeepsPosition(KOp op) {
  return IsArithmetic(op) || IsComparison(op) || Between(op, KOp::kAnd, KOp::kShrS) || op == KOp::kSelect;
}
bool IsPositionSource(KOp op) { return Between(op, KOp::kConstant, KOp::kSubgroupLane); }
// Which operands may be lifted, [from, to), and up to what integers stay.
struct Liftable {
  size_t from = 0;
  size_t to = 0;
  int32_t kept = kLargestStep;
};
Liftable LiftableOf(KOp op) {
  if (op == KOp::kIAdd || op == KOp::kISub) return {0, 2};
  if (IsArithmetic(op) || IsComparison(op)) return {0, 2, kLargestFactor};
  if (op == KOp::kSelect) return {1, 3};
  if (op == KOp::kFor) return {0, 2};  // the step is the plan's
  if (op == KOp::kFMul || op == KOp::kFDiv) return {0, 2};
  if (op == KOp::kFAbs) return {0, 1};
  return {};
}

// Lifts whatever its other operands are: a loop, and a division by how many elements there are, as quotients are
// computed.
bool TakesAny(KOp op) { return op == KOp::kFor || op == KOp::kFMul || op == KOp::kFDiv || op == KOp::kFAbs; }
// A mean's count, and no coefficient of a polynomial. Powers of two have become products.
bool IsCount(float value) { return value > kLargestStep && value < 0x1p24f && value == std::trunc(value); }

class Lifter {
 public:
  Lifter(Kernel& kernel, std::vector<uint32_t>& params)
      : kernel_(kernel), params_(params), is_position_(kernel.value_types.size(), false) {}

  void Run() {
    Lift(kernel_.body);
    kernel_.body.body.insert(kernel_.body.body.begin(), loads_.begin(), loads_.end());
  }

 private:
  // Copies of a kernel share regions, so one that changes is made anew.
  void Lift(Region& region) {
    for (Instruction& instruction : region.body) {
      if (instruction.op == KOp::kConstant) constants_[instruction.first_result] = instruction.imm;
      const bool is_position = IsPosition(instruction);
      if (is_position) is_position_[instruction.first_result] = true;
      if (is_position || TakesAny(instruction.op)) LiftOperands(instruction);
      for (std::shared_ptr<Region>& inner : instruction.regions) {
        inner = std::make_shared<Region>(*inner);
        if (instruction.op == KOp::kFor) is_position_[inner->first_argument] = true;
        Lift(*inner);
      }
    }
  }

  bool IsPosition(const Instruction& instruction) const {
    if (instruction.num_results != 1) return false;
    const KType type = kernel_.value_types[instruction.first_result];
    if (type != KType::kI32 && type != KType::kBool) return false;
    if (IsPositionSource(instruction.op)) return true;
    return KeepsPosition(instruction.op) && std::all_of(instruction.operands.begin(), instruction.operands.end(),
                                                        [&](ValueId id) { return is_position_[id]; });
  }

  void LiftOperands(Instruction& instruction) {
    const Liftable liftable = LiftableOf(instruction.op);
    for (size_t i = liftable.from; i < liftable.to; ++i) {
      const auto constant = constants_.find(instruction.operands[i]);
      if (constant == constants_.end()) continue;
      const KType type = kernel_.value_types[constant->first];
      const auto bits = static_cast<uint32_t>(constant->second);
      const bool is_extent = type == KType::kI32 && std::abs(int64_t{static_cast<int32_t>(bits)}) > liftable.kept;
      if (is_extent || (type == KType::kF32 && IsCount(std::bit_cast<float>(bits)))) {
        instruction.operands[i] = ParamOf(type, bits);
      }
    }
  }

  ValueId ParamOf(KType type, uint32_t bits) {
    const auto found = lifted_.find({type, bits});
    if (found != lifted_.end()) return found->second;
    Instruction load{KOp::kParam, KType::kI32, {}, kNoValue, 1, 0, -1, {}};
    if (type == KType::kI32) {
      load.imm = static_cast<uint64_t>(kernel_.num_params++);
      params_.push_back(bits);
    } else {
      load = {KOp::kBitcast, type, {ParamOf(KType::kI32, bits)}, kNoValue, 1, 0, -1, {}};
    }
    load.first_result = static_cast<ValueId>(kernel_.value_types.size());
    kernel_.value_types.push_back(type);
    loads_.push_back(load);
    lifted_.emplace(std::pair(type, bits), load.first_result);
    return load.first_result;
  }

  Kernel& kernel_;
  std::vector<uint32_t>& params_;
  std::vector<bool> is_position_;  // by ValueId: computed from numbers of invocations, counters, parameters, constants
  std::unordered_map<ValueId, uint64_t> constants_;  // their bits
  std::map<std::pair<KType, uint32_t>, ValueId> lifted_;
  std::vector<Instruction> loads_;  // of the parameters, ahead of everything
};

}  // namespace

void LiftExtents(Kernel& kernel, std::vector<uint32_t>& params) { Lifter(kernel, params).Run(); }

}  // namespace dragoman::kernel
