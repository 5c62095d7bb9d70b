// SPDX-License-Identifier: Apache-2.0
// For the fuzzers of readers: whatever the bytes, reading them ends with a module that verifies or an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ir/ir.h"

namespace dragoman::read {

// Ends the process where the error says that it is our fault.
template <typename Reader>
int ReadHostileBytes(Reader read, const uint8_t* data, size_t size) {
  const auto module = read(std::as_bytes(std::span(data, size)));
  if (module.ok()) {
    ir::Walk((*module)->main()->body, [&](const ir::Op* op) { (void)(*module)->Where(*op); });
    return 0;
  }
  const StatusCode code = module.status().code();
  if (code != StatusCode::kInvalidArgument && code != StatusCode::kUnimplemented) std::abort();
  return 0;
}

}  // namespace dragoman::read
