// SPDX-License-Identifier: Apache-2.0
// Host-side layouts: what the ABI calls tiled (an order of dimensions) or strided becomes byte strides.
#pragma once

#include <cstddef>

#include "base/status.h"
#include "pjrt/c_api.h"
#include "types/shape.h"

namespace dragoman::pjrt {

struct HostLayout {
  Dims byte_strides;         // one a dimension
  size_t size_bytes = 0;     // from the first to behind the last element
  bool is_row_major = true;  // dense: plain bytes will do
};

// The layout of `type` on the host; null means dense row-major. INVALID_ARGUMENT: no permutation, negative strides, a
// wrong count. UNIMPLEMENTED: real tiles.
StatusOr<HostLayout> ReadHostLayout(const PJRT_Buffer_MemoryLayout* layout, const TensorType& type);
// Dense row-major elements of `source` to their places in `destination`.
void ScatterToLayout(const TensorType& type, const HostLayout& layout, const std::byte* source, std::byte* destination);

}  // namespace dragoman::pjrt
