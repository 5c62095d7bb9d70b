// SPDX-License-Identifier: Apache-2.0
// The envelope around a saved program: magic, version, payload size, checksum, payload. All numbers little-endian.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"

namespace dragoman::program {

// Raised with every change of Program's fields or of what they mean.
inline constexpr uint32_t kByteFormVersion = 7;

std::vector<std::byte> Seal(std::span<const std::byte> payload);
// The payload inside `bytes`. INVALID_ARGUMENT: not a saved program, of another version, cut short or altered.
StatusOr<std::span<const std::byte>> Unseal(std::span<const std::byte> bytes);

}  // namespace dragoman::program
