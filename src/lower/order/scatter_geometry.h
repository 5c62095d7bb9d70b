// SPDX-License-Identifier: Apache-2.0
// Where scatter's updates go. An update element has a position (which index vector it belongs to) and a place in that
// vector's window. A window that does not lie wholly inside the operand is dropped, as XLA does.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "element/elemental.h"

namespace dragoman::kernel {

class ScatterGeometry {
 public:
  explicit ScatterGeometry(const ir::Op& scatter);

  const ir::Op& op() const { return op_; }
  int num_inputs() const { return static_cast<int>(op_.results.size()); }
  const ir::Value* indices() const { return op_.operands[num_inputs()]; }
  const ir::Value* updates(int i) const { return op_.operands[num_inputs() + 1 + i]; }
  const Dims& input_dims() const { return op_.type().dims; }

  const Dims& position_extents() const { return position_extents_; }
  const Dims& window_extents() const { return window_extents_; }
  int64_t num_positions() const { return NumElements(position_extents_); }
  int64_t window_size() const { return NumElements(window_extents_); }
  // Whether two windows that start at different places can share elements.
  bool CanOverlapPartly() const;
  // How many consecutive places of a window are consecutive in memory too, from a multiple of so many: 1, 2 or 4.
  int VectorLanes(const target::DeviceProfile& profile) const;
  // How many different starts there are.
  int64_t num_starts() const;

  // A window's start in the operand, and whether the window is inside.
  struct Start {
    V is_inside;
    std::vector<V> dims;
  };
  StatusOr<Start> EmitStart(Elemental& elemental, std::span<const V> position) const;
  // A number below num_starts() that equal starts share; num_starts() for windows outside. kI32.
  StatusOr<V> EmitStartNumber(Elemental& elemental, std::span<const V> position) const;

  Index TargetIndex(Builder& builder, const Start& start, std::span<const V> window) const;
  Index UpdateIndex(std::span<const V> position, std::span<const V> window) const;
  // The reverse of UpdateIndex.
  void SplitUpdateIndex(std::span<const V> dims, std::vector<V>& position, std::vector<V>& window) const;

 private:
  // The largest start along an operand's dimension that keeps the window inside.
  int64_t MaxStart(int64_t dimension) const { return input_dims()[dimension] - extent_in_operand_[dimension]; }

  const ir::Op& op_;
  std::vector<int64_t> position_dims_;  // dimensions of updates
  std::vector<int64_t> window_dims_;    // dimensions of updates
  std::vector<int64_t> target_dims_;    // dimensions of the operand, one a window dimension
  Dims position_extents_;
  Dims window_extents_;
  Dims extent_in_operand_;  // of the window, 1 in dimensions that it lacks
};

}  // namespace dragoman::kernel
