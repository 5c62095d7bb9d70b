// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reference/interpreter.h"

namespace dragoman::reference {

// LU with partial pivoting as the custom call LuDecomposition: operand [..., m, n]; results packed [..., m, n], pivots
// [..., min(m, n)], the rows' order [..., m].
Results EvaluateLu(const OpCall& call);

}  // namespace dragoman::reference
