// SPDX-License-Identifier: Apache-2.0
// For tests: kernels run over vectors of numbers, and kernels with one thing changed.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "kernel/interpreter.h"
#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

using Memory = std::vector<std::byte>;

template <typename T>
Memory ToMemory(const std::vector<T>& values) {
  Memory memory(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(memory.data(), values.data(), memory.size());
  return memory;
}

template <typename T>
std::vector<T> FromMemory(const Memory& memory) {
  std::vector<T> values(memory.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), memory.data(), values.size() * sizeof(T));
  return values;
}

inline Status RunOn(const Kernel& kernel, std::vector<Memory>& buffers, int64_t workgroups = 1,
                    std::span<const uint32_t> params = {}, const InterpretOptions& options = {}) {
  std::vector<Memory*> bound;
  for (Memory& buffer : buffers) bound.push_back(&buffer);
  return Interpret(kernel, bound, params, workgroups, options);
}

// The first instruction with the op, those inside of others included; null when there is none. Regions on the way are
// made anew, for copies of a kernel share them.
inline Instruction* FirstIn(Region& region, KOp op) {
  for (Instruction& instruction : region.body) {
    if (instruction.op == op) return &instruction;
    for (std::shared_ptr<Region>& inner : instruction.regions) {
      inner = std::make_shared<Region>(*inner);
      if (Instruction* found = FirstIn(*inner, op); found != nullptr) return found;
    }
  }
  return nullptr;
}
inline Instruction& First(Kernel& kernel, KOp op) { return *FirstIn(kernel.body, op); }

inline int CountOf(const Region& region, KOp op) {
  int count = 0;
  for (const Instruction& instruction : region.body) {
    count += instruction.op == op ? 1 : 0;
    for (const auto& inner : instruction.regions) count += CountOf(*inner, op);
  }
  return count;
}

}  // namespace dragoman::kernel
