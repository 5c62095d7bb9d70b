// SPDX-License-Identifier: Apache-2.0
// Whoever reads what an update in place or a loop writes over runs before it where it can: then nothing is copied.
#pragma once

#include "compiler/schedule.h"

namespace dragoman::compiler {

// Of several that start from one value the last one takes its memory over.
void RunReadersFirst(BlockSchedule& schedule);

}  // namespace dragoman::compiler
