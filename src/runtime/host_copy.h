// SPDX-License-Identifier: Apache-2.0
// Strided host arrays to dense row-major bytes.
#pragma once

#include <cstdint>
#include <span>

#include "types/shape.h"

namespace dragoman::runtime {

// Writes the dense row-major form of `type` to `target`. `byte_strides` as in HostView: empty means that `source` is
// dense; otherwise one a dimension, of any sign, with `source` the element at index zero.
void CopyToDense(const TensorType& type, const void* source, std::span<const int64_t> byte_strides, std::byte* target);

}  // namespace dragoman::runtime
