// SPDX-License-Identifier: Apache-2.0
// The interpreter's arithmetic: values are bits in a uint64_t, low bits first.
#pragma once

#include <optional>
#include <span>

#include "kernel/kernel_ir.h"

namespace dragoman::kernel {

// One pure instruction on one invocation's operands; `type` is the operands' (operand 0's). nullopt where the result is
// undefined in a way that no correct kernel may meet (division of an integer by zero).
std::optional<uint64_t> EvaluateScalar(const Instruction& instruction, KType type, std::span<const uint64_t> operands,
                                       bool fuses_fma = true);

// An element between memory and machine value.
uint64_t ReadElement(const std::byte* memory, DType dtype, KType type);
void WriteElement(std::byte* memory, DType dtype, KType type, uint64_t value);

double AsDouble(KType type, uint64_t bits);
uint64_t FromDouble(KType type, double value);

}  // namespace dragoman::kernel
