// SPDX-License-Identifier: Apache-2.0
// Structural comparison of ops and regions: equal code, attributes, types, operands and bodies, up to the identity of
// values defined inside. Hashes agree with equality.
#pragma once

#include "ir/ir.h"

namespace dragoman::passes {

size_t HashOp(const ir::Op& op);
bool SameOps(const ir::Op& a, const ir::Op& b);
// Regions of the two ops that may differ in nothing but the values defined inside.
bool SameRegions(const ir::Block& a, const ir::Block& b);

}  // namespace dragoman::passes
