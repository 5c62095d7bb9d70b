// SPDX-License-Identifier: Apache-2.0
// Which elements of the input a window covers, for reduce_window, select_and_scatter and convolution.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/windows.h"
#include "types/shape.h"

namespace dragoman::reference {

using ir::Window;

// The input position under tap `tap` of the window at `position`; nullopt in padding, in a hole or beyond `extent`.
inline std::optional<int64_t> SourceOf(const ir::WindowAxis& axis, int64_t position, int64_t tap, int64_t extent) {
  const int64_t padded = position * axis.stride + tap * axis.window_dilation - axis.padding_low;
  if (padded < 0 || padded % axis.base_dilation != 0 || padded / axis.base_dilation >= extent) return std::nullopt;
  return padded / axis.base_dilation;
}

inline Dims SizesOf(const Window& window) {
  Dims sizes;
  for (const ir::WindowAxis& axis : window) sizes.push_back(axis.size);
  return sizes;
}

// Linear index of the input element under a tap, or nullopt.
inline std::optional<int64_t> SourceOf(const Window& window, const Dims& position, const Dims& tap, const Dims& dims,
                                       const Dims& strides) {
  int64_t linear = 0;
  for (size_t d = 0; d < window.size(); ++d) {
    const std::optional<int64_t> source = SourceOf(window[d], position[d], tap[d], dims[d]);
    if (!source.has_value()) return std::nullopt;
    linear += *source * strides[d];
  }
  return linear;
}

}  // namespace dragoman::reference
