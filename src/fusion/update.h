// SPDX-License-Identifier: Apache-2.0
// Updates in place: dynamic_update_slice and scatter, whose results start as what their first operands hold. Where such
// an operand dies there its memory is taken over, unless the update is computed from other elements of it meanwhile.
#pragma once

#include "ir/ir.h"

namespace dragoman::fusion {

bool IsUpdate(const ir::Op& op);
// Its kernel computes indices and updates once for each element written, so that it may compute them in place.
bool TakesUpdatesInPlace(const ir::Op& update);
// One invocation reads all that it needs before it writes: what the update is computed from may be what it changes.
bool UpdatesOneElement(const ir::Op& update);
// What the value is a reshape of, through any number of them: the same elements in the same order.
const ir::Value* SourceOfReshapes(const ir::Value* value);
// `op` reads memory that `update` writes, and writing its result is less than a copy of that memory.
bool ReadsWhatIsUpdated(const ir::Op& op, const ir::Op& update);

}  // namespace dragoman::fusion
