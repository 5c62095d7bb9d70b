// SPDX-License-Identifier: Apache-2.0
// Reductions that choose one of their elements: argmax and argmin.
#pragma once

#include "ir/ir.h"

namespace dragoman::kernel {

// Whether a reduce of (values, positions) keeps the pair that comes first: a NaN before all numbers, then the greatest
// (or least) value, and of equals the one of the lowest position, where positions count along what is reduced. When the
// pair of lower position is given as the left one, pairs may be combined in any order.
bool ChoosesByPosition(const ir::Op& reduce);

}  // namespace dragoman::kernel
