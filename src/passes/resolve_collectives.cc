// SPDX-License-Identifier: Apache-2.0
#include "passes/resolve_collectives.h"

#include "base/format.h"
#include "ir/collectives.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

ir::OnOneDevice MeaningOf(const Op& op, const ir::Module& module) {
  const bool is_alone = module.num_partitions == 1 && module.num_replicas == 1;
  return is_alone ? ir::MeaningOnOneDevice(op) : ir::OnOneDevice::kOthers;
}

StatusOr<Replacement> ResolveCollective(Op& op, RewriteContext& context) {
  if (Info(op.code).kind != ir::OpKind::kCollective) return kKeep;
  std::vector<Value*> zeros;
  switch (MeaningOf(op, context.module)) {
    case ir::OnOneDevice::kOperands:
      return Replacement(op.operands);
    case ir::OnOneDevice::kZeros:
      for (const auto& result : op.results) zeros.push_back(context.builder.Splat(result->type, 0));
      return Replacement(zeros);
    case ir::OnOneDevice::kOthers:
      break;
  }
  return Unimplemented(
      Format("The operation {} {} is not supported: it needs other devices, and a program runs on one.{}",
             Info(op.code).name, ir::Signature(op), context.module.Where(op)));
}

}  // namespace

StatusOr<PassResult> ResolveCollectives(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, ResolveCollective));
  return PassResult{changed};
}

}  // namespace dragoman::passes
