// SPDX-License-Identifier: Apache-2.0
// Which ops may be dropped, merged or moved.
#pragma once

#include "ir/ir.h"

namespace dragoman::passes {

// The op itself, not what its regions hold.
bool HasEffect(const ir::Op& op);
// Neither the op nor anything in its regions has an effect or draws.
bool IsPure(const ir::Op& op);

}  // namespace dragoman::passes
