// SPDX-License-Identifier: Apache-2.0
// Finds the quickest tiles for a program's products by running it with each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "runtime/runtime.h"

namespace dragoman::measure {

struct TuneOptions {
  // Also other orders of summation: more parts of K. Results then differ in their last bits from those that are not
  // tuned. Without, they have the same bits, which is checked on the program.
  bool reorders = false;
  size_t most_candidates = 10;  // a product, the best by estimate
  bool only_new = false;        // leave products alone that `options.tuning` knows
};

struct TunedProduct {
  std::string key;
  std::string before;         // the tile
  std::string after;          // the same where none is quicker
  double seconds_before = 0;  // of an execution of the program, all products of this key
  double seconds_after = 0;
  size_t num_tried = 0;
};

// Makes the program anew; it is compiled once a candidate.
using MakeModule = std::function<StatusOr<std::unique_ptr<ir::Module>>()>;
// In the order of the keys; empty where no product of the program has a choice on this device. `options.tuning` says
// what is used so far. INTERNAL where results change that must not.
StatusOr<std::vector<TunedProduct>> TuneProgram(runtime::Device& device, const MakeModule& make_module,
                                                const compiler::Options& options, const TuneOptions& tune);
target::Tuning TuningOf(const std::vector<TunedProduct>& products);

}  // namespace dragoman::measure
