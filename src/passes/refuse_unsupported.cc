// SPDX-License-Identifier: Apache-2.0
#include "passes/refuse_unsupported.h"

#include "base/format.h"
#include "passes/builder.h"

namespace dragoman::passes {
namespace {

std::string TypesOf(const std::vector<TensorType>& types) {
  std::string text = "(";
  for (size_t i = 0; i < types.size(); ++i) text += (i == 0 ? "" : ", ") + types[i].ToString();
  return text + ")";
}

Status Refuse(const Op& op, const ir::Module& module) {
  std::vector<TensorType> operands, results;
  for (const Value* operand : op.operands) operands.push_back(operand->type);
  for (const auto& result : op.results) results.push_back(result->type);
  return Unimplemented(
      Format("The custom call {}{} -> {} is not supported.{} A C function that "
             "jax.ffi.register_ffi_target registers for the platform dragoman or cpu runs on the host.",
             op.attributes.Text(AttrKey::kCallTargetName), TypesOf(operands), TypesOf(results), module.Where(op)));
}

}  // namespace

StatusOr<PassResult> RefuseUnsupported(ir::Module& module, const target::CompileContext&) {
  Status status;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&](const Op* op) {
      if (op->code == OpCode::kCustomCall && status.ok()) status = Refuse(*op, module);
    });
  }
  if (!status.ok()) return status;
  return PassResult{};
}

}  // namespace dragoman::passes
