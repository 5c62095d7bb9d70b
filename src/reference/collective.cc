// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "ir/collectives.h"
#include "reference/op_functions.h"

namespace dragoman::reference {

Results EvaluateCollective(const OpCall& call) {
  std::vector<Literal> results;
  switch (ir::MeaningOnOneDevice(call.op)) {
    case ir::OnOneDevice::kOperands:
      return std::vector<Literal>(call.operands.begin(), call.operands.end());
    case ir::OnOneDevice::kZeros:
      for (const auto& result : call.op.results) {
        results.emplace_back(result->type, std::vector<std::byte>(SizeBytes(result->type.dtype)));
      }
      return results;
    case ir::OnOneDevice::kOthers:
      break;
  }
  return Unimplemented(Format("The operation {} is not evaluated on several devices.", ir::Info(call.op.code).name));
}

}  // namespace dragoman::reference
