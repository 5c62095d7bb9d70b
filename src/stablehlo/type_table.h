// SPDX-License-Identifier: Apache-2.0
// The types of an artifact, decoded when first asked for. VHLO types and the builtin types that sdy ops bring along.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "stablehlo/container.h"
#include "types/limits.h"
#include "types/shape.h"

namespace dragoman::stablehlo {

class TypeTable {
 public:
  explicit TypeTable(std::shared_ptr<const Container> container)
      : container_(std::move(container)), tensors_(container_->types.size()) {}

  // A ranked tensor of a supported element type with static extents, or a token. Otherwise UNIMPLEMENTED with the
  // type's text. The pointer stays valid as long as the table.
  StatusOr<const TensorType*> Tensor(uint64_t index);
  // The element type that an integer or float attribute states; index is a 64-bit integer.
  StatusOr<DType> Scalar(uint64_t index) const;
  // Any type, for messages: "tensor<?xf32>".
  std::string Text(uint64_t index) const;

 private:
  StatusOr<TensorType> DecodeTensor(const Entry& entry, uint64_t index) const;

  std::shared_ptr<const Container> container_;
  std::vector<std::optional<TensorType>> tensors_;
};

}  // namespace dragoman::stablehlo
