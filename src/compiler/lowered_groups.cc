// SPDX-License-Identifier: Apache-2.0
#include "compiler/lowered_groups.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fusion/classify.h"
#include "ir/structure.h"
#include "kernel/drop_unused.h"
#include "kernel/lift_extents.h"

namespace dragoman::compiler {
namespace {

size_t HashGroup(const fusion::Group& group) {
  const size_t shape = static_cast<size_t>(group.kind) << 32 | group.inputs.size() << 16 | group.outputs.size();
  return ir::HashOps(group.members) * 31 + shape;
}

bool SameTypes(const std::vector<ir::Value*>& a, const std::vector<ir::Value*>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ir::Value* x, const ir::Value* y) { return x->type == y->type; });
}

// Kernels have inline constants in their code, also those that are inputs.
const ir::Op* InlineConstant(const ir::Value* value) {
  return value->op != nullptr && fusion::IsInlineConstant(*value->op) ? value->op : nullptr;
}
bool SameConstants(const std::vector<ir::Value*>& a, const std::vector<ir::Value*>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ir::Value* x, const ir::Value* y) {
    const ir::Op *of_x = InlineConstant(x), *of_y = InlineConstant(y);
    if (of_x == nullptr || of_y == nullptr) return of_x == of_y;
    return of_x->attributes.GetLiteral(ir::AttrKey::kValue) == of_y->attributes.GetLiteral(ir::AttrKey::kValue);
  });
}

// Which value of `b` stands where one of `a` does, if the groups differ in nothing but their values.
std::optional<ir::Correspondence> Match(const fusion::Group& a, const fusion::Group& b) {
  if (a.kind != b.kind || !SameTypes(a.inputs, b.inputs) || !SameTypes(a.outputs, b.outputs)) return std::nullopt;
  if (!SameConstants(a.inputs, b.inputs)) return std::nullopt;
  ir::Correspondence values;
  for (size_t i = 0; i < a.inputs.size(); ++i) values[a.inputs[i]] = b.inputs[i];
  if (!ir::SameOps(a.members, b.members, values)) return std::nullopt;
  for (size_t i = 0; i < a.members.size(); ++i) {
    if ((a.members[i] == a.hero) != (b.members[i] == b.hero)) return std::nullopt;
  }
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const auto found = values.find(a.outputs[i]);
    if (found == values.end() || found->second != b.outputs[i]) return std::nullopt;
  }
  return values;
}

Lowered Translate(Lowered lowered, const ir::Correspondence& values) {
  for (Launch& launch : lowered.launches) {
    for (kernel::Argument& argument : launch.arguments) {
      if (argument.value != nullptr) argument.value = values.at(argument.value);
    }
  }
  return lowered;
}

Lowered Share(kernel::LoweredGroup group) {
  Lowered lowered;
  lowered.temporaries = std::move(group.temporaries);
  lowered.reason = std::move(group.reason);
  for (kernel::Dispatch& dispatch : group.dispatches) {
    if (dispatch.workgroups == 0) continue;
    lowered.launches.push_back({std::make_shared<const kernel::Kernel>(std::move(dispatch.kernel)),
                                std::move(dispatch.arguments), std::move(dispatch.params), dispatch.workgroups,
                                std::move(dispatch.division), std::move(dispatch.label)});
  }
  return lowered;
}

}  // namespace

StatusOr<Lowered> LoweredGroups::Lower(const fusion::Group& group) {
  std::vector<Known>& alike = known_[HashGroup(group)];
  for (const Known& known : alike) {
    if (const auto values = Match(*known.group, group)) return Translate(known.lowered, *values);
  }
  ASSIGN_OR_RETURN(kernel::LoweredGroup lowered, kernel::LowerGroup(group, context_));
  for (kernel::Dispatch& dispatch : lowered.dispatches) {
    if (lifts_extents_) LiftExtents(dispatch.kernel, dispatch.params);
    DropUnused(dispatch.kernel);
  }
  alike.push_back({&group, Share(std::move(lowered))});
  return alike.back().lowered;
}

}  // namespace dragoman::compiler
