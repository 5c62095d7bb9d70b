// SPDX-License-Identifier: Apache-2.0
// Hostile artifacts.
#include "read/fuzz_testing.h"
#include "stablehlo/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return dragoman::read::ReadHostileBytes(dragoman::stablehlo::ReadArtifact, data, size);
}
