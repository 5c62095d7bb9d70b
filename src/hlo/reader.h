// SPDX-License-Identifier: Apache-2.0
// XLA's programs (a serialized HloModuleProto, PJRT's format "hlo") to tensor IR: what TensorFlow and torch_xla send.
// The only room that knows either protobuf or HLO.
#pragma once

#include <memory>
#include <span>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::hlo {

// INVALID_ARGUMENT: not such a program, damaged, or hostile (never reads out of bounds, never allocates more than a
// small multiple of the input). UNIMPLEMENTED: an instruction, type or dynamic dimension that the tensor IR has no
// place for, with its name and place. The result verifies.
StatusOr<std::unique_ptr<ir::Module>> ReadHlo(std::span<const std::byte> proto);

}  // namespace dragoman::hlo
