// SPDX-License-Identifier: Apache-2.0
#include "lower/window/window_loop.h"

#include <algorithm>

#include "element/group_access.h"

namespace dragoman::kernel {

int WindowLanes(const ir::Window& window, std::span<const TensorType> types, const target::DeviceProfile& profile) {
  if (window.empty() || MaxOpsTimesLanes(profile) < 0) return 1;
  const ir::WindowAxis& last = window.back();
  if (last.size != 1 || last.stride != 1 || last.padding_low != 0 || last.padding_high != 0 ||
      last.base_dilation != 1) {
    return 1;
  }
  int lanes = 4;
  for (const TensorType& type : types) {
    lanes = std::min(lanes, profile.vector_bytes / SizeBytes(type.dtype));
    while (lanes > 1 && type.dims.back() % lanes != 0) lanes /= 2;
  }
  return std::max(lanes, 1);
}

int64_t WindowSize(const ir::Window& window) {
  int64_t size = 1;
  for (const ir::WindowAxis& dimension : window) size *= dimension.size;
  return size;
}

V WindowLoop::StartOf(size_t dimension) const {
  const ir::WindowAxis& window = window_[dimension];
  return b_.ISub(b_.IMul(position_[dimension], b_.I32(window.stride)), b_.I32(window.padding_low));
}

V WindowLoop::TapAt(size_t dimension, V start, V tap) const {
  return b_.IAdd(start, b_.IMul(tap, b_.I32(window_[dimension].window_dilation)));
}

V WindowLoop::IsElement(size_t dimension, V at) const {
  const int64_t dilation = window_[dimension].base_dilation;
  // Negative places are huge as unsigned numbers.
  const int64_t dilated = operand_[dimension] == 0 ? 0 : (operand_[dimension] - 1) * dilation + 1;
  const V is_whole = b_.IEq(b_.URem(at, b_.I32(dilation)), b_.I32(0));
  return b_.And(b_.ULt(at, b_.I32(dilated)), is_whole);
}

std::vector<V> WindowLoop::RunStage(StagedLoop& stages, const std::vector<V>& position, const std::vector<V>& initial,
                                    const Body& body) {
  position_ = position;
  return stages.Run(initial, [&](V tap, std::span<const V> c) {
    const std::vector<V> carried(c.begin(), c.end());
    std::vector<V> index(operand_.size());
    V is_element = b_.Bool(true);
    for (size_t d = window_.size(); d-- > 0;) {
      const V size = b_.I32(window_[d].size);
      const V at = TapAt(d, StartOf(d), d == 0 ? tap : b_.URem(tap, size));
      tap = b_.UDiv(tap, size);
      is_element = b_.And(is_element, IsElement(d, at));
      index[d] = b_.UDiv(at, b_.I32(window_[d].base_dilation));
    }
    return b_.IfValue(
        is_element,
        [&] {
          Elemental::Scope scope(e_);
          return body(index, carried);
        },
        [&] { return carried; });
  });
}

std::vector<V> WindowLoop::Run(const std::vector<V>& position, std::vector<V> carried, const Body& body) {
  position_ = position;
  std::vector<V> index(operand_.size());
  return RunDimension(0, index, std::move(carried), body);
}

// Without dilation the taps inside the operand are one range; it is the whole window where there is no padding.
WindowLoop::Range WindowLoop::RangeOf(size_t dimension, V start) const {
  const ir::WindowAxis& window = window_[dimension];
  const V zero = b_.I32(0), size = b_.I32(window.size);
  const bool is_dense = window.base_dilation == 1 && window.window_dilation == 1;
  const bool is_padded = window.padding_low > 0 || window.padding_high > 0;
  if (!is_padded && window.base_dilation == 1) return {zero, size, true};
  if (!is_dense) return {zero, size, false};
  const V first = b_.SMax(zero, b_.ISub(zero, start));
  const V last = b_.SMin(size, b_.ISub(b_.I32(operand_[dimension]), start));
  return {first, last, true};
}

std::vector<V> WindowLoop::RunDimension(size_t dimension, std::vector<V>& index, std::vector<V> carried,
                                        const Body& body) {
  if (dimension == window_.size()) {
    Elemental::Scope scope(e_);
    return body(index, carried);
  }
  const ir::WindowAxis& window = window_[dimension];
  const V start = StartOf(dimension);
  const Range range = RangeOf(dimension, start);
  const LoopRange taps = {range.first, range.last, b_.I32(1), window.size};
  return b_.For(taps, std::move(carried), [&](V tap, std::span<const V> c) {
    const std::vector<V> current(c.begin(), c.end());
    const V at = TapAt(dimension, start, tap);
    if (!range.is_exact) return RunTap(dimension, at, index, current, body);
    index[dimension] = at;
    return RunDimension(dimension + 1, index, current, body);
  });
}

// A tap that may lie in padding or in a hole.
std::vector<V> WindowLoop::RunTap(size_t dimension, V at, std::vector<V>& index, const std::vector<V>& carried,
                                  const Body& body) {
  return b_.IfValue(
      IsElement(dimension, at),
      [&] {
        index[dimension] = b_.UDiv(at, b_.I32(window_[dimension].base_dilation));
        return RunDimension(dimension + 1, index, carried, body);
      },
      [&] { return carried; });
}

}  // namespace dragoman::kernel
