// SPDX-License-Identifier: Apache-2.0
// From the attributes of a VHLO op to those of the tensor IR.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/attributes.h"
#include "stablehlo/attribute_table.h"
#include "stablehlo/op_stream.h"
#include "stablehlo/vhlo_ops.h"

namespace dragoman::stablehlo {

// `row.code` must be there. Most attributes keep their name; the others have a rule each in the source.
StatusOr<ir::Attributes> ImportAttributes(const VhloOp& row, const StreamOp& op, AttributeTable& table);

// The key of the tensor IR's attribute with this name among those the op may have.
std::optional<ir::AttrKey> KeyOf(ir::OpCode code, std::string_view name);
// Whether an attribute without such a key is imported by a rule of its own or knowingly left out.
bool HasImportRule(std::string_view name);

}  // namespace dragoman::stablehlo
