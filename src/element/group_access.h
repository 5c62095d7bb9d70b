// SPDX-License-Identifier: Apache-2.0
// What a group reads, and how: pure questions that lowerings ask before they choose the shape of a kernel.
#pragma once

#include <span>
#include <unordered_set>
#include <vector>

#include "fusion/plan.h"
#include "target/profile.h"

namespace dragoman::kernel {

// Of what one invocation computes: longer code spills registers. Negative where no vector is worth its code.
inline int MaxOpsTimesLanes(const target::DeviceProfile& profile) {
  return profile.unrolling_is_costly && !profile.loads_visit_lanes ? -1 : 160;
}
// Where no more values than this are needed at once, all lanes counted, length alone does no harm up to a limit.
inline constexpr int kMaxLiveTimesLanes = 40;
inline constexpr int kMaxCodeOfFewLive = 1600;  // as fusion/code_size.h counts

// Which values a group computes in place, as opposed to loading them.
class Membership {
 public:
  explicit Membership(const fusion::Group& group);
  // A member's result, or a constant or iota that is in no memory.
  bool IsComputed(const ir::Value* v) const;

 private:
  std::unordered_set<const ir::Op*> members_;
  std::unordered_set<const ir::Value*> inputs_;
};

// Counts of distinct loads (value and manner) and of scalar ops emitted for `lanes` consecutive positions.
struct LaneAccess {
  int contiguous = 0;  // a vector load serves all lanes
  int uniform = 0;     // one element serves all lanes
  int separate = 0;    // each lane loads on its own
  int num_ops = 0;     // computed values, once a position that they are read at, however many lanes
};

// For `lanes` consecutive positions of each of `roots`, at a multiple of `lanes`. Values in `known` count as given.
LaneAccess AnalyzeLanes(const fusion::Group& group, std::span<const ir::Value* const> roots, int lanes,
                        const std::unordered_set<const ir::Value*>& known = {});

// What differs from lane to lane.
struct LaneCost {
  int live = 0;      // values that are needed later, at most, when each is computed after its operands
  int64_t code = 0;  // in the units of fusion/code_size.h
};
LaneCost CostOfLane(const fusion::Group& group, std::span<const ir::Value* const> roots);

// Whether every element of `roots` depends on elements at the same linear index only, besides uniform ones: then the
// kernel needs no extents and serves every shape.
bool IsLinearAccess(const fusion::Group& group, std::span<const ir::Value* const> roots);

inline constexpr int kMaxLanes = 8;
// How many elements an invocation should move at once, for the widest of the value types that a kernel touches: 1, 2, 4
// or 8.
int PreferredLanes(const fusion::Group& group, int vector_bytes);

}  // namespace dragoman::kernel
