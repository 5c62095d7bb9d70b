// SPDX-License-Identifier: Apache-2.0
// How the evaluation of one op sees its surroundings, and the table of all ops.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"
#include "reference/tensor.h"

namespace dragoman::reference {

// The values of one function's run; the blocks inside of it share them.
struct Frame {
  const ir::Module* module = nullptr;  // null: calls cannot be resolved
  int depth = 0;                       // of calls
  std::unordered_map<const ir::Value*, Literal> values;
};

using Results = StatusOr<std::vector<Literal>>;

struct OpCall {
  const ir::Op& op;
  std::span<const Literal> operands;
  Frame& frame;
};
using OpFunction = Results (*)(const OpCall& call);
OpFunction FunctionOf(ir::OpCode code);

// Runs a block on its arguments; what it captures must be in the frame.
Results RunBlock(const ir::Block& block, std::span<const Literal> arguments, Frame& frame);
Results RunFunction(const ir::Module& module, std::string_view name, std::span<const Literal> inputs, int depth);

}  // namespace dragoman::reference
