// SPDX-License-Identifier: Apache-2.0
// For tests: a kernel as a device runs it that divides by way of the reciprocal, which it flushes to zero below the
// smallest normal number. x / y is then off by up to one unit in the last place, and lost for y beyond 2^126.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernel/interpreter_scalar.h"
#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

class CoarseDivision {
 public:
  explicit CoarseDivision(Kernel kernel) : kernel_(std::move(kernel)) {}
  Kernel Run() && {
    kernel_.body = Rewritten(kernel_.body);
    return std::move(kernel_);
  }

 private:
  ValueId Add(Region& region, Instruction instruction, KType result) {
    kernel_.value_types.push_back(result);
    instruction.type = result;
    instruction.first_result = static_cast<ValueId>(kernel_.value_types.size() - 1);
    instruction.num_results = 1;
    region.body.push_back(std::move(instruction));
    return region.body.back().first_result;
  }
  ValueId Constant(Region& region, KType type, double value) {
    return Add(region, {.op = KOp::kConstant, .imm = FromDouble(type, value)}, type);
  }

  Region Rewritten(const Region& region) {
    Region result{region.first_argument, region.num_arguments, {}};
    for (Instruction instruction : region.body) {
      for (auto& inner : instruction.regions) {
        if (inner != nullptr) inner = std::make_shared<Region>(Rewritten(*inner));
      }
      if (instruction.op == KOp::kFDiv) Divide(result, instruction);
      result.body.push_back(std::move(instruction));
    }
    return result;
  }

  // Turns the division into a product with the reciprocal.
  void Divide(Region& region, Instruction& division) {
    const KType type = kernel_.value_types[division.operands[0]];
    const double smallest = type == KType::kF64 ? 0x1p-1022 : type == KType::kF32 ? 0x1p-126 : 0x1p-14;
    const ValueId one = Constant(region, type, 1), zero = Constant(region, type, 0);
    const ValueId limit = Constant(region, type, smallest);
    const ValueId reciprocal = Add(region, {.op = KOp::kFDiv, .operands = {one, division.operands[1]}}, type);
    const ValueId magnitude = Add(region, {.op = KOp::kFAbs, .operands = {reciprocal}}, type);
    const ValueId is_lost = Add(region, {.op = KOp::kFLt, .operands = {magnitude, limit}}, KType::kBool);
    division.operands[1] = Add(region, {.op = KOp::kSelect, .operands = {is_lost, zero, reciprocal}}, type);
    division.op = KOp::kFMul;
  }

  Kernel kernel_;
};

}  // namespace dragoman::kernel
