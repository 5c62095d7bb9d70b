// SPDX-License-Identifier: Apache-2.0
// Transposes through shared memory: which transposes of a loop group share a tile, and the kernel.
#pragma once

#include <optional>
#include <vector>

#include "base/status.h"
#include "element/dispatch.h"
#include "fusion/plan.h"
#include "target/profile.h"

namespace dragoman::kernel {

// Transposes that the outputs read at their own linear index, all alike once adjacent dimensions are merged.
struct TransposeTile {
  std::vector<const ir::Op*> transposes;
  Dims dims;                     // of the operand, merged
  std::vector<int> permutation;  // result dimension i is operand dimension permutation[i]
  int lanes = 1;                 // elements that an invocation reads and writes side by side
  int extent() const { return 32 * lanes; }
  int pitch() const { return extent() + 1; }  // of rows in shared memory: one bank apart
};

// Nothing when there are none, they differ, or the innermost dimension stays innermost.
std::optional<TransposeTile> FindTransposeTile(const fusion::Group& group);

// Extents of the two dimensions that the tile covers: innermost of the result, innermost of the operand.
int64_t ResultInnermost(const TransposeTile& tile);
int64_t OperandInnermost(const TransposeTile& tile);
// Bytes of shared memory that the tiles take.
int64_t SharedBytes(const TransposeTile& tile);

StatusOr<Dispatch> LowerTransposeTile(const fusion::Group& group, const target::DeviceProfile& profile,
                                      const TransposeTile& tile);

}  // namespace dragoman::kernel
