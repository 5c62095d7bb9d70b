// SPDX-License-Identifier: Apache-2.0
// Which operands a product (dot_general, convolution) takes through the ops that make them. Its kernel then reads what
// those ops read: transpose, reverse and broadcast_in_dim change where an element is loaded from, convert what becomes
// of it. The alternative is a kernel of their own, which writes the operand as the product wants it. Here alone that is
// decided, by estimates of both.
#pragma once

#include <string>
#include <vector>

#include "fusion/graph.h"
#include "target/profile.h"

namespace dragoman::fusion {

bool IsProduct(const ir::Op& op);
// An op that a product's kernel can undo or apply at each load.
bool IsOnTheWay(const ir::Op& op);

struct OperandDecision {
  bool is_taken = false;
  std::vector<int> way;  // positions of the ops, `head` first; what the last one reads is in memory
  std::string reason;    // for people
};

// `head` is on the way and an operand of at least one product. All of its products take it, or none.
OperandDecision DecideOperand(const Graph& graph, int head, const target::DeviceProfile& profile);

}  // namespace dragoman::fusion
