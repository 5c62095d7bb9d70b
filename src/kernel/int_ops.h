// SPDX-License-Identifier: Apache-2.0
// What integer operations compute, for folding and for the interpreter.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// kIAdd to kULe (b of unary ones is not read) over bits in a uint64_t, low bits first. The operands' bits above the
// type's width are 0, those of the result say nothing. kI32 counts for kBool too. nullopt where the result is
// undefined: a division by zero, a shift by the width or more. The least integer divided by -1 is itself.
std::optional<uint64_t> EvaluateInt(KOp op, KType type, uint64_t a, uint64_t b);

int64_t SignExtend(KType type, uint64_t bits);

}  // namespace dragoman::kernel
