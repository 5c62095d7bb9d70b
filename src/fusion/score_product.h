// SPDX-License-Identifier: Apache-2.0
// Which dot_generals make scores of an attention, and which take them.
#pragma once

#include <optional>

#include "fusion/attention.h"

namespace dragoman::fusion {

// The space of a dot_general's result as scores: its batch, what lhs has alone and what rhs has alone.
ScoreSpace SpaceOf(const ir::Op& dot);
// Elements of other types than bf16 become sums of two.
void TakeAsBF16(ScoreProduct& product);
// Nothing for element types that matrix units do not take.
std::optional<ScoreProduct> ProductIntoScores(const ir::Op& dot);
// Operand `operand` is scores of `space` in their row-major order. Nothing where its dimensions stand otherwise.
std::optional<ScoreProduct> ProductOutOfScores(const ir::Op& dot, int operand, const ScoreSpace& space);
// Whether pairs of elements of an operand that the dot of `group` takes from memory lie together.
bool LoadsPairs(const Group& group, const ir::Op& dot, int operand);

}  // namespace dragoman::fusion
