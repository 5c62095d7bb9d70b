// SPDX-License-Identifier: Apache-2.0
// The loop over the elements of one window of an operand, as reduce_window and select_and_scatter have it. Padding and
// the holes of dilation are skipped.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "element/elemental.h"
#include "element/staged_loop.h"
#include "ir/windows.h"

namespace dragoman::kernel {

int64_t WindowSize(const ir::Window& window);
// How many consecutive elements of the innermost dimension, which the window must leave alone, one invocation should
// take: 1, 2 or 4. `types` are those of what is read and written.
int WindowLanes(const ir::Window& window, std::span<const TensorType> types, const target::DeviceProfile& profile);

// Carries values through the elements, in row-major order, of the window at `position` (one index a dimension).
class WindowLoop {
 public:
  using Body = std::function<std::vector<V>(const std::vector<V>& operand_index, const std::vector<V>& carried)>;

  WindowLoop(Elemental& elemental, const ir::Window& window, const Dims& operand)
      : e_(elemental), b_(elemental.builder()), window_(window), operand_(operand) {}
  std::vector<V> Run(const std::vector<V>& position, std::vector<V> carried, const Body& body);
  // The same in stages over all elements of the window, for windows that are too large for the device's loops.
  std::vector<V> RunStage(StagedLoop& stages, const std::vector<V>& position, const std::vector<V>& initial,
                          const Body& body);

 private:
  struct Range {
    V first;
    V last;
    bool is_exact;  // every element of the range is in the operand
  };
  Range RangeOf(size_t dimension, V start) const;
  std::vector<V> RunDimension(size_t dimension, std::vector<V>& index, std::vector<V> carried, const Body& body);
  // Whether an index lies in the operand and in none of dilation's holes.
  V IsElement(size_t dimension, V at) const;
  V TapAt(size_t dimension, V start, V tap) const;
  V StartOf(size_t dimension) const;
  std::vector<V> RunTap(size_t dimension, V at, std::vector<V>& index, const std::vector<V>& carried, const Body& body);

  Elemental& e_;
  Builder& b_;
  const ir::Window& window_;
  const Dims& operand_;
  std::vector<V> position_;
};

}  // namespace dragoman::kernel
