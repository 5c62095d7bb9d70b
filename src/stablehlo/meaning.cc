// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/meaning.h"

#include <string_view>

namespace dragoman::stablehlo {
namespace {

struct NamedMeaning {
  std::string_view dialect;
  std::string_view name;
  Meaning meaning;
};

// builtin casts lead to and from the sdy ops.
constexpr NamedMeaning kOfOtherDialects[] = {
    {"builtin", "unrealized_conversion_cast", Meaning::kIdentity},
    {"sdy", "sharding_constraint", Meaning::kIdentity},
    {"sdy", "reshard", Meaning::kIdentity},
    {"sdy", "propagation_barrier", Meaning::kIdentity},
    {"sdy", "sharding_group", Meaning::kNothing},
    {"sdy", "mesh", Meaning::kNothing},
};

}  // namespace

const VhloOp* VhloOpOf(const StreamOp& op) {
  return op.name->dialect->dialect == Dialect::kVhlo ? FindVhloOp(op.name->name) : nullptr;
}

Meaning MeaningOf(const StreamOp& op) {
  const VhloOp* row = VhloOpOf(op);
  if (row != nullptr) return row->code.has_value() ? Meaning::kOperation : Meaning::kUnsupported;
  for (const NamedMeaning& named : kOfOtherDialects) {
    if (named.dialect == op.name->dialect->name && named.name == op.name->name) return named.meaning;
  }
  return Meaning::kUnsupported;
}

}  // namespace dragoman::stablehlo
