// SPDX-License-Identifier: Apache-2.0
// Which elements of the input a window covers, for reduce_window, select_and_scatter and convolution.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "types/shape.h"

namespace dragoman::reference {

// One dimension of a window. Dilation of the base puts holes between elements, that of the window between its taps.
struct WindowDimension {
  int64_t size = 1;
  int64_t stride = 1;
  int64_t padding_low = 0;
  int64_t base_dilation = 1;
  int64_t window_dilation = 1;

  // The input position under tap `tap` of the window at `position`; nullopt in padding, in a hole or beyond `extent`.
  std::optional<int64_t> Source(int64_t position, int64_t tap, int64_t extent) const {
    const int64_t padded = position * stride + tap * window_dilation - padding_low;
    if (padded < 0 || padded % base_dilation != 0 || padded / base_dilation >= extent) return std::nullopt;
    return padded / base_dilation;
  }
};

using Window = std::vector<WindowDimension>;

inline Dims SizesOf(const Window& window) {
  Dims sizes;
  for (const WindowDimension& dimension : window) sizes.push_back(dimension.size);
  return sizes;
}

// Linear index of the input element under a tap, or nullopt.
inline std::optional<int64_t> SourceOf(const Window& window, const Dims& position, const Dims& tap, const Dims& dims,
                                       const Dims& strides) {
  int64_t linear = 0;
  for (size_t d = 0; d < window.size(); ++d) {
    const std::optional<int64_t> source = window[d].Source(position[d], tap[d], dims[d]);
    if (!source.has_value()) return std::nullopt;
    linear += *source * strides[d];
  }
  return linear;
}

}  // namespace dragoman::reference
