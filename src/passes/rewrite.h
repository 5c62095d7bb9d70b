// SPDX-License-Identifier: Apache-2.0
// The frame of passes that replace ops one by one. Blocks are rebuilt in order: when a rule sees an op, its operands
// are already the replaced ones. Linear in the size of the module.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"
#include "passes/names.h"

namespace dragoman::passes {

// What takes the place of an op's results, or nullopt to keep the op. New ops are made through the builder; they are
// offered to the rule in turn, so a rule must not make what it replaces. The op itself is dropped; it must be pure or
// its effect be made anew. A rule may instead change the op in place and return nullopt, after setting `changed`.
using Replacement = std::optional<std::vector<Value*>>;
inline constexpr Replacement kKeep = std::nullopt;

struct RewriteContext {
  ir::Module& module;
  Builder& builder;
  bool changed = false;
};
using RewriteRule = std::function<StatusOr<Replacement>(Op& op, RewriteContext& context)>;

// Whether anything changed. The rule sees what regions hold before the op that holds them.
StatusOr<bool> Rewrite(ir::Module& module, const RewriteRule& rule);

// As many values as the op has results.
inline Replacement ReplaceWith(Value* value) { return std::vector<Value*>{value}; }

}  // namespace dragoman::passes
