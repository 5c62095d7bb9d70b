// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "reference/interpreter.h"

namespace dragoman::reference {

// Sorts the operands together along a dimension, always stably, by a comparator on (left 0, right 0, left 1, ...), and
// keeps the first `num_kept` of each line (at most its length).
Results SortLines(std::span<const Literal> operands, int64_t dimension, int64_t num_kept, const ir::Block& block,
                  Frame& frame);

}  // namespace dragoman::reference
