// SPDX-License-Identifier: Apache-2.0
// The operand of a reduce seen as alternating runs of kept and reduced dimensions. An element is named by its kept
// position (the row-major index in the result) and its reduced position (row-major over the reduced dimensions).
#pragma once

#include <vector>

#include "element/elemental.h"
#include "ir/ir.h"

namespace dragoman::kernel {

// Neighbouring dimensions that are all kept or all reduced; dimensions of extent 1 belong to any run.
struct ReduceRun {
  int64_t extent = 1;
  bool is_reduced = false;
  int first_dim = 0;
  int num_dims = 0;
};

class ReduceSpace {
 public:
  ReduceSpace(const Dims& operand_dims, const std::vector<int64_t>& reduced_dims);

  const std::vector<ReduceRun>& runs() const { return runs_; }
  int64_t num_kept() const { return num_kept_; }
  int64_t num_reduced() const { return num_reduced_; }
  bool innermost_is_reduced() const { return runs_.empty() || runs_.back().is_reduced; }
  // Extent of the innermost run: how many elements lie side by side.
  int64_t innermost() const { return runs_.empty() ? 1 : runs_.back().extent; }

  // Where `operand` (of the space's extents) has the element.
  Index OperandIndex(Elemental& elemental, const ir::Value* operand, V kept, V reduced) const;

 private:
  Dims dims_;
  std::vector<ReduceRun> runs_;
  int64_t num_kept_ = 1;
  int64_t num_reduced_ = 1;
};

}  // namespace dragoman::kernel
