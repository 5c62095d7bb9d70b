// SPDX-License-Identifier: Apache-2.0
// Which op of the tensor IR an HLO instruction is, where it is one as it stands, and the attributes that it then has.
#pragma once

#include <optional>
#include <string_view>

#include "hlo/module_table.h"
#include "ir/ir.h"

namespace dragoman::hlo {

// The op with operands, results and regions in the same order; nothing for instructions that need more than that.
std::optional<ir::OpCode> PlainOpOf(std::string_view opcode);
// Its attributes, all that the op table asks for.
StatusOr<ir::Attributes> ReadAttributes(const Instruction& instruction, ir::OpCode code);

}  // namespace dragoman::hlo
