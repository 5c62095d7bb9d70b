// SPDX-License-Identifier: Apache-2.0
// Source locations of an artifact, decoded only when an error or a kernel name asks. Keeps the artifact alive.
// Thread-safe: nothing changes after construction.
#pragma once

#include <memory>
#include <string>

#include "ir/ir.h"
#include "stablehlo/container.h"

namespace dragoman::stablehlo {

inline ir::LocationId LocationIdOf(uint64_t attribute_index) {
  return static_cast<ir::LocationId>(attribute_index + 1);
}

class LocationTable : public ir::LocationTable {
 public:
  explicit LocationTable(std::shared_ptr<const Container> container) : container_(std::move(container)) {}
  // "train.py:17 in jit(step)/add": the innermost file and line, the outermost name. Either half may be missing.
  std::string Describe(ir::LocationId id) const override;

 private:
  std::shared_ptr<const Container> container_;
};

}  // namespace dragoman::stablehlo
