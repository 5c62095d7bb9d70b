// SPDX-License-Identifier: Apache-2.0
// What a tuner may choose for the product of a group.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fusion/plan.h"
#include "target/compile_context.h"

namespace dragoman::kernel {

struct ProductCandidateName {
  std::string name;  // as target::Tuning has it
  // Results have the same bits as with the kernel that is chosen: the same unit adds in the same order.
  bool has_same_bits = false;
};

struct ProductChoices {
  std::string key;                               // as target::Tuning has it
  std::string chosen;                            // by the tuning of the context, or else by estimate
  std::vector<ProductCandidateName> candidates;  // of the same unit, the fewest estimated cycles first
};
// Nothing where the group is no product, or takes a kernel that has no other tiles.
std::optional<ProductChoices> ChoicesOf(const fusion::Group& group, const target::CompileContext& context);

}  // namespace dragoman::kernel
