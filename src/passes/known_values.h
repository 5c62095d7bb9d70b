// SPDX-License-Identifier: Apache-2.0
// What can be computed while compiling.
#pragma once

#include <optional>

#include "passes/names.h"

namespace dragoman::passes {

// Pure, of a kind that the reference evaluates without its surroundings.
bool IsFoldable(const Op& op);

// Values that depend on constants alone, however many operations away.
class KnownValues {
 public:
  // At most this many elements are computed for one value, all on its way counted.
  explicit KnownValues(int64_t max_elements) : max_elements_(max_elements) {}

  // Null where the value is not known or too dear. Kept until the next one is asked.
  const ir::Literal* Find(const Value* value);

 private:
  void Compute(const Value* root);

  const int64_t max_elements_;
  const Value* last_ = nullptr;
  std::optional<ir::Literal> found_;
};

}  // namespace dragoman::passes
