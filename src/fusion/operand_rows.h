// SPDX-License-Identifier: Apache-2.0
// Operands that a product's kernel computes for itself, once a workgroup: few rows, such as a token's or a small
// batch's, normalised by reductions of theirs. A kernel of its own would be waited for longer than each workgroup takes
// to compute them again while it waits for the other operand.
#pragma once

#include <cstdint>
#include <vector>

#include "fusion/graph.h"
#include "target/profile.h"

namespace dragoman::fusion {

// Of shared memory, beside the rows, for what their reductions exchange.
inline constexpr int64_t kBytesBesideRows = 4096;

// Positions of the ops that make operand `head` of products what it is, reductions among them, `head` first; what they
// read besides is in memory. Nothing where a kernel of their own is better: all products compute `head`, or none.
std::vector<int> FindOperandRows(const Graph& graph, int head, const target::DeviceProfile& profile);

// Whether a product's group computes the operand from reductions.
bool IsComputedByRows(const Group& group, const ir::Value* operand);

}  // namespace dragoman::fusion
