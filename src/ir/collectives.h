// SPDX-License-Identifier: Apache-2.0
// What a collective means where the program runs on one device, which is device 0, as StableHLO's specification has it.
#pragma once

#include "ir/ir.h"

namespace dragoman::ir {

enum class OnOneDevice : uint8_t {
  kOperands,  // result i is operand i
  kZeros,     // nobody sends to the device, or its number is asked for
  kOthers,    // it needs devices that are not there
};

// Of a verified op of kind kCollective.
OnOneDevice MeaningOnOneDevice(const Op& op);

// Whether a custom call only says where data lies among devices. On one device its result is its operand.
bool IsPartitioningMark(const Op& op);

}  // namespace dragoman::ir
