// SPDX-License-Identifier: Apache-2.0
// For tests: operand values at the corners of each machine type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/kernel_ir.h"

namespace dragoman::codegen {

// Bits of values worth trying, zero first.
std::vector<uint64_t> InterestingBits(kernel::KType type);
// Every combination of `arity` interesting values (thinned to at most 512), one vector an operand.
std::vector<std::vector<uint64_t>> OperandColumns(kernel::KType type, int arity);
// The values as the contents of a buffer of kernel::MemoryOf(type), padded to 16 bytes.
std::vector<std::byte> Pack(kernel::KType type, const std::vector<uint64_t>& values);
// Bits of a float type for a number.
uint64_t FloatBits(kernel::KType type, double value);

}  // namespace dragoman::codegen
