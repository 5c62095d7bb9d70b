// SPDX-License-Identifier: Apache-2.0
// Elementwise opcodes that the tensor IR has no operation for, as a few that it has.
#pragma once

#include <string_view>

#include "ir/builder.h"

namespace dragoman::hlo {

// Writes the function of an f32 or f64 tensor.
using Composition = ir::Value* (*)(ir::Builder& builder, ir::Value* x);

// nullptr when there is none.
Composition CompositionOf(std::string_view opcode);

}  // namespace dragoman::hlo
