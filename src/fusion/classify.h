// SPDX-License-Identifier: Apache-2.0
// What fusion must know of one op by itself: which kind of group it heads, what computing one element costs, and
// which operands may be computed in place instead of being read from memory.
#pragma once

#include "fusion/plan.h"
#include "ir/ir.h"

namespace dragoman::fusion {

// Computed per element at any index (element/elemental.h does it); such ops never need a kernel of their own.
bool IsElemental(const ir::Op& op);
// A constant that is written into the code: one element, or the same for all.
bool IsInlineConstant(const ir::Op& op);
// A constant that lives in memory (Program::constants).
bool IsMemoryConstant(const ir::Op& op);
// For ops that are not elemental (and not kReturn).
GroupKind KindOf(const ir::Op& op);

// Rough instruction count of computing one element, operands excluded: add 1, divide 3, exponential 8, power 24.
int ElementCost(const ir::Op& op);

// True when `user` can compute operand number `operand` in place if that is elemental; false when it must be in memory.
// Whether a product does what it can is decided in product_operand.h.
bool CanComputeOperandInPlace(const ir::Op& user, int operand);

// A broadcast_in_dim (or size-changing movement) that reads elements of its operand more than once.
int64_t Expansion(const ir::Op& op);

}  // namespace dragoman::fusion
