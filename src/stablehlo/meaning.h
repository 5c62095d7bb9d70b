// SPDX-License-Identifier: Apache-2.0
// What an op of the stream becomes. On one device most of what concerns distribution means nothing: shardings and
// collectives with oneself hand their operands on, the device's number is 0.
#pragma once

#include "base/status.h"
#include "stablehlo/attribute_table.h"
#include "stablehlo/op_stream.h"

namespace dragoman::stablehlo {

enum class Meaning : uint8_t {
  kOperation,     // an op of the tensor IR
  kIdentity,      // result i is operand i; regions do not matter
  kDeviceNumber,  // constant 0
  kNothing,       // has no results and no effect
  kUnsupported,
};

StatusOr<Meaning> MeaningOf(const StreamOp& op, bool is_single_device, AttributeTable& table);

// The row of a VHLO op, or nullptr for ops of other dialects and unknown ones.
const VhloOp* VhloOpOf(const StreamOp& op);

}  // namespace dragoman::stablehlo
