// SPDX-License-Identifier: Apache-2.0
// How each op that moves data is computed at an index: one row an op. Internal to Elemental.
#pragma once

#include "base/status.h"
#include "element/elemental.h"
#include "ir/ir.h"

namespace dragoman::kernel {

// What consecutive innermost positions of a result are in operand 0.
enum class LaneRule : uint8_t {
  kUniform,     // one and the same position
  kContiguous,  // consecutive innermost positions, starting at a multiple of the number of lanes
  kSeparate,    // anything else: each lane is computed on its own
};

struct ElementalRow {
  ir::OpCode code;
  // Exactly one of the two is set. `map`: the element is operand 0's at another index, which map tells.
  StatusOr<Index> (*map)(Elemental& elemental, const ir::Op& op, const Index& index) = nullptr;
  // Computes the lanes; called with several lanes only when `lane_rule` does not say kSeparate.
  StatusOr<Lanes> (*emit)(Elemental& elemental, const ir::Op& op, const Index& index, int lanes) = nullptr;
  LaneRule (*lane_rule)(const ir::Op& op, int lanes);
  bool needs_dims;  // whether the index by dimension is looked at; otherwise the linear index suffices
};

// Null when the op is not computed element by element.
const ElementalRow* FindElementalRow(ir::OpCode code);
// Whether a reduce is small enough to be computed again for each element that reads it.
inline constexpr int64_t kMaxInlineReduce = 8;
bool IsInlineReduce(const ir::Op& op);
// Whether a constant is written into the code: a splat, one element, or few elements that no buffer holds.
bool IsInlineConstant(const ir::Op& op);

StatusOr<Index> MapBroadcastInDim(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapReshape(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapTranspose(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapReverse(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapSlice(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapDynamicSlice(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Index> MapGather(Elemental& elemental, const ir::Op& op, const Index& index);
StatusOr<Lanes> EmitConstant(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);
StatusOr<Lanes> EmitIota(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);
StatusOr<Lanes> EmitBitcastConvert(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);
StatusOr<Lanes> EmitPad(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);
StatusOr<Lanes> EmitConcatenate(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);
StatusOr<Lanes> EmitInlineReduce(Elemental& elemental, const ir::Op& op, const Index& index, int lanes);

LaneRule BroadcastInDimLanes(const ir::Op& op, int lanes);
LaneRule ReshapeLanes(const ir::Op& op, int lanes);
LaneRule TransposeLanes(const ir::Op& op, int lanes);
LaneRule ReverseLanes(const ir::Op& op, int lanes);
LaneRule SliceLanes(const ir::Op& op, int lanes);
LaneRule DynamicSliceLanes(const ir::Op& op, int lanes);
LaneRule GatherLanes(const ir::Op& op, int lanes);
LaneRule ConstantLanes(const ir::Op& op, int lanes);
LaneRule IotaLanes(const ir::Op& op, int lanes);
LaneRule BitcastConvertLanes(const ir::Op& op, int lanes);
LaneRule PadLanes(const ir::Op& op, int lanes);
LaneRule ConcatenateLanes(const ir::Op& op, int lanes);
LaneRule InlineReduceLanes(const ir::Op& op, int lanes);

}  // namespace dragoman::kernel
