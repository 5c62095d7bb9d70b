// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "reference/op_functions.h"
#include "reference/tensor.h"

namespace dragoman::reference {

using ir::AttrKey;

Results EvaluateWhile(const OpCall& call) {
  std::vector<Literal> carried(call.operands.begin(), call.operands.end());
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Literal> condition, RunBlock(*call.op.regions[0], carried, call.frame));
    if (TensorReader(condition[0])[0].integer == 0) return carried;
    ASSIGN_OR_RETURN(carried, RunBlock(*call.op.regions[1], carried, call.frame));
  }
}

// An index out of range takes the last branch.
Results EvaluateCase(const OpCall& call) {
  const auto num_branches = static_cast<int64_t>(call.op.regions.size());
  const int64_t index = TensorReader(call.operands[0])[0].integer;
  const int64_t branch = index < 0 || index >= num_branches ? num_branches - 1 : index;
  return RunBlock(*call.op.regions[branch], {}, call.frame);
}

namespace {

Results CallFunction(const OpCall& call, AttrKey callee) {
  if (call.frame.module == nullptr) {
    return Unimplemented(Format("{} is not evaluated without its module.", ir::Info(call.op.code).name));
  }
  return RunFunction(*call.frame.module, call.op.attributes.Text(callee), call.operands, call.frame.depth + 1);
}

}  // namespace

Results EvaluateCall(const OpCall& call) { return CallFunction(call, AttrKey::kCallee); }
Results EvaluateComposite(const OpCall& call) { return CallFunction(call, AttrKey::kDecomposition); }

Results EvaluateOptimizationBarrier(const OpCall& call) {
  return std::vector<Literal>(call.operands.begin(), call.operands.end());
}

Results EvaluateToken(const OpCall& call) { return std::vector<Literal>{Literal(call.op.type(), {})}; }

Results RefuseOp(const OpCall& call) {
  return Unimplemented(Format("The operation {} is not evaluated.", ir::Info(call.op.code).name));
}

}  // namespace dragoman::reference
