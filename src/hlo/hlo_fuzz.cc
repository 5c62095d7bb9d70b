// SPDX-License-Identifier: Apache-2.0
// Hostile HLO modules.
#include "hlo/reader.h"
#include "read/fuzz_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return dragoman::read::ReadHostileBytes(dragoman::hlo::ReadHlo, data, size);
}
