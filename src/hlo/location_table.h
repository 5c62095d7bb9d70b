// SPDX-License-Identifier: Apache-2.0
// Where instructions come from, as their metadata says; decoded only when an error or a kernel's name asks.
#pragma once

#include <string>
#include <vector>

#include "hlo/message.h"
#include "ir/ir.h"

namespace dragoman::hlo {

class LocationTable : public ir::LocationTable {
 public:
  // The metadata of an instruction, a message that is copied.
  ir::LocationId Add(std::span<const std::byte> metadata);
  // "train.py:17 in sequential/dense/MatMul"; either half may be missing.
  std::string Describe(ir::LocationId id) const override;

 private:
  std::vector<std::vector<std::byte>> metadata_;
};

// "train.py:17 in model/dense", or "", of an instruction's OpMetadata.
std::string PlaceOf(std::span<const std::byte> metadata);

}  // namespace dragoman::hlo
