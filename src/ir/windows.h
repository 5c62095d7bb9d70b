// SPDX-License-Identifier: Apache-2.0
// The windows of reduce_window, select_and_scatter and convolution.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/attributes.h"

namespace dragoman::ir {

// One axis of a window. Dilation of the base puts holes between elements, that of the window between its taps.
struct WindowAxis {
  int64_t size = 1;
  int64_t stride = 1;
  int64_t base_dilation = 1;
  int64_t window_dilation = 1;
  int64_t padding_low = 0;
  int64_t padding_high = 0;
};
using Window = std::vector<WindowAxis>;

// Of reduce_window and select_and_scatter, whose attributes have passed the shape rule; what they lack keeps its
// default.
Window WindowOf(const Attributes& attributes);
// How many positions the window has along an axis of `extent` elements.
int64_t WindowPositions(int64_t extent, const WindowAxis& axis);

}  // namespace dragoman::ir
