// SPDX-License-Identifier: Apache-2.0
// The computations of a module and their instructions, in order and with ids resolved; what an instruction says beyond
// that is read when it is imported.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "hlo/message.h"
#include "hlo/shape.h"

namespace dragoman::hlo {

struct Instruction {
  Message message;
  std::string_view opcode;
  Shape shape;
  std::vector<int> operands;  // positions of earlier instructions of the computation
  std::vector<int> called;    // computations
  int parameter_number = -1;  // of a parameter
};

struct Computation {
  std::string_view name;
  std::vector<Instruction> instructions;  // operands come before what uses them
  std::vector<int> parameters;            // positions, by parameter number
  int root = 0;

  const Instruction& root_instruction() const { return instructions[root]; }
};

struct ModuleTable {
  Message message;
  std::vector<Computation> computations;  // callees before callers, so that nothing calls itself
  int entry = 0;
};

// INVALID_ARGUMENT: damaged, or it refers to what is not there or comes later.
StatusOr<ModuleTable> ReadModuleTable(std::span<const std::byte> proto);

}  // namespace dragoman::hlo
