// SPDX-License-Identifier: Apache-2.0
#include "passes/effects.h"

namespace dragoman::passes {

using ir::AttrKey;
using ir::Op;
using ir::OpCode;
using ir::OpKind;

bool HasEffect(const Op& op) {
  // JAX's dce_sink only keeps XLA from leaving its operand out.
  const auto is_sink = [&op] { return op.attributes.Text(AttrKey::kCallTargetName) == "dce_sink"; };
  if (op.code == OpCode::kCustomCall) return op.attributes.Int(AttrKey::kHasSideEffect) != 0 && !is_sink();
  // A call may hold one; it is inlined before anyone asks in earnest.
  if (op.code == OpCode::kCall || op.code == OpCode::kComposite) return true;
  return Info(op.code).kind == OpKind::kEffect;
}

bool IsPure(const Op& op) {
  const auto has_effect_or_draws = [](const Op& op) { return HasEffect(op) || op.code == OpCode::kRng; };
  if (has_effect_or_draws(op)) return false;
  bool is_pure = true;
  for (const auto& region : op.regions) {
    ir::Walk(*region, [&](const Op* inner) { is_pure &= !has_effect_or_draws(*inner); });
  }
  return is_pure;
}

}  // namespace dragoman::passes
