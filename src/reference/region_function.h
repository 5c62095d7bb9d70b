// SPDX-License-Identifier: Apache-2.0
// The region of a reduce, sort, scatter ... as a function of numbers. Regions of elementwise ops on scalars, which
// nearly all are, run without touching literals.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"
#include "reference/interpreter.h"
#include "reference/scalar_eval.h"

namespace dragoman::reference {

enum class Accumulation {
  kRounded,  // every op rounds to its own type
  kExact,    // a region that only adds, or only multiplies, keeps f64 between calls
};

class RegionFunction {
 public:
  // The block's captured values must be in the frame; both must outlive this.
  static RegionFunction Make(const ir::Block& block, Frame& frame, Accumulation accumulation = Accumulation::kRounded);

  // The results stay valid until the next call.
  StatusOr<std::span<const Number>> Apply(std::span<const Number> arguments);

 private:
  struct Step {
    ScalarFunction function;
    ScalarContext context;
    int operands[3];
    int result;
  };

  RegionFunction(const ir::Block& block, Frame& frame) : block_(block), frame_(frame) {}
  bool Translate();
  bool TranslateOp(const ir::Op& op);
  // The slot that holds the value, or -1 when it is no single number.
  int SlotOf(const ir::Value* value);
  bool OnlyAccumulates() const;
  StatusOr<std::span<const Number>> ApplyBlock(std::span<const Number> arguments);

  const ir::Block& block_;
  Frame& frame_;
  bool is_translated_ = false;
  bool rounds_ = true;
  std::vector<Number> slots_;
  std::unordered_map<const ir::Value*, int> slot_of_;
  std::vector<Step> steps_;
  std::vector<int> returned_;
  std::vector<Number> results_;
};

}  // namespace dragoman::reference
