// SPDX-License-Identifier: Apache-2.0
// The first decision of fusion: which values are written to memory, and which are computed where they are read.
#pragma once

#include "fusion/graph.h"

namespace dragoman::fusion {

// Sets Node::in_memory for every node. With `fuse` false every op goes to memory, inline constants excepted.
void DecideMemory(Graph& graph, bool fuse);

}  // namespace dragoman::fusion
