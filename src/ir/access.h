// SPDX-License-Identifier: Apache-2.0
// Which elements of its operands an op's elements come from.
#pragma once

#include "ir/ir.h"

namespace dragoman::ir {

// Whether every element of the op's result comes from the operand's element at the same row-major position, as it does
// elementwise, or where only the shape or the element type changes.
bool KeepsLinearIndex(const Op& op, const Value* operand);

}  // namespace dragoman::ir
