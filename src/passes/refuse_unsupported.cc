// SPDX-License-Identifier: Apache-2.0
#include "passes/refuse_unsupported.h"

#include "base/format.h"
#include "passes/names.h"

namespace dragoman::passes {
namespace {

Status Refuse(const Op& op, const ir::Module& module) {
  return Unimplemented(
      Format("The custom call {}{} is not supported.{} A C function that "
             "jax.ffi.register_ffi_target registers for the platform dragoman or cpu runs on the host.",
             op.attributes.Text(AttrKey::kCallTargetName), ir::Signature(op), module.Where(op)));
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
