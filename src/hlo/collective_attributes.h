// SPDX-License-Identifier: Apache-2.0
// What a collective of HLO says of the devices that take part.
#pragma once

#include "hlo/module_table.h"
#include "ir/ir.h"

namespace dragoman::hlo {

// All that the op table asks of the op, which is one of kind kCollective with attributes.
Status ReadCollective(const Instruction& instruction, ir::OpCode code, ir::Attributes& attributes);

}  // namespace dragoman::hlo
