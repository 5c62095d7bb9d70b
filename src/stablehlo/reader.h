// SPDX-License-Identifier: Apache-2.0
// The portable artifact (MLIR bytecode of the VHLO dialect) to tensor IR. The only room that knows either.
// Reads everything a StableHLO 1.10.0 artifact may hold; what Dragoman does not support is still read, then refused by
// name.
#pragma once

#include <memory>
#include <span>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::stablehlo {

// INVALID_ARGUMENT: not an artifact, damaged, or hostile (never reads out of bounds, never allocates more than a small
// multiple of the input). UNIMPLEMENTED: a known op, type or attribute that the tensor IR has no place for, with its
// Python line. The result verifies; sdy and builtin identities are gone; locations are decoded only when asked.
StatusOr<std::unique_ptr<ir::Module>> ReadArtifact(std::span<const std::byte> artifact);

}  // namespace dragoman::stablehlo
