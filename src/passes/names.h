// SPDX-License-Identifier: Apache-2.0
// The names of the tensor IR that passes use on nearly every line.
#pragma once

#include "ir/builder.h"
#include "ir/ir.h"

namespace dragoman::passes {

using ir::Attributes;
using ir::AttrKey;
using ir::Block;
using ir::Builder;
using ir::DenseLiteral;
using ir::Op;
using ir::OpCode;
using ir::SplatLiteral;
using ir::Value;

}  // namespace dragoman::passes
