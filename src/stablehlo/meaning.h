// SPDX-License-Identifier: Apache-2.0
// What an op of the stream becomes. Shardy's say where data lies among devices and compute nothing: they hand their
// operands on.
#pragma once

#include "stablehlo/op_stream.h"

namespace dragoman::stablehlo {

enum class Meaning : uint8_t {
  kOperation,  // an op of the tensor IR
  kIdentity,   // result i is operand i; regions do not matter
  kNothing,    // has no results and no effect
  kUnsupported,
};

Meaning MeaningOf(const StreamOp& op);

// The row of a VHLO op, or nullptr for ops of other dialects and unknown ones.
const VhloOp* VhloOpOf(const StreamOp& op);

}  // namespace dragoman::stablehlo
