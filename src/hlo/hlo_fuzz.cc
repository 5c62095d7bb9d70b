// SPDX-License-Identifier: Apache-2.0
// Hostile programs: whatever the bytes, reading them ends with a module that verifies or an error.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hlo/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using dragoman::StatusCode;
  const auto module = dragoman::hlo::ReadHlo(std::as_bytes(std::span(data, size)));
  if (module.ok()) {
    dragoman::ir::Walk((*module)->main()->body, [&](const dragoman::ir::Op* op) { (void)(*module)->Where(*op); });
    return 0;
  }
  const StatusCode code = module.status().code();
  if (code != StatusCode::kInvalidArgument && code != StatusCode::kUnimplemented) std::abort();
  return 0;
}
