// SPDX-License-Identifier: Apache-2.0
// The rules of canonicalize, one table a family. A rule that makes `rule.code` again must make it smaller or settled.
#pragma once

#include <span>

#include "passes/rewrite.h"

namespace dragoman::passes {

struct CanonicalRule {
  OpCode code;
  Replacement (*apply)(Op& op, Builder& builder);
};

std::span<const CanonicalRule> MovementRules();
std::span<const CanonicalRule> ArithmeticRules();
std::span<const CanonicalRule> IndexingRules();
std::span<const CanonicalRule> ReductionRules();

}  // namespace dragoman::passes
