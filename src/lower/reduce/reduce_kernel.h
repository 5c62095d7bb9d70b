// SPDX-License-Identifier: Apache-2.0
// The kernel of one pass of a reduction, laid out by a ReducePlan.
#pragma once

#include <vector>

#include "base/status.h"
#include "element/dispatch.h"
#include "element/elemental.h"
#include "element/reduce_combiner.h"
#include "element/workgroup_combine.h"
#include "fusion/plan.h"
#include "lower/reduce/reduce_plan.h"
#include "lower/reduce/reduce_space.h"

namespace dragoman::kernel {

// What a pass reads and writes. The first reads the operands, the last writes the group's outputs; what lies between
// are the partial results of `num_partials` parts, [kept, parts] for rows and [parts, kept] for columns, one temporary
// a machine value of the accumulators.
struct ReducePass {
  bool is_first = true;
  bool is_last = true;
  int64_t num_partials = 1;
};

class ReduceKernel {
 public:
  // `reduces` are members of `group` over the same positions; everything passed outlives this.
  ReduceKernel(const fusion::Group& group, std::span<const ir::Op* const> reduces, const ReduceSpace& space,
               const target::DeviceProfile& profile);

  StatusOr<Dispatch> Emit(const ReducePlan& plan, const ReduceExtents& extents, const ReducePass& pass) &&;
  // The element type in memory of each temporary of partial results.
  static std::vector<DType> PartialTypes(std::span<const ir::Op* const> reduces, const target::DeviceProfile& profile);

 private:
  using Set = std::vector<Scalar>;  // one of each accumulator
  struct Stretch {                  // the reduced positions of one invocation: from, from + step, ... below end
    V from, end;
    int64_t step;
    int64_t length;  // from the least `from` to `end`, at most
  };

  StatusOr<std::vector<Set>> Elements(V kept, V reduced);
  StatusOr<Set> CombineInOrder(std::vector<Set> sets);
  StatusOr<std::vector<Set>> Accumulate(V kept, V fellow, V split);
  StatusOr<std::vector<Set>> AccumulateStretch(V kept, const Stretch& stretch, int unroll, std::vector<Set> start);
  StatusOr<std::vector<Set>> AddElements(V kept, V reduced, const Stretch& stretch, int unroll,
                                         std::span<const Set> carried);
  Stretch StretchOf(V fellow, V split);
  Status EmitRow();
  Status EmitColumn();
  Status Write(V kept, V split, std::vector<Set> sets);
  Status WriteOutputs(V kept, const std::vector<Set>& sets);
  int64_t positions_a_load() const { return plan_.kind == ReduceKind::kRow ? plan_.lanes : 1; }
  int num_sets() const { return plan_.kind == ReduceKind::kRow ? 1 : plan_.lanes; }

  const fusion::Group& group_;
  std::span<const ir::Op* const> reduces_;
  std::vector<const ir::Value*> operands_, results_;  // of all reduces, one an accumulator
  const ReduceSpace& space_;
  Builder b_;
  Elemental elemental_;
  Combiner combiner_;
  ReducePlan plan_;
  ReduceExtents extents_;
  ReducePass pass_;
  std::vector<int> read_partials_, written_partials_;
};

}  // namespace dragoman::kernel
