// SPDX-License-Identifier: Apache-2.0
// The running values of reduce, reduce_window and scan, in f64 until they are finished.
#pragma once

#include <vector>

#include "reference/interpreter.h"
#include "reference/region_function.h"

namespace dragoman::reference {

class Accumulators {
 public:
  // For an op with n operands, n initial values and one region; `count` positions, each starting from the initial
  // values.
  Accumulators(const OpCall& call, int64_t count);
  // Combines what is at position `at` with element `element` of the operands.
  Status Combine(int64_t at, int64_t element);
  void Copy(int64_t from, int64_t to);
  // Rounded to the types of the op's results.
  std::vector<Literal> Finish() const;

 private:
  const ir::Op& op_;
  size_t num_inputs_;
  std::vector<TensorReader> inputs_;
  RegionFunction combine_;
  std::vector<Number> values_;  // num_inputs_ for each position
  std::vector<Number> arguments_;
};

}  // namespace dragoman::reference
