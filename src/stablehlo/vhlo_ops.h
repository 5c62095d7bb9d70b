// SPDX-License-Identifier: Apache-2.0
// Every operation of VHLO 1.10.0, and the few later versions of them that differ by one attribute we can read.
// The stream does not name attributes: an op's property blob lists its attributes by alphabetical order of their names.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/ops.h"

namespace dragoman::stablehlo {

struct VhloOp {
  std::string_view name;                     // "add_v1"
  std::vector<std::string_view> attributes;  // in stream order
  std::string_view base_name;                // "add", StableHLO's name
  std::optional<ir::OpCode> code;            // of that name in the tensor IR; nullopt: refused by name
};

// nullptr when there is no such op.
const VhloOp* FindVhloOp(std::string_view name);

}  // namespace dragoman::stablehlo
