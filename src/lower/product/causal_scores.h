// SPDX-License-Identifier: Apache-2.0
// Scores that a causal mask replaces: in columns beyond their row they are a large negative number, so that what a
// softmax makes of them is exactly 0 unless a row has nothing else.
#pragma once

#include <optional>
#include <span>

#include "fusion/attention.h"
#include "ir/ir.h"

namespace dragoman::kernel {

struct CausalScores {
  const ir::Op* masked = nullptr;   // the select
  const ir::Op* maximum = nullptr;  // of its rows
  const ir::Value* sum = nullptr;   // of the exponentials less that
  float lowest = 0;                 // what stands beyond the row
};

// The mask of a group's softmax; nothing where it has none that is known.
std::optional<CausalScores> FindCausalScores(const fusion::Group& group, const fusion::ScoreSpace& space);
// Whether `value` is 0 beyond the row, of what else it is computed from being finite.
bool IsZeroBeyondRow(const ir::Value* value, const CausalScores& causal);

}  // namespace dragoman::kernel
