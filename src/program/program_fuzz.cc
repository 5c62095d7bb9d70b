// SPDX-License-Identifier: Apache-2.0
// Any payload under a right checksum: Load must refuse it or give a program that prints and saves to itself.
#include "base/check.h"
#include "program/byte_form.h"
#include "program/program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dragoman::program;
  const std::span<const std::byte> input = std::as_bytes(std::span(data, size));
  if (const auto raw = Load(input); raw.ok()) return 0;
  const auto program = Load(Seal(input));
  if (!program.ok()) return 0;
  CHECK(!Print(**program).empty());
  CHECK(Load(Save(**program)).ok());
  return 0;
}
