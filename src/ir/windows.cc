// SPDX-License-Identifier: Apache-2.0
#include "ir/windows.h"

namespace dragoman::ir {

Window WindowOf(const Attributes& attributes) {
  const auto& padding = attributes.Ints(AttrKey::kPadding);
  Window window(padding.size() / 2);
  const struct {
    AttrKey key;
    int64_t WindowAxis::*field;
  } lists[] = {{AttrKey::kWindowDimensions, &WindowAxis::size},
               {AttrKey::kWindowStrides, &WindowAxis::stride},
               {AttrKey::kBaseDilations, &WindowAxis::base_dilation},
               {AttrKey::kWindowDilations, &WindowAxis::window_dilation}};
  for (size_t i = 0; i < window.size(); ++i) {
    for (const auto& [key, field] : lists) {
      if (attributes.Has(key)) window[i].*field = attributes.Ints(key)[i];
    }
    window[i].padding_low = padding[2 * i];
    window[i].padding_high = padding[2 * i + 1];
  }
  return window;
}

int64_t WindowPositions(int64_t extent, const WindowAxis& axis) {
  const int64_t dilated = extent == 0 ? 0 : (extent - 1) * axis.base_dilation + 1;
  const int64_t padded = axis.padding_low + dilated + axis.padding_high;
  const int64_t window = axis.size == 0 ? 0 : (axis.size - 1) * axis.window_dilation + 1;
  if (padded <= 0 || window > padded) return 0;
  return (padded - window) / axis.stride + 1;
}

}  // namespace dragoman::ir
