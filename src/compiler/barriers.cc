// SPDX-License-Identifier: Apache-2.0
#include "compiler/barriers.h"

#include <algorithm>

namespace dragoman::compiler {

using program::SlotKind;

BarrierPlanner::Range BarrierPlanner::RangeOf(const Access& access) const {
  const program::Slot& slot = program_.slots[access.slot];
  Range range{slot.kind, slot.index, slot.offset_bytes, slot.offset_bytes + slot.size_bytes, access.is_write};
  if (slot.kind == SlotKind::kArena) range.index = 0;
  // An output that may take a donated parameter's memory counts as that parameter.
  if (slot.kind == SlotKind::kOutput && program_.outputs[slot.index].aliased_parameter >= 0) {
    range.kind = SlotKind::kParameter;
    range.index = static_cast<uint32_t>(program_.outputs[slot.index].aliased_parameter);
  }
  return range;
}

bool BarrierPlanner::Step(const std::vector<Access>& accesses) {
  std::vector<Range> ranges;
  ranges.reserve(accesses.size());
  for (const Access& access : accesses) {
    const SlotKind kind = program_.slots[access.slot].kind;
    if (kind != SlotKind::kConstant) ranges.push_back(RangeOf(access));
  }
  const bool conflicts = std::any_of(pending_.begin(), pending_.end(), [&](const Range& earlier) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const Range& now) {
      return earlier.kind == now.kind && earlier.index == now.index && (earlier.is_write || now.is_write) &&
             earlier.begin < now.end && now.begin < earlier.end;
    });
  });
  const bool needs_barrier = forced_ || conflicts;
  if (needs_barrier) pending_.clear();
  forced_ = false;
  pending_.insert(pending_.end(), ranges.begin(), ranges.end());
  return needs_barrier;
}

}  // namespace dragoman::compiler
