// SPDX-License-Identifier: Apache-2.0
// Writes the operations that a program states, as every reader must: checked, and within bounds that no program made to
// do harm gets past. (What a reader makes of its own, from values that were checked, it makes with ir/builder.h.)
#pragma once

#include <vector>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::read {

// As the program has it; types and operands are not known to fit.
struct StatedOp {
  ir::OpCode code;
  std::vector<ir::Value*> operands;
  std::vector<TensorType> types;
  ir::Attributes attributes;
  ir::LocationId location = 0;
};

class OpWriter {
 public:
  explicit OpWriter(size_t program_bytes);

  // At the end of the block, without its regions. Refuses numbers beyond kMaxExtent and tokens where nothing but
  // control flow and effects has them; a comparison gets the type that follows from its operands.
  StatusOr<ir::Op*> Append(ir::Block& block, StatedOp stated);

  // Sharing in a program (types, attributes, computations called by many) is written out here, so a small program could
  // grow without end: INVALID_ARGUMENT when all that was charged exceeds a multiple of its size.
  Status Charge(size_t bytes);
  Status ChargeOps(size_t count) { return Charge(count * sizeof(ir::Op)); }

  // Around what is read inside of something: UNIMPLEMENTED beyond ir::kMaxRegionDepth.
  Status Enter();
  void Leave() { --depth_; }

 private:
  size_t budget_bytes_;
  int depth_ = 0;
};

}  // namespace dragoman::read
