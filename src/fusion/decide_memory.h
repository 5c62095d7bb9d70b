// SPDX-License-Identifier: Apache-2.0
// The first decision of fusion: which values are written to memory, and which are computed where they are read.
#pragma once

#include "fusion/graph.h"
#include "target/compile_context.h"

namespace dragoman::fusion {

// Sets Node::in_memory for every node. Where fusion is off every op goes to memory, inline constants excepted.
void DecideMemory(Graph& graph, const target::CompileContext& context);

}  // namespace dragoman::fusion
